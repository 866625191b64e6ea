"""What the examples promise, on packets that scapy made, compiled and in CPython (and checked, which takes longer)."""

import json
from functools import cache
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from tests.examples.lead import INNER, INNER6, MONITOR, PACKETS, framed
from tests.modes import run

MODES = ("interpreted", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("compiled", "checked")))
pytestmark = [pytest.mark.parametrize("mode", MODES), pytest.mark.timeout(600)]
BLOCKED = {"blocked", "blocked, in capitals", "blocked, below"}
COPIED = {"to the service", "from the service"}
INSIDE = {"tunnelled": INNER, "tunnelled IPv6": INNER6}
INSIDE |= dict.fromkeys(("tunnelled, with a number", "tunnelled, extended"), INNER)
STAYS_OUTSIDE = {"another endpoint", "an echo request", "an empty tunnel"}


@cache
def told(mode: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(mode, "tests.examples.lead"))
    return found


def names(mode: str, sink: str) -> set[str]:
    return {name for name in PACKETS if told(mode)[name]["sink"] == sink}


def test_queries_for_blocked_names_and_no_others_are_dropped(mode):
    assert names(mode, "drop dns_guard.blocked") == BLOCKED
    assert told(mode)["remembered"]["dns_guard.blocked"] == len(BLOCKED)
    # Those, four that are let through, and two whose names are broken.
    assert told(mode)["remembered"]["dns_guard.queries"] == 9


def test_packets_of_the_service_are_copied_as_they_came_and_forwarded(mode):
    copied = {name for name in PACKETS if told(mode)[name]["copies"]}
    assert copied == COPIED
    for name in COPIED:
        assert told(mode)[name]["copies"] == [[MONITOR, framed(PACKETS[name]).hex()]]
        assert told(mode)[name]["sink"] == "transmit"
    assert told(mode)["remembered"]["mirror.copies"] == len(COPIED)


@pytest.mark.parametrize("name", INSIDE)
def test_what_a_tunnel_carries_is_forwarded_alone(mode, name):
    ((egress, octets),) = told(mode)[name]["sent"]
    sent, inner = Ether(bytes.fromhex(octets)), INSIDE[name].copy()
    if IP in inner:
        inner.ttl -= 1
    else:
        inner[IPv6].hlim -= 1
    assert bytes(sent.payload) == bytes(inner)
    assert sent.type == (0x0800 if IP in inner else 0x86DD)
    assert (egress, sent.dst) == (1, "02:ff:00:00:00:12")


def test_a_tunnel_that_nobody_set_up_is_dropped_and_the_rest_goes_on_as_it_came(mode):
    assert names(mode, "drop gtp_u.tunnel") == {"an unknown tunnel"}
    for name in STAYS_OUTSIDE:
        became = told(mode)[name]
        octets = [one for _, one in became["sent"]] or became["punted"]
        assert len(octets[0]) == 2 * len(framed(PACKETS[name])), became
    assert told(mode)["remembered"]["gtp_u.packets"] == len(INSIDE)


def test_all_modes_agree(mode):
    assert told(mode) == told("interpreted")
