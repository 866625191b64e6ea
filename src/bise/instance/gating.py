"""From everything that can stand in the way to each port's gate word. Pure: data in, words out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bise.control.gates.gate import Gate, gate_words, gated_egress
from bise.ports.steering.layout import Gate as Word


@dataclass(frozen=True)
class Standing:
    """What holds at the moment. `ready`: the workers run a pipeline and know all that Linux wants."""

    ready: bool
    clean: bool
    gates: tuple[Gate, ...]


def words(standing: Standing, ports: Iterable[str]) -> dict[str, Word]:
    """What of each port's traffic is the kernel's. All of it while anything may be stale."""
    names = list(ports)
    if not standing.ready or not standing.clean:
        return dict.fromkeys(names, Word.PASS_ALL)
    return {name: Word(int(word)) for name, word in gate_words(standing.gates, names).items()}


def punted_egress(standing: Standing) -> Mapping[str, frozenset[int]]:
    """By port: the families that may leave by it only through Linux."""
    return gated_egress(standing.gates)


def reason(standing: Standing, port: str) -> str | None:
    """Why traffic of a port is the kernel's, for `bise status`; None if it isn't."""
    if not standing.ready:
        return "the fast path is not ready yet"
    if not standing.clean:
        return "announcements of Linux were lost; reading its network again"
    found = [gate.reason for gate in standing.gates if gate.where.everywhere or port in gate.where.ingress]
    return "; ".join(found) or None
