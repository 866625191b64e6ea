"""Ports and the interfaces that they stand on: what changes there is told to the features, and a kernel-owned port goes
with its interface and is opened again when one of its name is back."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bise.control.changes import Added, Change, Removed
from bise.control.objects import Link
from bise.control.port_specs import KernelPort as KernelSpec
from bise.features.feature import PortFacts
from bise.instance import gating
from bise.instance.ports import Port
from bise.ports.errors import PortError
from bise.ports.kernel import KernelPort
from bise.ports.steering.interface import read_interface

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_log = logging.getLogger(__name__)


class Attachments:
    """Those of one instance. `facts`: the ports by name, as the features were told of them."""

    def __init__(self, instance: "Instance") -> None:
        self._of = instance
        self.facts: dict[str, PortFacts] = {}
        self._obstacles: dict[str, str] = {}  # why ports that were lost are not back yet
        self._fresh: set[str] = set()  # ports whose sockets have nothing yet to receive into, and no worker a lane to

    def is_fresh(self, name: str) -> bool:
        """Whether no worker has lent packets to the port's sockets yet: what comes, or would go there, is the kernel's
        until then."""
        return name in self._fresh

    def opened(self, port: Port) -> None:
        """Its steering program is no foreign one."""
        if isinstance(port, KernelPort):
            self._of.watch.steered(port.name, read_interface(port.name).xdp_program)

    def link_changed(self, link: Link, change: Change) -> None:
        """`link` as it is, or as it was where the change is that it is gone."""
        port = self._of.ports.by_link(link.index)
        if port is not None and isinstance(change, Removed):
            _log.warning("port %s: its interface is gone", port.name)
            self._drop(port)
        elif port is not None:
            self.tell(port, link)
        elif isinstance(change, Added) and self._of.standing.ready:
            self.seek_lost([link])

    def tell(self, port: Port, link: Link) -> None:
        """Tells the steering program and the features how the port is now, once workers know it."""
        if port.name in self._fresh:
            return
        standing, settings = self._of.standing, self._of.settings.ports.get(port.name)
        mtu6 = settings.mtu6 if settings else 0
        punted = gating.punted_egress(standing).get(port.name, frozenset())
        facts = PortFacts(
            port.number,
            port.name,
            link.index,
            link.mac or 0,
            link.mtu,
            mtu6 or link.mtu,
            port.incomplete_checksums,
            punted,
            settings.rp_filter if settings else 0,
            gating.words(standing, [port.name])[port.name],
        )
        if self.facts.get(port.name) == facts:
            return
        self.facts[port.name] = facts
        if isinstance(port, KernelPort):
            port.steering.set_mac(facts.mac)
        for feature in self._of.features:
            feature.set_port(facts)

    def _drop(self, port: Port) -> None:
        facts = self.facts.pop(port.name, None)
        self._fresh.discard(port.name)
        self._of.ports.forget(port.name)
        if facts is not None:
            for feature in self._of.features:
                feature.drop_port(facts)
        if self._of.pipeline is not None:
            self._of.publish()
        self._of.crew.epochs.retire(lambda: self._close(port))

    def _close(self, port: Port) -> None:
        port.close()
        self._of.ports.closed(port)
        if self._of.standing.ready:
            self.seek_lost(self._of.mirror.links.values())  # it may be back already

    def seek_lost(self, links: Iterable[Link]) -> None:
        """Opens the ports that were lost and have their interface among these."""
        found, ports = {link.name for link in links}, self._of.ports
        for spec in self._of.wanted.ports:
            is_lost = spec.name not in ports.open_ports and not ports.is_leaving(spec.name)
            if isinstance(spec, KernelSpec) and spec.name in found and is_lost:
                try:
                    self._reopen(spec)
                except PortError as error:
                    if self._obstacles.get(spec.name) != str(error):
                        _log.warning("port %s is back and can't be opened: %s", spec.name, error)
                    self._obstacles[spec.name] = str(error)

    def _reopen(self, spec: KernelSpec) -> None:
        """An interface with the name of a port that was lost is back. Raises PortError."""
        if read_interface(spec.name).xdp_mode:  # somebody's, and nothing to wait for
            raise PortError(spec.name, "it has an XDP program")
        port = self._of.ports.open(spec)
        self._obstacles.pop(spec.name, None)
        self.opened(port)
        # Told of and opened when workers have lent packets to its sockets and know its lane: what comes before would be
        # lost, and what goes there would lie on a lane that nobody empties.
        self._fresh.add(port.name)
        self._of.publish()
        self._of.crew.epochs.retire(lambda: self._no_longer_fresh(port))
        _log.info("port %s is back", spec.name)

    def _no_longer_fresh(self, port: Port) -> None:
        if self._of.ports.open_ports.get(port.name) is port:
            self._fresh.discard(port.name)
            self._of.apply_gates()  # tells, too
