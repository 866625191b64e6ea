"""Where traffic ends: counted and dropped at the interface that it arrives at, before Linux's stack sees it."""

import math
import socket
from dataclasses import dataclass
from typing import Any, Self

from bise.bench.generator import program
from bise.bench.generator.offer import PORT
from bise.bench.namespaces import Namespace
from bise.ports.steering import libbpf

_A_DOUBLING = 32  # counters for each power of two


@dataclass(frozen=True)
class Arrived:
    """Packets of ours so far; those not aged by one hop; the longest time without one, since `forget_gap`."""

    packets: int
    wrong: int
    longest_gap_ns: int


@dataclass(frozen=True)
class Delays:
    """Packets by how long they took, as the program counts them: each counter is a stretch of time."""

    packets: tuple[int, ...]

    def percentile_us(self, percent: float) -> float:
        """So many packets in a hundred took no longer, to 3 %; nan if none came."""
        wanted, seen = sum(self.packets) * percent / 100, 0
        for number, count in enumerate(self.packets):
            seen += count
            if count and seen >= wanted:
                return (_beginning_ns(number) + _beginning_ns(number + 1)) / 2000
        return math.nan


def _beginning_ns(number: int) -> int:
    """The shortest delay that counter `number` counts: 64 of one ns each, then 32 for each power of two."""
    shift = max(0, number // _A_DOUBLING - 1)
    return number - _A_DOUBLING * shift << shift


class Sink:
    """Counts at `interface` of `namespace` while the block runs. `stamped`: packets tell when they were made."""

    def __init__(self, namespace: Namespace, interface: str, stamped: bool = False) -> None:
        self._loaded = program.load("count")
        program.store(self._loaded.map("settings"), 0, program.Settings(port=PORT, stamped=stamped))
        self._received, self._gap = self._loaded.map("received"), self._loaded.map("gap")
        self._delays = self._loaded.map("delays")
        self._namespace = namespace
        with namespace.inside():
            self._ifindex = socket.if_nametoindex(interface)
            libbpf.attach_ingress(self._loaded.program("count"), self._ifindex)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: Any) -> None:
        self.close()

    def close(self) -> None:
        """The interface is Linux's again."""
        with self._namespace.inside():
            libbpf.remove_ingress(self._ifindex)
        self._loaded.close()

    @property
    def arrived(self) -> Arrived:
        cores = program.per_core(self._received, program.Counters)
        gaps = program.per_core(self._gap, program.Gap)
        return Arrived(
            sum(core.packets for core in cores),
            sum(core.wrong for core in cores),
            max(gap.longest_ns for gap in gaps),
        )

    def forget_gap(self) -> None:
        """The longest gap is looked for anew."""
        cores = libbpf.library().libbpf_num_possible_cpus()
        program.store(self._gap, 0, bytes(program.Gap()) * cores)

    @property
    def delays(self) -> Delays:
        """Of the stamped packets that came since `forget_delays`."""
        cores = program.per_core(self._delays, program.Delays)
        return Delays(tuple(map(sum, zip(*(core.packets for core in cores), strict=True))))

    def forget_delays(self) -> None:
        """They are counted anew."""
        cores = libbpf.library().libbpf_num_possible_cpus()
        program.store(self._delays, 0, bytes(program.Delays()) * cores)
