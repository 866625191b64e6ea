"""The graph of all features: every packet comes to one end, and one that is forwarded has changed where it may.

The slow router is asked, too. The world is the one made by hand, each packet lies against a page that nobody may touch.
"""

from functools import cache

from tests.engine.rig import Frame, Rig
from tests.features import world
from tests.features.agree import expected, whole_graph
from tests.fuzz.wire import summed

_FURTHER = (0, 0, 1, 9000)
_OWN_MAC, _SUMMED, _LOW = 8, 16, 32
_MOST = 1900


@cache
def rig() -> Rig:
    """One for the process; its features live as long."""
    made, features = whole_graph()
    made.features = features  # type: ignore[attr-defined]
    return made


def read(octets: bytes) -> tuple[int, Frame]:
    """The first octet says the port, whether the packet is for its MAC, whether its checksum is made right, whether
    its lower end is guarded, and how much of it lies elsewhere; the rest is the packet."""
    how, packet = octets[0] if octets else 0, octets[1 : _MOST + 1]
    port = world.PORTS[how % 8 % len(world.PORTS)]
    if how & _OWN_MAC:
        packet = port.mac.to_bytes(6, "big") + packet[6:]
    if how & _SUMMED and packet[12:14] == b"\x08\x00" and len(packet) >= 34:
        packet = packet[:14] + summed(packet[14:])
    return port.number, Frame(packet, _FURTHER[how >> 6], bool(how & _LOW))


def written(port: int, frame: Frame) -> bytes:
    """An input that `read` makes this packet of."""
    further = 3 if frame.further > 1 else 2 if frame.further else 0
    return bytes([port | (_LOW if frame.low else 0) | further << 6]) + frame.octets


def examine(octets: bytes) -> None:
    """Raises AssertionError, or what a node raises; the kernel ends it where memory beside a packet is touched."""
    port, frame = read(octets)
    found = rig().run(port, [frame])
    assert sum(found.sinks.values()) == 1, found
    assert len(found.sent) == found.sinks.get("transmit", 0), found
    assert not found.copies, found
    for egress, sent in found.sent.values():
        assert egress != port, found
        assert_aged(frame, sent, whole=not world.PORTS[port].incomplete)
    if not world.PORTS[port].incomplete:
        assert all(punted == frame.octets for punted in found.punted), found
    twin = expected(port, [frame])
    assert twin is None or found == twin, f"on {port}\n{found}\n{twin}"


def assert_aged(frame: Frame, sent: bytes, whole: bool) -> None:
    """Only the MACs, the age and IPv4's checksum differ; padding may be cut off. Not `whole`: the transport's checksum
    may have been completed."""
    before = frame.octets
    assert 34 <= len(sent) <= len(before), (before, sent)
    version, age = (4, 22) if before[12:14] == b"\x08\x00" else (6, 21)
    assert sent[age] == before[age] - 1, (before, sent)
    may = {*range(12), age} | ({24, 25} if version == 4 else set())
    changed = [place for place in range(len(sent)) if sent[place] != before[place] and place not in may]
    assert len(changed) <= (0 if whole else 2), (changed, before, sent)
    if version == 4:
        header = sent[14 : 14 + 4 * (sent[14] & 15)]
        assert summed(header) == header, sent
