"""`bise check`, by itself and in a namespace with veth ports."""

import errno
import json
import sys

import pytest

from bise.bench.namespaces import Namespace, Namespaces, veth
from bise.control import check, kernel_features, machine
from bise.control.check_ports import port_findings
from bise.control.findings import Verdict
from bise.control.kernel_features import Feature, features
from bise.control.port_specs import KernelPort, VhostUserPort
from bise.ports import huge_pages

BISE = (sys.executable, "-c", "from bise.cli import main; main()")


def verdicts(report: dict[str, list[dict[str, str]]], subject: str) -> list[str]:
    """What was said about `subject`, in order."""
    return [finding["verdict"] for finding in report["findings"] if finding["subject"] == subject]


def test_a_kernel_without_a_feature_stops_it(monkeypatch):
    lacking = [Feature("AF_XDP sockets", "CONFIG_XDP_SOCKETS", errno.EAFNOSUPPORT)]
    monkeypatch.setattr(kernel_features, "features", lambda: lacking)
    report = check.report(())
    assert not report.can_run
    (finding,) = [finding for finding in report.findings if finding.subject == "AF_XDP sockets"]
    assert finding.found == "missing (Address family not supported by protocol)"
    assert finding.advice == "a kernel with CONFIG_XDP_SOCKETS"


def test_a_refusal_for_want_of_rights_says_nothing_about_the_kernel():
    assert Feature("x", "CONFIG_X", errno.EPERM).present
    assert not Feature("x", "CONFIG_X", errno.EINVAL).present


def test_each_feature_is_asked_for_and_answered():
    names = [feature.name for feature in features()]
    assert len(set(names)) == len(names) >= 9


def test_a_map_that_no_kernel_has_is_missing(monkeypatch):
    monkeypatch.setattr(kernel_features, "_PROBES", [("odd", "CONFIG_ODD", kernel_features._map(4242))])
    (odd,) = features()
    assert odd.failure in (errno.EINVAL, errno.EPERM)


def test_memory_without_huge_pages_costs(monkeypatch):
    monkeypatch.setattr(huge_pages, "free_octets", lambda: 0)
    monkeypatch.setattr(machine, "has_transparent_huge_pages", lambda: True)
    (finding,) = [finding for finding in check.report(()).findings if finding.subject == "huge pages"]
    assert finding.verdict is Verdict.COSTS
    assert "up to twice the cycles" in finding.found


def test_an_unknown_interface_stops_it_and_others_are_looked_at_all_the_same():
    found = list(port_findings((KernelPort("nosuch0"), VhostUserPort("vm0", "/run/vm0.sock"))))
    assert [finding.verdict for finding in found] == [Verdict.STOPS, Verdict.GOOD]
    assert "no interface 'nosuch0'" in found[0].found


def state_of(namespace: Namespace) -> str:
    """Links, addresses, qdiscs and rules as the kernel shows them."""
    shown = [namespace.run("ip", "-d", "-j", "link"), namespace.run("ip", "-j", "address")]
    return "\n".join([*shown, namespace.run("tc", "qdisc"), namespace.run("nft", "list", "ruleset")])


@pytest.mark.root
def test_in_a_router_everything_is_found_and_nothing_touched():
    with Namespaces("router", "host", purpose="bisecheck") as (router, host):
        router.sysctl({"net/ipv6/conf/default/accept_dad": 0})  # an address doesn't change by itself then
        veth(router, "r0", host, "h0", queues=2)
        veth(router, "other", host, "h1")
        router.ip("link set r0 up", "address add 10.9.0.1/24 dev r0")
        host.ip("link set h0 up")
        router.sysctl({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
        before = state_of(router)
        report = json.loads(router.run(*BISE, "check", "--port", "r0", "--json"))
        assert state_of(router) == before
        assert report["can_run"]
        assert report["gates"] == []
        assert report["native"]["IPv4 routes"]["native"] > 0
        assert report["native"]["IPv4 routes"]["punted"] == 0
        assert "veth, 2 receive queues, MTU 1500" in {finding["found"] for finding in report["findings"]}
        router.ip("link set other up", "route add 10.8.0.0/16 dev other", "link set r0 down")
        router.run("nft", "add table ip t { chain c { type filter hook forward priority 0; policy drop; }; }")
        report = json.loads(router.run(*BISE, "check", "--port", "r0", "--json"))
        assert "costs" in verdicts(report, "port r0")
        assert report["native"]["IPv4 routes"]["punted"] == 1
        assert [(gate["name"], gate["families"]) for gate in report["gates"]] == [("netfilter-forward", [4])]
