"""Offers traffic from a process of its own, so that no other Python disturbs it: one long call into the kernel."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Any, Self

from bise.bench.generator import program
from bise.bench.generator.cores import HEAVIEST
from bise.bench.generator.offer import Offer
from bise.bench.namespaces import Namespace
from bise.errors import BiseError
from bise.ports.steering import libbpf

_MODULE = "bise.bench.generator"
_PATIENCE_S = 10.0


class Sender:
    """Traffic out of `interface` of `namespace`, to the router's MAC, from one core, while the block runs.

    `nice`: how it shares that core with other tasks; as it is it hardly does.
    """

    def __init__(
        self,
        namespace: Namespace,
        interface: str,
        router_mac: str,
        offer: Offer,
        core: int,
        *,
        nice: int = HEAVIEST,
    ) -> None:
        self._total: int | None = None
        order = {"interface": interface, "router_mac": router_mac, "core": core, "nice": nice}
        order["offer"] = dataclasses.asdict(offer)
        with namespace.inside():
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BiseError(f"the generator ended with {self._process.wait()}")
        self._sent, self._settings = (libbpf.call("bpf_map_get_fd_by_id", number) for number in json.loads(answer))

    def start(self) -> None:
        """Traffic flows from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait_until_sending(self) -> None:
        """Until the first packet is out. Raises BiseError where none is."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self.sent:
            if time.monotonic() > deadline:
                raise BiseError(f"the generator has sent nothing for {_PATIENCE_S:.0f} s")
            time.sleep(0.001)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *ended: Any) -> None:
        self.stop()

    @property
    def sent(self) -> int:
        """Packets so far, or until it was stopped."""
        if self._total is not None:
            return self._total
        return sum(core.packets for core in program.per_core(self._sent, program.Sent))

    def set_rate(self, packets_per_second: float) -> None:
        """Another rate from now on; 0: all it can."""
        settings = program.entry(self._settings, program.Settings)
        settings.gap_ps = int(1e12 / packets_per_second) if packets_per_second else 0
        program.store(self._settings, 0, settings)

    def stop(self) -> None:
        """Traffic ends, and the process."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._total = self.sent
        for descriptor in (self._sent, self._settings):
            os.close(descriptor)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
