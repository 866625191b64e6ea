"""dpdk-testpmd: the yardstick of forwarding, and the virtual machine at the other end of a vhost-user port.

It is driven through its prompt: started and stopped again and again in one process, so that two programs can take turns
on a core. Cycles a packet = time-stamp counter's rate / packets a second, one core being full.
"""

import contextlib
import functools
import os
import re
import select
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bise.errors import BiseError
from bise.ports.dpdk import eal, shim

PROGRAM = "dpdk-testpmd"
PROMPT = "testpmd> "
_PACKET_OCTETS = 2560
_PORTS = re.compile(r"Number of available ports: (\d+)")
_RATES = re.compile(r"Rx-pps:\s+(\d+).*?Tx-pps:\s+(\d+)", re.DOTALL)
_COUNTS = re.compile(r"RX-packets:\s*(\d+).*?TX-packets:\s*(\d+)", re.DOTALL)


class TestpmdFailed(BiseError):
    """dpdk-testpmd is missing, did not start, ended or did not answer."""

    __test__ = False


@dataclass(frozen=True)
class Rates:
    """Packets a second on a port, received and transmitted, since they were last asked for."""

    received: int
    transmitted: int


@dataclass(frozen=True)
class Windows:
    """Cycles a packet in several equal stretches of time."""

    cycles: tuple[float, ...]

    @property
    def minimum(self) -> float:
        """The quietest window: what the program costs."""
        return min(self.cycles)

    @property
    def median(self) -> float:
        """What it cost here and now."""
        return statistics.median(self.cycles)


class Testpmd:
    """A running dpdk-testpmd that doesn't forward yet. Ends with the `with` block, or with its parent.

    `devices` are vdevs in DPDK's words, port 0 first; `cores`: one for the prompt (asleep), the others forward. `mode`
    is its forward mode. `options` go to the application behind the `--`. `huge_pages`: None takes them where enough are
    free; without them it costs about twice the cycles.
    """

    __test__ = False

    def __init__(
        self,
        devices: Sequence[str],
        cores: Sequence[int],
        mode: str = "io",
        huge_pages: bool | None = None,
        options: Sequence[str] = (),
        packets: int = 32767,
    ) -> None:
        if shutil.which(PROGRAM) is None:
            raise TestpmdFailed(f"there is no {PROGRAM} here: install the package dpdk-dev")
        room = packets * _PACKET_OCTETS + eal.ROOM_ON_HUGE_PAGES
        self.huge_pages = eal.huge_pages_free() >= room if huge_pages is None else huge_pages
        application = ["--interactive", f"--forward-mode={mode}", f"--nb-cores={len(cores) - 1}", "--no-flush-rx"]
        application += [f"--total-num-mbufs={packets}", *options]
        command = [PROGRAM, *_environment(devices, cores, self.huge_pages), "--", *application]
        # Where no folder can be made it does without, and leaves none behind.
        variables = os.environ | {"RUNTIME_DIRECTORY": os.devnull}
        self._output = ""
        self._terminal, end = os.openpty()  # a terminal, or what it prints waits in a buffer
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=end, stderr=end, env=variables)
        os.close(end)
        try:
            said = self._wait(20.0)
            found = _PORTS.search(self.command("show port summary all"))
            if found is None or int(found[1]) != len(devices):
                raise TestpmdFailed(f"{PROGRAM} did not open {' and '.join(devices)}:\n{said}")
        except TestpmdFailed:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """Of the running program."""
        return self._process.pid

    def command(self, line: str, patience: float = 10.0) -> str:
        """What it prints in answer to `line`. Raises TestpmdFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise TestpmdFailed(f"{PROGRAM} has ended:\n{self._output}") from None
        return self._wait(patience)

    def start(self) -> None:
        """Forwards from now on."""
        self.command("start")

    def stop(self) -> None:
        """Forwards no more; its cores are free."""
        self.command("stop")

    def rates(self, port: int) -> Rates:
        """Packets a second since the last call (the first: since it started)."""
        found = _RATES.search(self.command(f"show port stats {port}"))
        if found is None:
            raise TestpmdFailed(f"{PROGRAM} showed no rates:\n{self._output}")
        return Rates(int(found[1]), int(found[2]))

    def counts(self, port: int) -> tuple[int, int]:
        """Packets received and transmitted since it was started."""
        found = _COUNTS.search(self.command(f"show port stats {port}"))
        if found is None:
            raise TestpmdFailed(f"{PROGRAM} showed no counters:\n{self._output}")
        return int(found[1]), int(found[2])

    def measure(self, windows: int = 5, window_s: float = 0.5) -> Windows:
        """Forwards for `windows` stretches of time and stops again. Port 0 is the source and never runs dry."""
        self.start()
        found = []
        time.sleep(min(window_s, 0.2))
        self.rates(0)
        for _ in range(windows):
            time.sleep(window_s)
            rate = self.rates(0).received
            found.append(tsc_hz() / rate if rate else float("inf"))
        self.stop()
        return Windows(tuple(found))

    def kill(self) -> None:
        """Ends it without a chance to say goodbye."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.terminate()
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            os.close(self._terminal)

    def _wait(self, patience: float) -> str:
        """Reads up to the next prompt."""
        self._output = ""
        deadline = time.monotonic() + patience
        while not self._output.rstrip("\r\n").endswith(PROMPT):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TestpmdFailed(f"{PROGRAM} did not answer:\n{self._output}")
            if select.select([self._terminal], [], [], left)[0]:
                self._output += self._read()
        return self._output

    def _read(self) -> str:
        try:
            octets = os.read(self._terminal, 1 << 16)
        except OSError:  # EIO: nobody holds the other end any more
            octets = b""
        if not octets:
            raise TestpmdFailed(f"{PROGRAM} has ended:\n{self._output}")
        return octets.decode(errors="replace")


def _environment(devices: Sequence[str], cores: Sequence[int], huge_pages: bool) -> list[str]:
    """Its options in front of the `--`."""
    # A virtual machine may show its memory in few pieces only, hence one file.
    memory = ["--in-memory", "--single-file-segments"] if huge_pages else ["--no-huge", "--no-shconf", "-m", "512"]
    # Its cores are numbered by itself, so that the prompt may share one with a forwarder.
    places = ",".join(f"{i}@{core}" for i, core in enumerate(cores))
    prefix = f"--file-prefix=testpmd-{os.getpid()}-{time.monotonic_ns()}"
    common = [f"--lcores={places}", "--main-lcore=0", "--no-pci", "--no-telemetry", "--log-level=error", prefix]
    return [*common, *memory, *(f"--vdev={device}" for device in devices)]


def forwarder(
    capture: Path, mode: str, prompt_core: int, core: int, huge_pages: bool | None = None, packets: int = 32767
) -> Testpmd:
    """The yardstick: the packets of `capture` for ever, forwarded on one core to a sink; `mode` is io or mac."""
    devices = [f"net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null0,no-rx=1"]
    return Testpmd(devices, [prompt_core, core], mode, huge_pages, packets=packets)


@functools.cache
def tsc_hz() -> float:
    """The time-stamp counter's rate, measured once."""
    start, began = shim.attempt("bise_cycles"), time.monotonic_ns()
    time.sleep(0.1)
    return (shim.attempt("bise_cycles") - start) * 1e9 / (time.monotonic_ns() - began)
