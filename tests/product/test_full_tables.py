"""More routes than the fast path has room for: the kernel has them all, and forwards what they could touch."""

from collections.abc import Iterator

import pytest

from tests.product.router import Router, ping, wait_until

pytestmark = [pytest.mark.root, pytest.mark.slow]

# Each needs a group of its own (tables/prefix32.py), of which there are 1 << 15.
MANY = [f"20.{n >> 8}.{n & 255}.0/25" for n in range((1 << 15) + 1)]
PATIENCE_S = 60.0


@pytest.fixture
def overfull(router: Router) -> Iterator[Router]:
    via = router.port("s").host4
    router.namespace.ip(*(f"route add {network} via {via}" for network in MANY))
    yield router
    router.namespace.run_line("ip route flush root 20.0.0.0/8")


def gates(router: Router) -> list[str]:
    return [gate["name"] for gate in router.bise.ask("status")["gates"]]


def test_a_family_whose_table_is_full_is_the_kernels(overfull: Router) -> None:
    wait_until("a gate says so", lambda: "table-full" in gates(overfull), PATIENCE_S)
    wait_until("all is read", lambda: overfull.bise.ask("status")["mirror"]["clean"], PATIENCE_S)
    assert "not all routes fit into the fast path" in overfull.bise.log()
    client, server = overfull.host("c"), overfull.port("s")
    before = overfull.sent("s")
    ping(client, server.host4, 20)
    assert overfull.sent("s") == before
    with overfull.natively("s", 20):
        ping(client, server.host6, 20)


def test_a_table_with_room_again_is_native_again(router: Router) -> None:
    wait_until("the gate is gone", lambda: not gates(router), PATIENCE_S)
    with router.natively("s", 20):
        ping(router.host("c"), router.port("s").host4, 20)
