"""Every port's packets come out of a pool: the one of the tests of DPDK serves here, too."""

from tests.ports.dpdk.conftest import environment, pool

__all__ = ["environment", "pool"]
