"""A hundred thousand routes: read whole, followed one by one, flushed. Prints what it took; judges only the result."""

import time

import pytest

from tests.control.mirrors import differences, each, mirror_in, wired

pytestmark = [pytest.mark.root, pytest.mark.slow]

COUNT = 100_000


def lines(way: str, host: int) -> list[str]:
    return [f"route {way} 20.{i >> 16}.{i >> 8 & 255}.{i & 255}/32 via 10.0.1.{host}" for i in range(COUNT)]


def rate(what: str, began: float) -> None:
    seconds = time.process_time() - began
    print(f"{what}: {seconds:.2f} s of the processor, {COUNT / seconds:,.0f} routes/s")


def test_a_hundred_thousand_routes_are_read_and_followed():
    with wired("scale") as namespace:
        follower = mirror_in(namespace)
        namespace.ip(*lines("add", 2))
        began = time.process_time()
        reader = mirror_in(namespace)
        rate("read", began)
        assert len(reader.routes) > COUNT
        began = time.process_time()
        follower.catch_up()
        rate("followed, as they were added", began)
        assert follower.routes == reader.routes
        namespace.ip(*lines("replace", 3))
        told = []
        reader.subscribe(told.extend)
        began = time.process_time()
        reader.catch_up()
        rate("followed, as they were replaced", began)
        assert len(each(told)) == COUNT
        began = time.process_time()
        namespace.ip("link set left down")
        reader.catch_up()
        rate("gone with their link", began)
        assert not reader.counts.overflows
        assert not differences(reader, namespace)
