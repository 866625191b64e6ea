"""It is Bise that forwards: a comparison of the kernel with the kernel, by way of Bise, would prove nothing."""

import pytest
from scapy.layers.inet import TCP

from tests.oracle.packets import ip4, ip6, udp
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root

ORDINARY = [
    header / transport
    for header in (ip4(), ip6(), ip4("198.51.100.5"), ip4("192.0.2.181"), ip6("2001:db8:f000::1"))
    for transport in (udp(), TCP())
]


def transmitted(pair: Pair) -> int:
    assert pair.bise is not None
    return sum(port["transmitted"] for port in pair.bise.ask("ports"))


def test_ordinary_packets_go_past_the_kernel(pair: Pair) -> None:
    if pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    pair.settle()
    assert not pair.bise.ask("status")["gates"]
    before = transmitted(pair)
    assert len(pair.agree("c", ORDINARY * 10)["s"]) == 10 * len(ORDINARY)
    assert transmitted(pair) - before >= 10 * len(ORDINARY)


@pytest.mark.parametrize("command", ["nft add table inet t", "ip rule add from 10.99.0.0/16 blackhole"])
def test_what_the_kernel_was_given_comes_back(pair: Pair, command: str) -> None:
    """A gate that is gone leaves nothing behind."""
    if pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    undo = "nft delete table inet t" if "nft" in command else command.replace("add", "del")
    with pair.commanded(command, undo):
        pair.agree("c", ORDINARY)
    before = transmitted(pair)
    pair.agree("c", ORDINARY)
    assert transmitted(pair) - before >= len(ORDINARY)
