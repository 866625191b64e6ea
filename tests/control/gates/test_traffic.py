"""Disciplines, filters and tcx programs, from messages."""

import struct

from bise.control.gates.gate import BOTH, IPV4, IPV6, entering, leaving
from bise.control.gates.netlink import Message
from bise.control.gates.traffic import Filter, Qdisc, Tcx, Traffic, filters_from, qdiscs_from, tcx_gates, traffic_gates
from tests.control.gates.octets import tree

PORTS = {3: "eth0", 4: "eth1"}
NEW_QDISC, NEW_FILTER = 36, 44


def tc(kind: int, name: str, interface: int = 3, handle: int = 0, said: int = 0) -> Message:
    return Message(kind, struct.pack("=BxxxiIII", 0, interface, handle, 0xFFFFFFFF, said) + tree({1: name}))


def protocol(ethertype: int, preference: int = 49152) -> int:
    return preference << 16 | int.from_bytes(ethertype.to_bytes(2, "big"), "little")


def gates_of(traffic: Traffic) -> list[tuple[object, ...]]:
    return [(gate.name, gate.families, gate.where) for gate in traffic_gates(traffic, PORTS)]


def test_only_what_someone_set_is_a_gate() -> None:
    dumped = [
        tc(NEW_QDISC, "noqueue"),
        tc(NEW_QDISC, "mq", 4),
        tc(NEW_QDISC, "clsact", 3, 0xFFFF0000),
        tc(NEW_QDISC, "htb", 4, 0x10000),
        tc(NEW_QDISC, "htb", 9, 0x10000),
    ]
    qdiscs = qdiscs_from(dumped, PORTS)
    assert qdiscs == (Qdisc(3, "clsact", 0xFFFF), Qdisc(3, "noqueue", 0), Qdisc(4, "htb", 1), Qdisc(4, "mq", 0))
    assert gates_of(Traffic(qdiscs)) == [("qdisc", BOTH, leaving("eth1"))]


def test_filters_gate_by_side_and_ethertype() -> None:
    def one(ethertype: int, egress: bool = False) -> list[tuple[object, ...]]:
        found = filters_from([tc(NEW_FILTER, "bpf", said=protocol(ethertype))], 3, egress)
        return gates_of(Traffic(filters=tuple(found)))

    assert one(0x0800) == [("tc-filter", IPV4, entering("eth0"))]
    assert one(0x86DD, egress=True) == [("tc-filter", IPV6, leaving("eth0"))]
    assert one(3) == [("tc-filter", BOTH, entering("eth0"))]
    assert one(0x0806) == one(0x8100) == []


def test_a_shared_blocks_filters_are_the_ports() -> None:
    magic_block = -1
    assert filters_from([tc(NEW_FILTER, "flower", magic_block, said=protocol(3))], 4, False) == {
        Filter(4, False, "flower", 3)
    }


def test_tcx_programs_gate_their_side() -> None:
    found = [(gate.name, gate.where) for gate in tcx_gates([Tcx(3, False, (7,)), Tcx(4, True, (8, 9))], PORTS)]
    assert found == [("tcx", entering("eth0")), ("tcx", leaving("eth1"))]
