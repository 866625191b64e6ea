"""Users' nodes that let everything through change nothing, wherever they stand, also while they come and go."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6
from tests.oracle.conftest import FORWARDERS, PORTS, paired
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair
from tests.oracle.routes import STANDARD
from tests.oracle.swaps import coming_and_going, passing

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def file() -> Path:
    return passing()


@pytest.fixture(scope="module", params=FORWARDERS)
def open_pair(request: pytest.FixtureRequest, file: Path) -> Iterator[Pair]:
    with paired(request.param, PORTS, STANDARD, ("--node", str(file))) as two:
        yield two


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(open_pair: Pair, traffic: list[bytes]) -> None:
    open_pair.agree("c", traffic)


def everywhere() -> list[object]:
    """To each destination, by both families."""
    return [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]


def test_nodes_that_come_and_go_change_nothing(open_pair: Pair, file: Path) -> None:
    if open_pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    with coming_and_going(open_pair, file) as swaps:
        for _ in range(20):
            assert all(open_pair.agree("c", everywhere()).values())
    assert swaps[0] >= 10
