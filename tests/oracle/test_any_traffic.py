"""Whatever comes, in whatever state: both routers do the same with it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.conftest import PORTS
from tests.oracle.packets import frames
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(pair: Pair, traffic: list[bytes]) -> None:
    pair.agree("c", traffic)
