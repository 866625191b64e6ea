"""More routes than the fast path has room for: the kernel has them all, and forwards what they could touch."""

import pytest

from tests.product.router import Router, ping, wait_until

pytestmark = [pytest.mark.root, pytest.mark.slow]

# Each needs a group of its own (tables/prefix32.py), of which there are 1 << 15.
MANY = [f"20.{n >> 8}.{n & 255}.0/25" for n in range((1 << 15) + 1)]
PATIENCE_S = 60.0


def gates(router: Router) -> list[str]:
    return [gate["name"] for gate in router.bise.ask("status")["gates"]]


def test_a_family_whose_table_is_full_is_the_kernels_until_there_is_room(router: Router) -> None:
    client, server = router.host("c"), router.port("s")
    router.namespace.ip(*(f"route add {network} via {server.host4}" for network in MANY))
    try:
        wait_until("a gate says so", lambda: "table-full" in gates(router), PATIENCE_S)
        wait_until("all is read", lambda: router.bise.ask("status")["mirror"]["clean"], PATIENCE_S)
        assert "not all routes fit into the fast path" in router.bise.log()
        before = router.sent("s")
        assert ping(client, server.host4, 20) == 20
        assert router.sent("s") == before
        with router.natively("s", 20):
            assert ping(client, server.host6, 20) == 20
    finally:
        router.namespace.run_line("ip route flush root 20.0.0.0/8")
    wait_until("the gate is gone", lambda: not gates(router), PATIENCE_S)
    with router.natively("s", 20):
        assert ping(client, server.host4, 20) == 20
