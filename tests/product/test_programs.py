"""What people run across a router to see whether it works."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bise.bench.namespaces import Namespace
from tests.product.router import Router, ping, wait_until

pytestmark = pytest.mark.root

FAMILIES = pytest.mark.parametrize("family", [4, 6])


def address(router: Router, host: str, family: int) -> str:
    port = router.port(host)
    return port.host4 if family == 4 else port.host6


@FAMILIES
def test_ping_is_answered_past_the_kernel(router: Router, family: int) -> None:
    target = address(router, "s", family)
    with router.natively("s", 50), router.natively("c", 50):
        assert ping(router.host("c"), target, 50) == 50


@FAMILIES
def test_traceroute_shows_the_router(router: Router, family: int) -> None:
    target = address(router, "s", family)
    shown = router.host("c").run_line(f"traceroute -{family} -n -q 1 -w 2 -m 4 {target}")
    hops = re.findall(r"^ *\d+ +(\S+)", shown, re.MULTILINE)
    own = router.port("c")
    assert hops == [own.router4 if family == 4 else own.router6, target]


@FAMILIES
def test_the_mtu_of_a_path_is_found(router: Router, family: int) -> None:
    host, target = router.host("c"), address(router, "t", family)
    headers = {4: 28, 6: 48}[family]
    refused = host.start("ping", "-n", "-c2", "-i0.01", "-W1", "-Mdo", f"-s{1500 - headers}", target, **QUIETLY)
    said, _ = refused.communicate(timeout=10)
    assert re.search(rb"mtu *= *1400", said), said
    assert "mtu 1400" in host.run_line(f"ip route get {target}")
    with router.natively("t", 5):
        assert ping(host, target, 5, f"-M do -s {1400 - headers}") == 5


def test_what_is_too_long_and_may_be_cut_is_cut(router: Router) -> None:
    assert ping(router.host("s"), router.port("t").host4, 5, "-M dont -s 1472") == 5


QUIETLY = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


@contextmanager
def iperf_server(host: Namespace) -> Iterator[None]:
    server = host.start("iperf3", "-s", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until("iperf3 listens", lambda: ":5201" in host.run_line("ss -Hltn"))
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=10)


def bad_checksums(host: Namespace) -> int:
    """What the host threw away for a wrong checksum, in either family."""
    total = 0
    with host.inside():
        for name in ("snmp", "netstat"):
            lines = Path("/proc/thread-self/net", name).read_text().splitlines()
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                pairs = zip(names.split(), values.split(), strict=True)
                total += sum(int(value) for key, value in pairs if "CsumErrors" in key)
        for line in Path("/proc/thread-self/net/snmp6").read_text().splitlines():
            key, value = line.split()
            total += int(value) * ("CsumErrors" in key)
    return total


@FAMILIES
@pytest.mark.parametrize("direction", ["", "-R"], ids=["to the server", "to the client"])
@pytest.mark.parametrize("transport", ["", "-u -b 50M -l 1200"], ids=["TCP", "UDP"])
def test_iperf_gets_through_with_every_checksum_right(
    router: Router, family: int, direction: str, transport: str
) -> None:
    client, server = router.host("c"), router.host("s")
    before = bad_checksums(client), bad_checksums(server)
    out = "c" if direction else "s"
    with iperf_server(server), router.natively(out, 1000):
        said = client.run_line(f"iperf3 -J -{family} -c {address(router, 's', family)} -t 1 {direction} {transport}")
    end = json.loads(said)["end"]
    if transport:
        assert end["sum"]["lost_percent"] < 20
    else:
        assert end["sum_received"]["bits_per_second"] > 10e6
    assert (bad_checksums(client), bad_checksums(server)) == before
