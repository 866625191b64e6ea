"""Where traffic ends: counted and dropped at the interface that it arrives at, before Linux's stack sees it."""

import socket
from dataclasses import dataclass
from typing import Any, Self

from bise.bench.generator import program
from bise.bench.generator.offer import PORT
from bise.bench.namespaces import Namespace
from bise.ports.steering import libbpf


@dataclass(frozen=True)
class Arrived:
    """Packets of ours so far; those not aged by one hop; the longest time without one, since `forget_gap`."""

    packets: int
    wrong: int
    longest_gap_ns: int


class Sink:
    """Counts at `interface` of `namespace` while the block runs."""

    def __init__(self, namespace: Namespace, interface: str) -> None:
        self._loaded = program.load("count")
        program.store(self._loaded.map("settings"), 0, program.Settings(port=PORT))
        self._received, self._gap = self._loaded.map("received"), self._loaded.map("gap")
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
