"""From everything that can stand in the way to each port's gate word. Pure: data in, words out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bise.control.gates.gate import EVERYWHERE, Detection, Gate, gate_words, gated_egress
from bise.ports.steering.layout import Gate as Word


@dataclass(frozen=True)
class Standing:
    """What holds at the moment. `ready`: the workers run a pipeline and know all that Linux wants. `clean`: the mirror
    is. `gates`: what was seen in the kernel, and what our own tables have no room for."""

    ready: bool = False
    clean: bool = False
    gates: tuple[Gate, ...] = ()
    overflow: tuple[Gate, ...] = ()

    @property
    def all_gates(self) -> tuple[Gate, ...]:
        return self.gates + self.overflow


def words(standing: Standing, ports: Iterable[str]) -> dict[str, Word]:
    """What of each port's traffic is the kernel's. All of it while anything may be stale."""
    names = list(ports)
    if not standing.ready or not standing.clean:
        return dict.fromkeys(names, Word.PASS_ALL)
    return {name: Word(int(word)) for name, word in gate_words(standing.all_gates, names).items()}


def punted_egress(standing: Standing) -> Mapping[str, frozenset[int]]:
    """By port: the families that may leave by it only through Linux."""
    return gated_egress(standing.all_gates)


def reason(standing: Standing, port: str) -> str | None:
    """Why traffic of a port is the kernel's, for `bise status`; None if it isn't."""
    if not standing.ready:
        return "the fast path is not ready yet"
    if not standing.clean:
        return "announcements of Linux were lost; reading its network again"
    found = [gate.reason for gate in standing.all_gates if gate.where.everywhere or port in gate.where.ingress]
    return "; ".join(found) or None


def full_tables(overflow: Mapping[int, str]) -> tuple[Gate, ...]:
    """Gates for families that a table of ours has no room for."""
    return tuple(
        Gate(
            "table-full",
            f"IPv{family} routes",
            frozenset({family}),
            EVERYWHERE,
            Detection.ANNOUNCED,
            f"not all routes fit into the fast path: {why} (bise routes)",
        )
        for family, why in sorted(overflow.items())
    )
