"""What is opened before the ports: DPDK, the packets, and what all ports share."""

import asyncio
from contextlib import AsyncExitStack

from bise.control.config import Configuration
from bise.control.port_specs import PciPort
from bise.instance.ports import PortTable
from bise.instance.verdicts import LocalAddresses
from bise.ports.dpdk import eal, shim
from bise.ports.dpdk.pool import Pool
from bise.ports.kernel import Shared
from bise.ports.punt import PuntTap
from bise.ports.steering.verdicts import Verdicts


def open_memory(
    wanted: Configuration, opened: AsyncExitStack, succeeds: bool
) -> tuple[Pool, LocalAddresses, PortTable]:
    """The packet pool, the verdicts on our own addresses, and the table of ports; `opened` closes it all. `succeeds`:
    another instance of this name has all of it, too."""
    pci = [spec.address for spec in wanted.ports if isinstance(spec, PciPort)]
    eal.start(wanted.name, wanted.cores, pci=pci)
    log = shim.log()
    asyncio.get_running_loop().add_reader(log.descriptor, log.drain)
    pool = Pool(wanted.memory // shim.call("packet pool", "bise_pool_stride"))
    opened.callback(pool.close)
    verdicts = (Verdicts(4), Verdicts(6))
    for shared in verdicts:
        opened.callback(shared.close)
    punting = PuntTap(wanted.name, succeeds)
    opened.callback(punting.close)
    table = PortTable(Shared(pool, punting, verdicts), pool, len(wanted.cores), wanted.queues, wanted.spread)
    return pool, LocalAddresses(verdicts), table
