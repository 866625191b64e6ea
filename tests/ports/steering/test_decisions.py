"""The program in the kernel against its slow twin, packet by packet."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bise.ports.steering.layout import OVERLOAD, Flag, Gate, Reason
from tests.ports.steering.naive import TUNNEL_PORTS, Port, decide
from tests.ports.steering.trial import FAR_AHEAD_NS, OWN_MAC, Trial

pytestmark = pytest.mark.root

OWN = OWN_MAC.to_bytes(6, "big")
FROM = bytes.fromhex("020000000002")
GIVEN4, GIVEN6 = 0x0A000001, 0x2001_0DB8 << 96 | 1
PROTOCOLS = [0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 89, 103, 112, 115, 132, 137]


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    made = Trial()
    yield made
    made.close()


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


@st.composite
def udp(draw: st.DrawFn) -> bytes:
    to = draw(st.sampled_from([53, *TUNNEL_PORTS]) | st.integers(0, 65535))
    rest = draw(st.sampled_from([b"", b"\x08\0\0\0", b"\x08\0\0\1"])) + draw(st.binary(max_size=30))
    return b"\x12\x34" + to.to_bytes(2, "big") + draw(octets(4)) + rest


@st.composite
def ipv4(draw: st.DrawFn) -> bytes:
    destination = draw(
        st.sampled_from([GIVEN4, GIVEN4 + 1, 0xE0000005, 0xEFFFFFFF, 0xF0000000, 0xFFFFFFFF, 0x7F000001, 0])
    )
    fragment = draw(st.sampled_from([0, 0x4000, 0x8000, 0x2000, 0x2001, 0x0001]))
    start = bytes([draw(st.sampled_from([0x45, 0x46, 0x44, 0x65]))]) + draw(octets(5)) + fragment.to_bytes(2, "big")
    middle = bytes([draw(st.integers(0, 255)), draw(st.sampled_from(PROTOCOLS))]) + draw(octets(6))
    return b"\x08\0" + start + middle + destination.to_bytes(4, "big") + draw(udp() | st.binary(max_size=40))


@st.composite
def ipv6(draw: st.DrawFn) -> bytes:
    some = [GIVEN6, GIVEN6 + 1, 0xFE80 << 112, 0xFEBF << 112 | 1, 0xFEC0 << 112, 0xFF02 << 112 | 1, 1]
    destination = draw(st.sampled_from(some)).to_bytes(16, "big")
    start = b"\x60" + draw(octets(5)) + bytes([draw(st.sampled_from(PROTOCOLS)), 64]) + draw(octets(16))
    return b"\x86\xdd" + start + destination + draw(udp() | st.binary(max_size=40))


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    other = [bytes(6), b"\xff" * 6, b"\x03" + OWN[1:], OWN[:5] + b"\x02"]
    to = OWN if draw(st.integers(0, 9)) else draw(st.sampled_from(other))
    kinds = st.sampled_from([b"\x81\0", b"\x88\xa8", b"\x91\0", b"\x08\x06", b"\x88\x47", b"\x08\x01"])
    rest = draw(ipv4() | ipv6() | st.tuples(kinds, st.binary(max_size=60)).map(b"".join))
    whole = to + FROM + rest
    ending = draw(st.sampled_from(["", "", "", "cut", "long"]))
    if ending == "cut":
        return whole[: draw(st.integers(14, len(whole)))]
    return whole + bytes(draw(st.sampled_from([2048 - len(whole), 2049 - len(whole)]))) if ending else whole


@st.composite
def ports(draw: st.DrawFn) -> Port:
    gate = Gate(draw(st.sampled_from([0, 0, 0, 1, 2, 4, 6])))
    verdicts = {GIVEN4, GIVEN6} if draw(st.booleans()) else set()
    return Port(OWN, gate, Flag(draw(st.integers(0, 1))), verdicts, late=draw(st.integers(0, 5)) == 0)


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ports(), packets())
def test_the_program_decides_as_its_slow_twin(trial: Trial, port: Port, packet: bytes):
    trial.open()
    trial.steering.set_gate(port.gate)
    trial.steering.set_flags(port.flags)
    for family, given_address in ((4, GIVEN4), (6, GIVEN6)):
        trial.verdicts[family].replace({given_address: 1} if port.verdicts else {given_address: 0})
    if port.late:
        trial.steering.deadlines[0] = 1
    assert trial.reason(packet) is decide(port, packet)


@settings(max_examples=300, deadline=None)
@given(st.integers(0x01000000, 0xDFFFFFFF), st.integers(0x2000 << 112, (0x4000 << 112) - 1))
def test_any_address_with_a_verdict_is_found(trial: Trial, address4: int, address6: int):
    trial.open()
    to4 = OWN + FROM + b"\x08\0\x45" + bytes(15) + address4.to_bytes(4, "big") + bytes(40)
    to6 = OWN + FROM + b"\x86\xdd\x60" + bytes(23) + address6.to_bytes(16, "big") + bytes(40)
    for family, address, packet in ((4, address4, to4), (6, address6, to6)):
        trial.verdicts[family].replace({})
        assert trial.reason(packet) is Reason.WORKER
        trial.verdicts[family].replace({address: 1})
        assert trial.reason(packet) is Reason.VERDICT


def test_a_packet_in_several_buffers_is_the_kernels(trial: Trial):
    trial.open()
    assert trial.reason(OWN + FROM + b"\x08\0\x45" + bytes(9000)) is Reason.BUFFERS


def test_everything_is_the_kernels_until_a_worker_has_promised(trial: Trial):
    trial.open()
    trial.steering.deadlines[0] = 0
    assert trial.reason(OWN + FROM + b"\x08\0\x45" + bytes(60)) is Reason.LATE


def test_an_overloaded_port_is_the_kernels_until_its_time_has_passed(trial: Trial):
    trial.open()
    packet = OWN + FROM + b"\x08\0\x45" + bytes(60)
    trial.steering.words[OVERLOAD] = time.monotonic_ns() + FAR_AHEAD_NS
    assert trial.reason(packet) is Reason.OVERLOAD
    trial.steering.words[OVERLOAD] = time.monotonic_ns() - 1
    assert trial.reason(packet) is Reason.WORKER


def test_a_fresh_program_passes_everything():
    fresh = Trial()
    assert fresh.reason(OWN + FROM + b"\x08\0\x45" + bytes(60)) is Reason.GATE_ALL
    fresh.close()
