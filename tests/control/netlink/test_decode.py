"""Objects from messages: of kinds of links that this kernel may lack, of groups of next hops, of rules."""

import pytest

from bise.control.netlink import decode
from bise.control.netlink.message import NetlinkError, messages
from bise.control.netlink.rules import decode_rule
from bise.control.objects import (
    AddressFlag,
    GroupMember,
    LinkLayer,
    NeighbourState,
    Path,
    Resilience,
    RuleAction,
)
from tests.control.netlink import recorded

# RTM_NEWNEXTHOP of Linux 6.18, as dumped after `ip nexthop add id …`
GATEWAY_4 = "3000000068000200010000007b1c000002fd00000400000008000100010000000800050003000000080006000a000102"
GATEWAY_6 = (
    "3c00000068000200010000007b1c00000afd000000000000080001000300000008000500030000001400"
    "0600fe800000000000000000000000000001"
)
BLACKHOLE = "2400000068000200010000007b1c00000200000000000000080001000400000004000400"
RESILIENT = (
    "6c00000068000200010000007b1c00000000000000000000080001000b0000000600030001000000140002000100000000000000"
    "020000000000000028000c800600010008000000080002007017000008000300307500000c000400000000000000000008000e0000000080"
)
WEIGHTED = (
    "4400000068000200010000007b1c00000000000000000000080001000c000000060003000000000014000200010000000200000002000000"
    "ff00000008000e0000000080"
)


def decoded(decoder, octets):
    (message,) = messages(octets)
    return decoder(octets, message.start, message.end)


def test_an_ordinary_link():
    link = decoded(decode.decode_link, recorded.link("eth0", 3, master=0, attrs=[["IFLA_QDISC", "mq"]]))
    assert (link.index, link.name, link.kind, link.link_kind) == (3, "eth0", LinkLayer.ETHERNET, "")
    assert (link.mac, link.mtu, link.up, link.running, link.qdisc) == (0x020000000009, 1500, True, True, "mq")


def test_a_vlan_names_its_parent_tag_and_protocol():
    data = [["IFLA_VLAN_ID", 7], ["IFLA_VLAN_PROTOCOL", 0x88A8]]
    link = decoded(decode.decode_link, recorded.link("eth0.7", 9, "vlan", data, attrs=[["IFLA_LINK", 3]]))
    assert (link.link_kind, link.parent, link.vlan_id, link.vlan_protocol) == ("vlan", 3, 7, 0x88A8)


def test_a_vrf_names_its_table_and_what_is_in_it_its_master():
    vrf = decoded(decode.decode_link, recorded.link("blue", 9, "vrf", [["IFLA_VRF_TABLE", 1007]]))
    assert (vrf.link_kind, vrf.vrf_table) == ("vrf", 1007)
    member = decoded(decode.decode_link, recorded.link("eth1", 4, slave="vrf", attrs=[["IFLA_MASTER", 9]]))
    assert (member.master, member.slave_kind, member.vrf_table) == (9, "vrf", None)


def test_a_bond_and_its_member():
    bond = decoded(decode.decode_link, recorded.link("bond0", 9, "bond", [["IFLA_BOND_MODE", 4]]))
    assert bond.link_kind == "bond"
    member = decoded(decode.decode_link, recorded.link("eth1", 10, slave="bond", attrs=[["IFLA_MASTER", 9]]))
    assert (member.master, member.slave_kind) == (9, "bond")


def test_a_macsec_link_names_its_parent_and_that_ones_namespace():
    attributes = [["IFLA_LINK", 3], ["IFLA_LINK_NETNSID", 2]]
    link = decoded(decode.decode_link, recorded.link("macsec0", 9, "macsec", attrs=attributes))
    assert (link.link_kind, link.parent, link.parent_namespace) == ("macsec", 3, 2)


def test_a_link_without_a_carrier_is_up_but_not_running():
    link = decoded(decode.decode_link, recorded.link("eth0", 3, flags=0x1003))
    assert (link.up, link.running) == (True, False)


def test_what_a_bridge_says_of_its_port_is_not_the_link():
    octets = recorded.link("eth0", 3, family=7)
    assert decoded(decode.decode_link, octets) is None
    assert decoded(decode.link_identity, octets) is None


def test_an_address_with_a_peer():
    attributes = [["IFA_ADDRESS", "10.0.0.2"], ["IFA_LOCAL", "10.0.0.1"], ["IFA_FLAGS", 0x280]]
    address = decoded(
        decode.decode_address, recorded.address(family=recorded.IPV4, prefixlen=32, index=3, attrs=attributes)
    )
    assert (address.address, address.peer, address.prefix_length) == (0x0A000001, 0x0A000002, 32)
    assert address.flags == AddressFlag.PERMANENT | AddressFlag.NOPREFIXROUTE


