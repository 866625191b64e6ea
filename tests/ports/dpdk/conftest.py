"""DPDK is started once for the whole run, without huge pages; each test has its own pool and loses no packet of it."""

from collections.abc import Iterator

import pytest

from bise.ports.dpdk import eal
from bise.ports.dpdk.pool import Pool

PACKETS = 4095


@pytest.fixture(scope="session")
def environment() -> eal.Eal:
    return eal.started() or eal.start("test", huge_pages=False)


@pytest.fixture
def pool(environment: eal.Eal) -> Iterator[Pool]:
    """A pool of which every packet must be back at the end, when all ports are closed."""
    pool = Pool(PACKETS, huge_pages=False)
    try:
        yield pool
        assert pool.available() == PACKETS
    finally:
        pool.close()
