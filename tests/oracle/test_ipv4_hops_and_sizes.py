"""Time to live, MTU edges, fragments: what is forwarded, and which error the sender hears."""

import pytest
from scapy.layers.inet import ICMP, TCP, IPerror
from scapy.layers.l2 import Ether

from tests.oracle.addresses import CLIENT4, DESTINATIONS4, SERVER4, THIRD4
from tests.oracle.packets import ip4, to_length, udp
from tests.oracle.pair import Pair

pytestmark = pytest.mark.root

MTUS = {"c": 2000, "s": 1500, "t": 1400}
BEYOND = {"c": CLIENT4, "s": SERVER4, "t": THIRD4}
CROSSINGS = [(source, target) for source in MTUS for target in MTUS if source != target]


@pytest.mark.parametrize("ttl", [0, 1])
def test_a_packet_at_its_last_hop_is_answered_by_both(pair: Pair, ttl: int) -> None:
    packets = [ip4(ttl=ttl, id=7) / part for part in (udp(), TCP(), ICMP() / b"ping", b"")]
    errors = [Ether(packet) for packet in pair.agree("c", packets)["c"]]
    assert [(error[ICMP].type, error[ICMP].code) for error in errors] == [(11, 0)] * 4
    assert {error[IPerror].ttl for error in errors} == {ttl}


def test_every_time_to_live_is_counted_down_by_both(pair: Pair) -> None:
    outputs = pair.agree("c", [ip4(ttl=ttl) / udp() for ttl in range(256)])
    assert sorted(packet[22] for packet in outputs["s"]) == list(range(1, 255))


@pytest.mark.parametrize("destination", DESTINATIONS4)
def test_the_last_hop_comes_before_or_after_the_route_for_both(pair: Pair, destination: str) -> None:
    assert pair.agree("c", [ip4(destination, ttl=ttl) / udp() for ttl in (0, 1, 2)]).packets == 3


def test_errors_are_not_answered_with_errors(pair: Pair) -> None:
    kinds = [ICMP(type=kind) / ip4() / udp() for kind in range(256)]
    answers = pair.agree("c", [ip4(ttl=1) / kind for kind in kinds])["c"]
    assert 0 < len(answers) < 256
    assert pair.agree("c", [ip4("192.0.2.21") / kind for kind in kinds]).packets == len(kinds)


@pytest.mark.parametrize(("source", "target"), CROSSINGS)
def test_the_mtu_edge_is_the_same_to_both(pair: Pair, source: str, target: str) -> None:
    sizes = [size for mtu in {*MTUS.values(), 1280, 576} for size in range(mtu - 3, mtu + 4) if size <= MTUS[source]]
    packets = [
        to_length(ip4(BEYOND[target], BEYOND[source], flags=flags, id=size) / udp(b""), size)
        for size in sizes
        for flags in ("", "DF")
    ]
    outputs = pair.agree(source, packets)
    too_long = [size for size in sizes if size > MTUS[target]]
    assert len(outputs[source]) == len(too_long)  # with DF: fragmentation needed
    assert len(outputs[target]) == 2 * (len(sizes) - len(too_long)) + 2 * len(too_long)  # without: two fragments


def test_what_is_too_long_is_named_with_the_next_mtu(pair: Pair) -> None:
    (answer,) = pair.agree("c", [to_length(ip4(THIRD4, flags="DF") / udp(), 1450)])["c"]
    error = Ether(answer)[ICMP]
    assert (error.type, error.code, error.nexthopmtu) == (3, 4, 1400)


@pytest.mark.parametrize("fragment", [0, 1, 8, 100, 184])
@pytest.mark.parametrize("flags", ["", "MF", "DF", "MF+DF", "evil", "evil+MF+DF"])
def test_fragments_are_forwarded_untouched_by_both(pair: Pair, fragment: int, flags: str) -> None:
    packets = [to_length(ip4(flags=flags, frag=fragment, id=99) / udp(b""), size) for size in (28, 29, 36, 1400, 1500)]
    outputs = pair.agree("c", packets)
    assert len(outputs["s"]) == len(packets)


@pytest.mark.parametrize("fragment", [0, 1, 185])
@pytest.mark.parametrize("flags", ["", "MF", "DF", "MF+DF"])
def test_fragments_are_cut_and_answered_alike(pair: Pair, fragment: int, flags: str) -> None:
    packets = [to_length(ip4(THIRD4, flags=flags, frag=fragment) / udp(b""), size) for size in (1400, 1401, 1999)]
    packets += [ip4(THIRD4, flags=flags, frag=fragment, ttl=ttl) / udp() for ttl in (0, 1, 2)]
    assert pair.agree("c", packets).packets == len(packets)


def test_a_route_with_an_mtu_is_an_edge_to_both(pair: Pair) -> None:
    """`mtu 1000` binds senders here; forwarding asks the route only where the setting says so."""
    packets = [
        to_length(ip4(target, flags=flags) / udp(b""), size)
        for target in ("192.0.2.69", "192.0.2.85")
        for size in (899, 900, 901, 999, 1000, 1001, 1500)
        for flags in ("", "DF")
    ]
    assert pair.agree("c", packets).packets == len(packets)
    with pair.sysctls({"net/ipv4/ip_forward_use_pmtu": 1}):
        assert pair.agree("c", packets).packets == len(packets)


@pytest.mark.parametrize(("port", "mtu"), [("s", 1280), ("s", 1499), ("t", 1300), ("t", 1999), ("c", 1500)])
def test_a_changed_mtu_acts_on_both(pair: Pair, port: str, mtu: int) -> None:
    packets = [
        to_length(ip4(BEYOND[target], BEYOND[source], flags="DF") / udp(b""), size)
        for source, target in CROSSINGS
        for size in (mtu - 1, mtu, mtu + 1)
        if size <= MTUS[source]
    ]
    undo = [f"link set dev {port} mtu {MTUS[port]}"]
    with pair.configured(f"link set dev {port} mtu {mtu}", undo=undo):
        by_source = {source: [packet for packet in packets if packet.src == BEYOND[source]] for source in MTUS}
        assert sum(pair.agree(*each).packets for each in by_source.items()) == len(packets)
    assert pair.agree("c", packets).packets == len(packets)
