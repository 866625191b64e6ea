"""A gate: a reason why some traffic is the kernel's, and what it means for each port. Pure values, no kernel here."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag, StrEnum

IPV4 = frozenset({4})
IPV6 = frozenset({6})
BOTH = frozenset({4, 6})


class Detection(StrEnum):
    """How we hear of a change: the kernel announces it, or we look every 50 ms."""

    ANNOUNCED = "announced"
    POLLED = "polled"


class Word(IntFlag):
    """Bits of a port's gate word in the steering program."""

    PASS_ALL = 1
    PASS_IPV4 = 2
    PASS_IPV6 = 4


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """The traffic concerned: received on the `ingress` ports, leaving by the `egress` ports, or all of it."""

    ingress: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    everywhere: bool = False

    def __str__(self) -> str:
        if self.everywhere:
            return "on every port"
        parts = [("received on", self.ingress), ("leaving by", self.egress)]
        return " or ".join(f"{verb} {', '.join(ports)}" for verb, ports in parts if ports)


EVERYWHERE = Where(everywhere=True)


def entering(*ports: str) -> Where:
    return Where(ingress=ports)


def leaving(*ports: str) -> Where:
    return Where(egress=ports)


def crossing(*ports: str) -> Where:
    """Received on these ports or leaving by them."""
    return Where(ingress=ports, egress=ports)


@dataclass(frozen=True, slots=True)
class Gate:
    """`name` is a stable word, `subject` the thing that stands there (a port, a table and chain, a sysctl).

    `reason` is a sentence for the operator that ends in the command that shows the subject.
    """

    name: str
    subject: str
    families: frozenset[int]
    where: Where
    detection: Detection
    reason: str

    @property
    def effect(self) -> str:
        """What follows from it, as `bise status` prints it."""
        family = {IPV4: "IPv4", IPV6: "IPv6"}.get(self.families, "all traffic")
        return f"the kernel forwards {family} {self.where}"

    @property
    def order(self) -> tuple[str, str, Where, list[int], str]:
        return self.name, self.subject, self.where, sorted(self.families), self.reason


def in_order(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Each gate once, sorted, so that two looks at the same kernel compare equal."""
    return tuple(sorted(set(gates), key=lambda gate: gate.order))


def gate_words(gates: Iterable[Gate], ports: Iterable[str]) -> dict[str, Word]:
    """A port's gate word: what of the traffic *received* there must go to the kernel at once."""
    words = dict.fromkeys(ports, Word(0))
    for gate in gates:
        for port in words if gate.where.everywhere else gate.where.ingress:
            if port in words:
                words[port] |= _word(gate.families)
    return words


def gated_egress(gates: Iterable[Gate]) -> dict[str, frozenset[int]]:
    """The families that must go to the kernel where they would *leave* by a port, whichever they came in by."""
    ports: dict[str, frozenset[int]] = {}
    for gate in gates:
        for port in gate.where.egress:
            ports[port] = ports.get(port, frozenset()) | gate.families
    return ports


def _word(families: frozenset[int]) -> Word:
    if families == BOTH:
        return Word.PASS_ALL
    return Word.PASS_IPV4 if 4 in families else Word.PASS_IPV6 if 6 in families else Word(0)
