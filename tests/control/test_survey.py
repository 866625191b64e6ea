"""What a comparison with Linux makes of a dump."""

from bise.control.netlink.message import Message, messages
from bise.control.netlink.routes import RouteDecoder
from bise.control.network import Network
from bise.control.survey import ROUTES_6, Survey
from tests.control.netlink import recorded

PROHIBITED = recorded.route(
    family=10,
    dst_len=48,
    table=254,
    type=8,
    attrs=[["RTA_TABLE", 254], ["RTA_DST", "2001:db8:7::"], ["RTA_PRIORITY", 1024]],
)


class Dump:
    """Stands in for the socket: parts of a dump, as they are."""

    interrupted = False

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)

    def start(self, kind: int, body: bytes) -> None:
        """All is there already."""

    def part(self) -> tuple[bytes, list[Message]] | None:
        if not self._parts:
            return None
        octets = self._parts.pop(0)
        return octets, list(messages(octets))


def survey(live: Network, decoder: RouteDecoder, *parts: bytes) -> dict[str, int]:
    """The divergences that are found in a dump of IPv6's routes."""
    looking = Survey(live, decoder, Dump(*parts), (ROUTES_6,))  # type: ignore[arg-type]
    steps, answer = looking.steps(), None
    while True:
        try:
            answer = steps.send(answer)()
        except StopIteration:
            break
    outcome = looking.finish()
    assert outcome is not None
    return outcome.divergences


def test_a_route_that_a_dump_tells_twice_is_one_route() -> None:
    decoder = RouteDecoder()
    live = Network(decoder)
    (told,) = messages(PROHIBITED)
    live.apply(PROHIBITED, told)
    assert survey(live, decoder, PROHIBITED, PROHIBITED) == {"routes": 0}
    assert survey(live, decoder, PROHIBITED + PROHIBITED) == {"routes": 0}
    ((one,),) = (destination.routes for destination in live.routes.values.values())
    assert one.metric == 1024
    live.apply(PROHIBITED, told._replace(type=25))
    assert not live.routes.values
