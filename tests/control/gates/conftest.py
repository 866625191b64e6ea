"""The namespace of the root tests: a router with two veth ports whose peers are there, too."""

from collections.abc import Iterator

import pytest

from bise.bench.namespaces import Namespace, Namespaces, remove_leftovers
from tests.control.gates.watching import PORTS

PURPOSE = "bisegate"
_number = iter(range(1000))


@pytest.fixture
def router() -> Iterator[Namespace]:
    remove_leftovers(PURPOSE)
    with Namespaces(f"r{next(_number)}", purpose=PURPOSE) as (namespace,):
        make_ports(namespace)
        yield namespace


def make_ports(namespace: Namespace) -> None:
    """Ports as a router has them, up, with nothing that gates."""
    for port in PORTS:
        namespace.ip(f"link add {port} type veth peer name {port}far", f"link set {port} up", f"link set {port}far up")
    namespace.sysctl({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
