"""Legacy iptables' tables and IPVS's list, from what the kernel returns."""

import struct

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6
from bise.control.gates.xtables import Legacy, LegacyTable, has_virtual_services, legacy_gates, table_from

INPUT, FORWARD = 1, 2
ACCEPT, DROP = -2, -1
ENTRY = {4: 112, 6: 168}


def entry(family: int, verdict: int, match: str = "") -> bytes:
    """A rule or policy: struct ipt_entry or ip6t_entry, perhaps a match, a standard target."""
    matched = struct.pack("=H30s", 48, match.encode()).ljust(48, b"\0") if match else b""
    return bytes(ENTRY[family]) + matched + struct.pack("=H30si4x", 40, b"", verdict)


def table(
    family: int, rules: int = 0, policy: int = ACCEPT, match: str = "", read: bool = True, hook: int = FORWARD
) -> LegacyTable:
    """A table with the built-in chain of one hook."""
    inside = b"".join(entry(family, ACCEPT, match) for _ in range(rules))
    entries = inside + entry(family, policy)
    policies = [len(inside) if number == hook else 0 for number in range(5)]
    info = struct.pack("=32sI5I5III", b"filter", 1 << hook, *[0] * 5, *policies, rules + 2, len(entries))
    return table_from(family, "filter", info, entries if read else None)


def gates_of(*tables: LegacyTable) -> list[tuple[object, ...]]:
    return [(gate.name, gate.families) for gate in legacy_gates(Legacy(tables))]


def test_a_table_that_was_only_touched_is_no_gate() -> None:
    assert gates_of(table(4), table(6)) == []


def test_rules_and_policies_gate_their_family() -> None:
    assert table(4, rules=2) == LegacyTable(4, "filter", (FORWARD,), ())
    assert gates_of(table(4, rules=2)) == [("netfilter-forward", IPV4)]
    assert gates_of(table(6, policy=DROP)) == [("netfilter-forward", IPV6)]


def test_rules_for_the_machine_itself_are_none() -> None:
    assert table(4, rules=1, policy=DROP, hook=INPUT) == LegacyTable(4, "filter", (INPUT,), (INPUT,))
    assert gates_of(table(4, rules=1, policy=DROP, hook=INPUT)) == []


def test_matches_that_track_connections_gate_from_anywhere() -> None:
    assert gates_of(table(4, rules=1, match="conntrack", hook=INPUT)) == [("conntrack", IPV4)]
    assert gates_of(table(6, rules=1, match="state", hook=INPUT)) == [("conntrack", IPV6)]
    assert gates_of(table(4, rules=1, match="socket", hook=INPUT)) == [("defragmentation", IPV4)]
    assert gates_of(table(4, rules=1, match="statistic", hook=INPUT)) == []


def test_a_table_too_long_to_read_is_taken_for_tracking() -> None:
    assert gates_of(table(4, rules=1, read=False, hook=INPUT)) == [("conntrack", IPV4)]
    assert gates_of(table(4, rules=1, read=False)) == [("netfilter-forward", IPV4)]


IPVS = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""


def test_virtual_services_are_a_gate() -> None:
    assert not has_virtual_services(IPVS)
    assert has_virtual_services(IPVS + "TCP  0A000001:0050 rr\n  -> 0A000202:0050      Masq    1      0          0\n")
    (gate,) = legacy_gates(Legacy((), True))
    assert (gate.name, gate.families, gate.where) == ("ipvs", BOTH, EVERYWHERE)
