"""`python -m tests.offline.users`: packets through a router with somebody's own node; prints what became of them."""

from bise import daemon
from bise.features.feature import PortFacts
from bise.hot import Region
from bise.offline.router import Router, Users
from bise.offline.words import octets, parse
from tests.offline import rewriting
from tests.offline.counting import PART, State
from tests.offline.worlds import state


def what_became(router: Router, port: PortFacts, words: str) -> tuple[str, list[str]]:
    """Where its way ended, and the ports that it left by."""
    fate = router.lead(port, octets(parse(words), port.mac), 1 << 40)
    return fate.sink.name, [egress.name for egress, _, _ in fate.sent]


def main() -> None:
    region = Region(4096, huge_pages=False)
    record = State(region.address)
    users = Users((PART, rewriting.PART), {f"{State.__module__}.{State.__qualname__}": record.address})
    with Router(state(), daemon.make_features, daemon.START, users=users) as router:
        port = router.state.ports[0]
        for last in range(4):
            print(*what_became(router, port, f"udp 10.0.0.2:1 > 20.1.0.{last}:2"), record.seen)
        print(*what_became(router, router.state.ports[2], "udp [2001:db8:2::2]:1 > [2001:db8:20::5]:2"), record.seen)
    region.close()


if __name__ == "__main__":
    main()
