"""The routes that the bench of the mirror is made of, and a small run of it."""

from ipaddress import ip_network

import pytest

from bise.bench import mirror
from bise.bench.namespaces import Namespaces
from bise.bench.route_writer import Refused, RouteWriter
from bise.cli.bench import COLUMNS


def test_networks_are_different_and_leave_the_line_alone():
    found = [ip_network(network) for network in mirror.networks(3000)]
    assert len(set(found)) == 3000
    assert not any(network.network_address.packed[0] in (0, 20, 127, 198) for network in found)
    assert not any(network.is_multicast for network in found)


def test_a_shift_has_each_network_behind_another_neighbour():
    found = mirror.networks(50)
    before, after = (mirror.bodies(found, shift) for shift in (1, 2))
    assert all(one[:-4] == other[:-4] and one != other for one, other in zip(before, after, strict=True))


@pytest.mark.root
def test_messages_make_the_routes_that_lines_do():
    found = mirror.networks(50)
    with Namespaces("words", "messages", purpose="biseroutes") as both:
        for namespace in both:
            namespace.ip("link add name s type veth peer name s0", "link set dev s0 up", "link set dev s up")
            namespace.ip("address add 198.18.1.1/24 dev s")
        words, messages = both
        words.ip(*mirror.lines(found))
        with RouteWriter(messages) as writer:
            writer.put(mirror.bodies(found, 1))
            writer.put(mirror.bodies(found, 0))
            assert messages.run_line("ip route show") == words.run_line("ip route show")
            with pytest.raises(Refused, match="1 of 2"):
                writer.delete([*mirror.bodies(found[:1], 0), mirror.body("203.0.113.0/24", "198.18.1.2")])
            writer.delete(mirror.bodies(found, 0)[1:])
        assert len(messages.run_line("ip route show").splitlines()) == 1


@pytest.mark.root
@pytest.mark.slow
def test_a_small_run_has_all_rows():
    rows = list(mirror.measure(2000, 400))
    assert [row["unit"] for row in rows] == ["s", "MiB", "/s", "/s", "packets"]
    assert all(tuple(row) == COLUMNS for row in rows)
