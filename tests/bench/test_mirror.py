"""The routes that the bench of the mirror is made of, and a small run of it."""

from ipaddress import ip_network

import pytest

from bise.bench import mirror
from bise.cli.bench import COLUMNS


def test_networks_are_different_and_leave_the_line_alone():
    found = [ip_network(network) for network in mirror.networks(3000)]
    assert len(set(found)) == 3000
    assert not any(network.network_address.packed[0] in (0, 20, 127, 198) for network in found)
    assert not any(network.is_multicast for network in found)


def test_a_shift_has_each_network_behind_another_neighbour():
    found = mirror.networks(50)
    before, after = (mirror.lines("replace", found, shift) for shift in (1, 2))
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert {line.split(" via ")[0] for line in before} == {line.split(" via ")[0] for line in after}


@pytest.mark.root
@pytest.mark.slow
def test_a_small_run_has_all_rows():
    rows = list(mirror.measure(2000, 400))
    assert [row["unit"] for row in rows] == ["s", "MiB", "/s", "/s", "packets"]
    assert all(tuple(row) == COLUMNS for row in rows)
