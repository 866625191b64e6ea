"""Users' nodes that let everything through change nothing, wherever they stand, also while they come and go."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.nodefiles import folder
from tests.oracle.addresses import DESTINATIONS4, DESTINATIONS6
from tests.oracle.conftest import FORWARDERS, PORTS, paired
from tests.oracle.packets import frames, ip4, ip6, udp
from tests.oracle.pair import Pair
from tests.oracle.routes import STANDARD

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

NODES = """
from enum import IntEnum
from bise.node import NO_PORT, Drop, Header, Insert, Part, copy_to, le64, node
class State(Header):
    seen = le64()
class Edge(IntEnum):
    ON = 0
    OFF = 1
PLACES = (("ethernet.input", "IPV4"), ("ethernet.input", "IPV6"), ("ipv4.input", "VALID"), ("ipv6.forward", "OUTPUT"))
@node(Edge, State)
def first(packet, state, now):
    state.seen += 1
    return Edge.ON if now > 0 else Edge.OFF
@node(Edge, State)
def second(packet, state, now):
    state.seen += 1
    return Edge.ON if packet.length > 0 else Edge.OFF
@node(Edge, State, copies=True)
def third(packet, state, now):
    copy_to(packet, NO_PORT)
    return Edge.ON if state.seen >= 0 else Edge.OFF
@node(Edge)
def fourth(packet, state, now):
    return Edge.ON if packet.egress < 256 else Edge.OFF
ALL = (first, second, third, fourth)
PART = Part(
    {one: {Edge.OFF: Drop("passing.off", "never")} for one in ALL},
    tuple(Insert(one, *place, Edge.ON) for one, place in zip(ALL, PLACES)),
)
"""


@pytest.fixture(scope="module")
def file() -> Path:
    path = folder("oracle") / "passing.py"
    path.write_text(NODES)
    return path


@pytest.fixture(scope="module", params=FORWARDERS)
def open_pair(request: pytest.FixtureRequest, file: Path) -> Iterator[Pair]:
    with paired(request.param, PORTS, STANDARD, ("--node", str(file))) as two:
        yield two


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(traffic=st.lists(frames(PORTS[0]), min_size=1, max_size=40))
def test_any_traffic_leaves_both_routers_alike(open_pair: Pair, traffic: list[bytes]) -> None:
    open_pair.agree("c", traffic)


def everywhere() -> list[object]:
    """To each destination, by both families."""
    return [ip4(address) / udp() for address in DESTINATIONS4] + [ip6(address) / udp() for address in DESTINATIONS6]


def ask(pair: Pair, verb: str, **arguments: str) -> None:
    """AssertionError where Bise says no."""
    assert pair.bise is not None
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(f"/run/bise/{pair.bise.name}.sock")
        asking.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
        with asking.makefile() as answers:
            answer = json.loads(answers.readline())
    assert answer["ok"], answer


def test_nodes_that_come_and_go_change_nothing(open_pair: Pair, file: Path) -> None:
    if open_pair.bise is None:
        pytest.skip("nothing but the kernel forwards")
    ask(open_pair, "node-remove", name="passing")  # compiled now
    ended, swaps = threading.Event(), [0]

    def come_and_go() -> None:
        while not ended.is_set():
            ask(open_pair, "node-add", path=str(file))
            ask(open_pair, "node-remove", name="passing")
            swaps[0] += 2

    changing = threading.Thread(target=come_and_go)
    changing.start()
    try:
        for _ in range(20):
            assert all(open_pair.agree("c", everywhere()).values())
    finally:
        ended.set()
        changing.join()
    assert swaps[0] >= 10
