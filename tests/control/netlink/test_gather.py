"""Many datagrams by one call."""

import socket

import pytest

from bise.control.netlink.gather import Gatherer, Truncated


@pytest.fixture
def ends():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield pair
    for one in pair:
        one.close()


def test_what_waits_comes_at_once_and_then_nothing(ends):
    here, there = ends
    gatherer = Gatherer()
    assert gatherer.receive(here.fileno()) is None
    for number in range(5):
        there.send(bytes([number]) * 4 * (number + 1))
    assert gatherer.receive(here.fileno()) == b"".join(bytes([number]) * 4 * (number + 1) for number in range(5))
    assert gatherer.receive(here.fileno()) is None


def test_each_begins_at_a_word(ends):
    here, there = ends
    gatherer = Gatherer()
    there.send(b"abcde")
    there.send(b"fghi")
    found = gatherer.receive(here.fileno())
    assert found is not None
    assert (found[:5], found[8:]) == (b"abcde", b"fghi")


def test_one_that_is_too_large_is_told_of(ends):
    here, there = ends
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    there.send(bytes((1 << 17) + 4))
    with pytest.raises(Truncated):
        Gatherer().receive(here.fileno())


def test_an_error_of_the_socket_is_raised(ends):
    with pytest.raises(OSError, match="Bad file"):
        Gatherer().receive(-1)
