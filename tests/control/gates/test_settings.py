"""Sysctls to settings as include/linux/inetdevice.h combines them, settings to gates."""

from dataclasses import replace

import pytest

from bise.control.gates import NATIVE, PortSettings, Settings
from bise.control.gates.gate import EVERYWHERE, IPV4, IPV6, crossing, entering, leaving
from bise.control.gates.settings import settings_gates
from bise.control.gates.sysctls import port_settings, settings_from

ROUTER = {
    "ipv4/conf/eth0/forwarding": 1,
    "ipv6/conf/all/forwarding": 1,
    "ipv6/conf/eth0/forwarding": 1,
    "ipv6/conf/eth0/mtu": 1400,
}


def port(**values: int) -> PortSettings:
    """A router's port with some IPv4 knobs, `all_` and `own_` before their names."""
    places = {"all": "ipv4/conf/all", "own": "ipv4/conf/eth0"}
    named = {f"{places[name[:3]]}/{name[4:]}": value for name, value in values.items()}
    return port_settings(ROUTER | named, "eth0")


def gates_of(settings: Settings, native: frozenset[str] = NATIVE) -> list[tuple[object, ...]]:
    return [(gate.name, gate.families, gate.where) for gate in settings_gates(settings, native)]


def test_a_plain_router_has_no_gates() -> None:
    settings = settings_from(ROUTER, ["eth0"])
    assert gates_of(settings) == []
    assert settings.ports["eth0"].mtu6 == 1400


@pytest.mark.parametrize("word", ["accept_local", "route_localnet", "log_martians", "send_redirects"])
def test_either_place_suffices(word: str) -> None:
    for values in ({f"all_{word}": 1}, {f"own_{word}": 1}):
        assert getattr(port(**values), word)
    assert not getattr(port(), word)


def test_some_want_both_places_and_rp_filter_the_greater() -> None:
    assert port(all_bc_forwarding=1, own_bc_forwarding=1).bc_forwarding
    assert not port(own_bc_forwarding=1).bc_forwarding
    assert port(all_rp_filter=1, own_rp_filter=2).rp_filter == 2
    assert port(all_rp_filter=1).rp_filter == 1


def test_ipv4_forwarding_is_the_ingress_ports_own() -> None:
    settings = settings_from(ROUTER | {"ipv4/conf/all/forwarding": 1, "ipv4/conf/eth0/forwarding": 0}, ["eth0"])
    assert gates_of(settings) == [("sysctl-forwarding", IPV4, entering("eth0"))]


def test_ipv6_forwarding_is_the_namespaces_or_forced() -> None:
    off = ROUTER | {"ipv6/conf/all/forwarding": 0}
    assert gates_of(settings_from(off, ["eth0"])) == [("sysctl-forwarding", IPV6, entering("eth0"))]
    assert gates_of(settings_from(off | {"ipv6/conf/eth0/force_forwarding": 1}, ["eth0"])) == []


@pytest.mark.parametrize(
    ("change", "name", "families"),
    [
        ({"ipv6/conf/eth0/disable_ipv6": 1}, "ipv6-disabled", IPV6),
        ({"ipv6/conf/eth0/mtu": None}, "ipv6-disabled", IPV6),
        ({"ipv4/conf/eth0/forwarding": None}, "ipv4-disabled", IPV4),
    ],
)
def test_a_port_without_a_family_neither_takes_nor_sends_it(
    change: dict[str, int | None], name: str, families: frozenset[int]
) -> None:
    values = {path: value for path, value in (ROUTER | change).items() if value is not None}
    assert gates_of(settings_from(values, ["eth0"])) == [(name, families, crossing("eth0"))]


def test_accepted_redirects_gate_a_router() -> None:
    both = {"ipv4/conf/eth0/accept_redirects": 1, "ipv4/conf/all/accept_redirects": 1}
    assert gates_of(settings_from(ROUTER | both, ["eth0"])) == [("sysctl-redirects", IPV4, leaving("eth0"))]
    assert gates_of(settings_from(ROUTER | {"ipv4/conf/eth0/accept_redirects": 1}, ["eth0"])) == []
    # an IPv6 interface that is a host's, in a namespace that forwards
    host = {"ipv6/conf/eth0/forwarding": 0, "ipv6/conf/eth0/accept_redirects": 1}
    assert gates_of(settings_from(ROUTER | host, ["eth0"])) == [("sysctl-redirects", IPV6, leaving("eth0"))]


@pytest.mark.parametrize(
    ("path", "name", "families"),
    [
        ("ipv4/ip_forward_use_pmtu", "sysctl-use-pmtu", IPV4),
        ("ipv4/fib_multipath_use_neigh", "sysctl-use-neigh", IPV4),
    ],
)
def test_what_only_the_kernel_knows_gates_a_family(path: str, name: str, families: frozenset[int]) -> None:
    assert gates_of(settings_from(ROUTER | {path: 1}, ["eth0"])) == [(name, families, EVERYWHERE)]


def test_carriers_gate_unless_the_fast_path_looks_at_them() -> None:
    settings = replace(settings_from(ROUTER, ["eth0"]), ignore_linkdown4=frozenset({"all"}))
    assert gates_of(settings) == [("sysctl-linkdown", IPV4, EVERYWHERE)]
    assert gates_of(settings, NATIVE | {"ignore-linkdown"}) == []


def test_a_knob_that_the_fast_path_does_not_follow_gates() -> None:
    settings = Settings({"eth0": port(own_rp_filter=1, own_log_martians=1)})
    assert gates_of(settings) == []
    assert gates_of(settings, NATIVE - {"rp-filter"}) == [("sysctl-rp-filter", IPV4, entering("eth0"))]
    assert gates_of(settings, NATIVE - {"log-martians"}) == [("sysctl-log-martians", IPV4, entering("eth0"))]


def test_the_multipath_hash_is_typed() -> None:
    values = {
        "ipv4/fib_multipath_hash_policy": 1,
        "ipv4/fib_multipath_hash_seed": 77,
        "ipv6/fib_multipath_hash_policy": 3,
    }
    settings = settings_from(ROUTER | values, ["eth0"])
    assert (settings.multipath4.policy, settings.multipath4.seed) == (1, 77)
    assert (settings.multipath6.policy, settings.multipath6.seed) == (3, 77)
