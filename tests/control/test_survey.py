"""What a comparison with Linux makes of a dump."""

from collections.abc import Callable

import pytest

from bise.control.netlink.message import Message, messages
from bise.control.netlink.routes import RouteDecoder
from bise.control.network import Network
from bise.control.objects import RouteKind
from bise.control.survey import ROUTES_6, Outcome, Survey
from tests.control.netlink import recorded


def route(kind: int, *more: list[object]) -> bytes:
    """Of one prefix, of that kind (linux/rtnetlink.h, RTN_*)."""
    attributes = [["RTA_TABLE", 254], ["RTA_DST", "2001:db8:7::"], ["RTA_PRIORITY", 1024], *more]
    return recorded.route(family=10, dst_len=48, table=254, type=kind, attrs=attributes)


UNICAST = route(1, ["RTA_GATEWAY", "2001:db8:1::2"], ["RTA_OIF", 3])
BLACKHOLE, PROHIBITED = route(6), route(8)
_REPLACE = 0x100  # NLM_F_REPLACE


class Dump:
    """Stands in for the socket: parts of a dump, as they are."""

    interrupted = False

    def __init__(self, *parts: bytes | Callable[[], None]) -> None:
        """Functions are called when it is their turn: something happens between two parts."""
        self._parts = list(parts)

    def start(self, kind: int, body: bytes) -> None:
        """All is there already."""

    def part(self) -> tuple[bytes, list[Message]] | None:
        while self._parts:
            one = self._parts.pop(0)
            if isinstance(one, bytes):
                return one, list(messages(one))
            one()
        return None


def compared(looking: Survey, *, at_last: bool = False) -> Outcome:
    """What a survey comes to."""
    steps, answer = looking.steps(), None
    while True:
        try:
            answer = steps.send(answer)()
        except StopIteration:
            break
    outcome = looking.finish(at_last=at_last)
    assert outcome is not None
    return outcome


def survey(live: Network, decoder: RouteDecoder, *parts: bytes) -> dict[str, int]:
    """The divergences that are found in a dump of IPv6's routes."""
    return compared(Survey(live, decoder, Dump(*parts), (ROUTES_6,))).divergences  # type: ignore[arg-type]


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


@pytest.mark.parametrize("at_last", [False, True])
def test_routes_that_replace_each_other_during_a_dump_do_not_stand_beside_each_other(at_last: bool) -> None:
    decoder = RouteDecoder()
    live = Network(decoder)

    def replaced() -> None:
        (told,) = messages(UNICAST)
        told = told._replace(flags=_REPLACE)
        looking.note(UNICAST, told)
        live.apply(UNICAST, told)

    live.apply(BLACKHOLE, next(messages(BLACKHOLE)))
    looking = Survey(live, decoder, Dump(BLACKHOLE, replaced, UNICAST), (ROUTES_6,))  # type: ignore[arg-type]
    outcome = compared(looking, at_last=at_last)
    assert not outcome.complete  # so that it is looked at again
    if not at_last:  # the last of many attempts takes what it gets
        assert outcome.divergences == {"routes": 0}
        (routes,) = (destination.routes for destination in live.routes.values.values())
        assert [one.kind for one in routes] == [RouteKind.UNICAST]