def test_an_ipv6_address_is_known_by_link_and_address():
    attributes = [["IFA_ADDRESS", "2001:db8::1"]]
    one, other = (
        decoded(
            decode.decode_address,
            recorded.address(family=recorded.IPV6, prefixlen=length, index=3, flags=flags, attrs=attributes),
        )
        for length, flags in ((64, 0x40), (64, 0))
    )
    assert one.key == other.key
    assert one.flags == AddressFlag.TENTATIVE


def test_neighbours_of_every_state_are_told_apart():
    attributes = [["NDA_DST", "10.0.0.2"], ["NDA_LLADDR", "02:00:00:00:00:02"]]
    for state in NeighbourState:
        octets = recorded.neighbour(family=recorded.IPV4, ifindex=3, state=int(state), attrs=attributes)
        neighbour = decoded(decode.decode_neighbour, octets)
        assert (neighbour.state, neighbour.mac) == (state, 0x020000000002)
        assert neighbour.valid == (state.name in {"REACHABLE", "STALE", "DELAY", "PROBE", "NOARP", "PERMANENT"})
        assert neighbour.ageing == (state.name in {"REACHABLE", "STALE", "DELAY", "PROBE"})


def test_forwarding_entries_and_proxied_addresses_are_no_neighbours():
    attributes = [["NDA_DST", "10.0.0.2"]]
    proxy = recorded.neighbour(family=recorded.IPV4, ifindex=3, flags=8, attrs=attributes)
    assert decoded(decode.decode_neighbour, proxy) is None
    entry = recorded.neighbour(family=7, ifindex=3, attrs=[["NDA_LLADDR", "02:00:00:00:00:02"]])
    assert decoded(decode.decode_neighbour, entry) is None


def test_single_next_hops():
    one = decoded(decode.decode_next_hop, bytes.fromhex(GATEWAY_4))
    assert (one.id, one.path) == (1, Path(link=3, via=0x0A000102, via_family=4, onlink=True))
    other = decoded(decode.decode_next_hop, bytes.fromhex(GATEWAY_6))
    assert (other.id, other.family, other.path.via) == (3, 6, 0xFE80 << 112 | 1)
    end = decoded(decode.decode_next_hop, bytes.fromhex(BLACKHOLE))
    assert (end.id, end.blackhole, end.path) == (4, True, None)


def test_a_group_of_next_hops_has_weights_up_to_256():
    group = decoded(decode.decode_next_hop, bytes.fromhex(WEIGHTED))
    assert (group.group, group.resilience) == ((GroupMember(1, 3), GroupMember(2, 256)), None)


def test_a_resilient_group_has_buckets_and_timers():
    group = decoded(decode.decode_next_hop, bytes.fromhex(RESILIENT))
    assert group.group == (GroupMember(1, 1), GroupMember(2, 1))
    assert group.resilience == Resilience(buckets=8, idle_timer_cs=6000, unbalanced_timer_cs=30000)


def test_a_rule_keeps_what_limits_it():
    rule = decoded(
        decode_rule,
        recorded.rule(
            family=recorded.IPV4,
            src_len=8,
            action=1,
            table=100,
            attrs=[
                ["FRA_TABLE", 1000],
                ["FRA_PRIORITY", 99],
                ["FRA_SRC", "10.0.0.0"],
                ["FRA_IIFNAME", "eth0"],
                ["FRA_FWMARK", 7],
                ["FRA_SUPPRESS_PREFIXLEN", 0],
            ],
        ),
    )
    assert (rule.action, rule.table, rule.priority, rule.is_default) == (RuleAction.TO_TABLE, 1000, 99, False)
    assert set(rule.selectors) == {
        ("from", "10.0.0.0/8"),
        ("iif", "eth0"),
        ("fwmark", "0x7"),
        ("suppress_prefixlength", "0"),
    }


def test_a_rule_that_every_namespace_begins_with_is_a_default():
    for priority, table in ((0, 255), (32766, 254), (32767, 253)):
        attributes = [["FRA_TABLE", table], ["FRA_PRIORITY", priority], ["FRA_SUPPRESS_PREFIXLEN", 0xFFFFFFFF]]
        octets = recorded.rule(family=recorded.IPV4, action=1, table=table, attrs=attributes)
        assert decoded(decode_rule, octets).is_default


def test_a_selector_that_we_do_not_know_still_limits_the_rule():
    attributes = [["FRA_TABLE", 254], ["FRA_PRIORITY", 32766]]
    octets = recorded.rule(family=recorded.IPV4, action=1, table=254, attrs=attributes)
    rule = decoded(decode_rule, recorded.with_attribute(octets, 99, b"\1"))
    assert rule.selectors == (("attribute 99", "01"),)
    assert not rule.is_default


@pytest.mark.parametrize("decoder", [decode.decode_link, decode.decode_address, decode.decode_neighbour, decode_rule])
def test_a_message_that_is_too_short_is_an_error(decoder):
    with pytest.raises(NetlinkError):
        decoder(bytes(3), 0, 3)
