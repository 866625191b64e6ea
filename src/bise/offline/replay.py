"""A capture through the router of a state: what became of each packet, and what would have been sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bise.features.feature import PortFacts
from bise.hot import OutOfBounds
from bise.offline import captures
from bise.offline.captures import Captured, CaptureError
from bise.offline.router import Fate, Router


@dataclass(frozen=True)
class Replayed:
    """A packet of the capture, by its number from 1 on, the port that received it, and what became of it."""

    number: int
    port: PortFacts
    captured: Captured
    fate: Fate

    def as_json(self) -> dict[str, Any]:
        """As docs/json.md says."""
        return {
            "number": self.number,
            "port": self.port.name,
            "octets": self.captured.total,
            "verdict": self.fate.verdict,
            "reason": self.fate.reason,
            "sent": [{"port": port.name, "octets": total} for port, _, total in self.fate.sent],
        }


def replay(router: Router, source: Path, target: Path, port: str | None = None) -> Iterator[Replayed]:
    """Leads the packets of `source` through the router and writes what is sent to `target`.

    `port` received those whose interface the file doesn't name after a port; what the file says was sent is left out.
    Raises CaptureError, StateError.
    """
    default = router.state.port(port) if port is not None else _only(router)
    known = {facts.name: facts for facts in router.state.ports}
    packets = captures.read(source)
    with captures.Writer(target) as writer:
        for number, captured in enumerate(packets, 1):
            if captured.outbound:
                continue
            received = known.get(captured.interface, default) if port is None or captured.interface else default
            if received is None:
                raise _no_port(source, number, captured, known)
            try:
                fate = router.lead(received, captured.octets, captured.time_ns, captured.total)
            except OutOfBounds as fault:
                fault.add_note(f"packet {number} of {source}")
                raise
            for egress, octets, total in fate.sent:
                writer.write(Captured(octets, total, captured.time_ns, egress.name))
            yield Replayed(number, received, captured, fate)


def _only(router: Router) -> PortFacts | None:
    """Where there is but one, it needs no name."""
    return router.state.ports[0] if len(router.state.ports) == 1 else None


def _no_port(source: Path, number: int, captured: Captured, known: dict[str, PortFacts]) -> CaptureError:
    where = f"on {captured.interface!r}, which is no port" if captured.interface else "on an interface without a name"
    return CaptureError(
        f"{source}: packet {number} was captured {where}; say which of {', '.join(known)} received it: --port NAME"
    )
