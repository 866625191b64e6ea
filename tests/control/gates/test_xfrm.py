"""IPsec policies from messages."""

import struct
from ipaddress import ip_address

import pytest

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, crossing
from bise.control.gates.netlink import Message
from bise.control.gates.xfrm import Policies, blocked_defaults, policies_from, xfrm_gates
from bise.control.netlink.message import attribute

OUT, FWD, IN = 1, 2, 0
PORTS = {3: "eth0"}
TEMPLATE = attribute(5, bytes(64))


def policy(direction: int, family: int = 2, block: bool = False, interface: int = 0, more: bytes = b"") -> Message:
    """XFRM_MSG_NEWPOLICY: struct xfrm_userpolicy_info and attributes; from 10.0.0.0/8 or fd00::/8 to the like."""
    prefix = ip_address("10.0.0.0" if family == 2 else "fd00::").packed.ljust(16, b"\0")
    selector = prefix * 2 + bytes(8) + struct.pack("=HBBBxxxiI", family, 8, 8, 0, interface, 0)
    return Message(0x13, selector + bytes(160 - 56) + bytes([direction, block]) + bytes(6) + more)


def gates_of(*messages: Message) -> list[tuple[object, ...]]:
    return [(gate.families, gate.where) for gate in xfrm_gates(Policies(policies_from(messages)), PORTS)]


def test_policies_of_forwarded_packets_gate_their_family() -> None:
    assert gates_of(policy(OUT, more=TEMPLATE)) == [(IPV4, EVERYWHERE)]
    assert gates_of(policy(FWD, 10, block=True)) == [(IPV6, EVERYWHERE)]
    (gate,) = xfrm_gates(Policies(policies_from([policy(OUT, more=TEMPLATE)])), PORTS)
    assert gate.subject == "out 10.0.0.0/8 to 10.0.0.0/8"


@pytest.mark.parametrize(
    "harmless",
    [
        policy(IN, block=True),
        policy(3, block=True),  # a socket's
        policy(OUT),  # allows, without templates
        policy(OUT, more=TEMPLATE + attribute(31, 7)),  # if_id
        policy(OUT, more=TEMPLATE + attribute(21, struct.pack("=II", 7, 0xFF))),  # mark
        policy(FWD, block=True, interface=99),
    ],
)
def test_policies_that_packets_between_ports_never_meet_are_none(harmless: Message) -> None:
    assert gates_of(harmless) == []


def test_a_mark_of_zero_is_no_mark() -> None:
    assert gates_of(policy(OUT, more=TEMPLATE + attribute(21, struct.pack("=II", 0, 0xFF))))


def test_a_policy_bound_to_a_port_gates_that_port() -> None:
    assert gates_of(policy(FWD, block=True, interface=3)) == [(IPV4, crossing("eth0"))]


def test_blocking_by_default_gates_everything() -> None:
    in_, fwd, out = 1, 1, 2
    blocked = blocked_defaults(bytes([in_, fwd, out]))
    assert blocked == (FWD,)
    found = [(gate.name, gate.subject, gate.families) for gate in xfrm_gates(Policies((), blocked), PORTS)]
    assert found == [("xfrm-default", "fwd", BOTH)]
