"""Bonds, VRFs, MACsec and the like, from messages: this kernel may not have them."""

import pytest

from bise.control.gates.gate import BOTH, Detection, Gate, crossing, entering
from bise.control.gates.links import PortLink, Upper, link_gates, port_link, upper_of, xdp_programs
from tests.control.gates.octets import device, native, tree

_IFLA_LINK, _MASTER, _LINKINFO, _LINK_NETNSID, _XDP = 5, 10, 18, 37, 43
MAC = "02:00:00:00:00:01"


def gates_of(link: PortLink, program: int = 0) -> list[tuple[str, str]]:
    return [(gate.name, gate.subject) for gate in link_gates(link, program)]


@pytest.mark.parametrize("kind", ["bridge", "bond", "vrf", "team", "openvswitch"])
def test_a_port_in_something_is_gated_both_ways(kind: str) -> None:
    message = device(3, "eth0", {_MASTER: native(7), _LINKINFO: {1: "veth", 4: kind}})
    (gate,) = link_gates(port_link(message, [], {7: "m0"}))
    assert (gate.name, gate.subject, gate.families) == ("enslaved", "eth0 in m0", BOTH)
    assert gate.where == crossing("eth0")
    assert kind in gate.reason
    assert "ip link show eth0" in gate.reason


def upper(kind: str, values: dict[int, bytes] | None = None, mac: bytes = b"\x02\0\0\0\0\2") -> list[Upper]:
    message = device(9, "up0", {_IFLA_LINK: native(3), _LINKINFO: {1: kind, 2: tree(values or {})}}, mac)
    found = upper_of(message)
    assert found
    assert found[0] == 3
    return [found[1]]


@pytest.mark.parametrize("kind", ["ipvlan", "ipvtap", "macsec"])
def test_what_takes_packets_for_the_ports_own_mac_is_a_gate(kind: str) -> None:
    link = port_link(device(3, "eth0", {}), upper(kind), {})
    assert gates_of(link) == [("ipvlan" if kind == "ipvtap" else kind, "eth0 under up0")]


@pytest.mark.parametrize("kind", ["vlan", "veth", "vxlan", "gre", "xfrm"])
def test_what_takes_tagged_or_tunnelled_packets_is_none(kind: str) -> None:
    assert gates_of(port_link(device(3, "eth0", {}), upper(kind), {})) == []


@pytest.mark.parametrize(("mode", "gated"), [(1, False), (2, False), (4, False), (8, True), (16, True)])
def test_a_macvlan_is_a_gate_where_it_takes_more_than_its_mac(mode: int, gated: bool) -> None:
    link = port_link(device(3, "eth0", {}), upper("macvlan", {1: native(mode)}), {})
    assert gates_of(link) == ([("macvlan", "eth0 under up0")] if gated else [])


def test_a_macvlan_with_the_ports_mac_is_a_gate() -> None:
    twin = upper("macvlan", {1: native(4)}, b"\x02\0\0\0\0\1")
    assert gates_of(port_link(device(3, "eth0", {}), twin, {}))


def test_an_unknown_device_on_top_is_a_gate() -> None:
    assert gates_of(port_link(device(3, "eth0", {}), upper("rmnet"), {})) == [("upper-device", "eth0 under up0")]


def test_a_device_over_another_namespace_is_not_on_top_of_ours() -> None:
    assert upper_of(device(9, "up0", {_IFLA_LINK: native(3), _LINK_NETNSID: native(0)})) is None


def test_every_xdp_program_but_ours_is_a_gate() -> None:
    xdp = tree({2: b"\4", 5: native(11), 6: native(12)})
    link = port_link(device(3, "eth0", {_XDP: xdp}), [], {})
    assert gates_of(link, 11) == [("foreign-xdp", "eth0 generic program 12")]
    assert len(gates_of(link)) == 2
    (gate,) = link_gates(link, 11)
    assert gate == Gate(gate.name, gate.subject, BOTH, entering("eth0"), Detection.POLLED, gate.reason)


def test_one_program_is_named_once_with_its_mode() -> None:
    assert xdp_programs(tree({2: b"\1", 4: native(5), 5: native(5)})) == (("driver", 5),)
    assert xdp_programs(tree({2: b"\0"})) == ()


def test_a_port_that_is_gone_is_a_gate_and_nothing_else() -> None:
    assert gates_of(PortLink("eth0", 0)) == [("no-interface", "eth0")]


def test_a_netkit_port_is_a_gate() -> None:
    assert gates_of(port_link(device(3, "nk0", {_LINKINFO: {1: "netkit"}}), [], {})) == [("netkit", "nk0")]
