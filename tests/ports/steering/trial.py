"""The steering program in the kernel, attached to nothing: a packet in, the kernel's decision out."""

import ctypes
import time

from bise.ports.steering import libbpf
from bise.ports.steering.build import build, object_path
from bise.ports.steering.interface import Answer, Interface, XdpMode
from bise.ports.steering.layout import Reason
from bise.ports.steering.program import Steering, Tags
from bise.ports.steering.verdicts import Verdicts

OWN_MAC = 0x0200_0000_0001
FAR_AHEAD_NS = 3_600_000_000_000


class _TestRun(ctypes.Structure):
    """struct bpf_test_run_opts of libbpf 1.0."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


class Trial:
    """A port with the MAC OWN_MAC, as a program just loaded has it."""

    def __init__(self) -> None:
        build()
        interface = Interface(
            name="trial",
            ifindex=1,
            up=True,
            mac=OWN_MAC,
            mtu=1500,
            kind="",
            driver="",
            queues=1,
            native=Answer.YES,
            several_buffers=Answer.YES,
            vlan_metadata=Answer.NO,
            strips_tags=False,
            merges_packets=False,
            xdp_mode=XdpMode.NONE,
            xdp_program=0,
        )
        self.verdicts = {family: Verdicts(family, 1024) for family in (4, 6)}
        loaded = libbpf.BpfObject(object_path("steer"))
        loaded.select("bise_steer")
        for family, shared in self.verdicts.items():
            loaded.resize(f"verdicts{family}", 1024)
            loaded.reuse(f"verdicts{family}", shared.descriptor)
            loaded.reuse(f"doubts{family}", shared.doubts.descriptor)
        loaded.load()
        self._program = loaded.program("bise_steer")
        self.steering = Steering(interface, Tags.VOUCHED, loaded, "bise_steer")

    def open(self) -> None:
        """Everything that may be a worker's is one's."""
        self.steering.set_gate(0)
        self.steering.set_flags(0)
        self.steering.deadlines[0] = time.monotonic_ns() + FAR_AHEAD_NS
        for shared in self.verdicts.values():
            shared.replace({})

    def reason(self, packet: bytes) -> Reason:
        """Why the program gives this packet to the kernel, or WORKER."""
        before = self.steering.counts()
        run = _TestRun(ctypes.sizeof(_TestRun), data_in=packet, data_size_in=len(packet), repeat=1)
        library = libbpf.library()
        outcome = library.bpf_prog_test_run_opts(self._program, ctypes.byref(run))
        assert outcome == 0, outcome
        assert run.retval == 2  # XDP_PASS, also where the queue has no socket
        after = self.steering.counts()
        changed = [reason for reason in after if after[reason] != before[reason]]
        assert len(changed) <= 1
        return changed[0] if changed else Reason.WORKER

    def close(self) -> None:
        self.steering.close()
        for shared in self.verdicts.values():
            shared.close()
