"""The state of one network namespace as Linux told it, and what each announcement does to it.

Written by the mirror alone. What an announcement implies without saying so (`control/silent.py`) is applied with it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from itertools import chain
from typing import Any

from bise.control import silent
from bise.control.changes import Change, Tracked
from bise.control.netlink import decode
from bise.control.netlink.kinds import Kind
from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import Message
from bise.control.netlink.rows import Rows, message_at, prefix_numbers
from bise.control.netlink.rules import decode_rule
from bise.control.objects import (
    Address,
    AddressKey,
    InterfaceSettings,
    Link,
    Neighbour,
    NeighbourKey,
    NextHopObject,
    Route,
    Rule,
    SettingsKey,
)
from bise.control.route_order import is_mixed, with_route, without_route
from bise.control.route_tables import RouteTables, TableKey

_FINISHED = object()


class Network:
    """Links, addresses, neighbours, next-hop objects, routes, rules and settings, each by its identity."""

    def __init__(self, reader: RouteReader, *, infers: bool = True) -> None:
        self.links: Tracked[int, Link] = Tracked()
        self.settings: Tracked[SettingsKey, InterfaceSettings] = Tracked()
        self.addresses: Tracked[AddressKey, Address] = Tracked()
        self.neighbours: Tracked[NeighbourKey, Neighbour] = Tracked()
        self.next_hops: Tracked[int, NextHopObject] = Tracked()
        self.routes = RouteTables()
        self.rules: Tracked[Rule, Rule] = Tracked()
        self.bare: set[int] = set()
        """Links that lost their last IPv4 address: paths there are dead, though the link is up, until it has one."""
        self.suspicious: set[int] = set()
        """Links whose routes Linux may just have changed without a word; whoever has looked empties it."""
        self.chores: deque[Iterator[None]] = deque()
        """Inferences that aren't finished. No announcement may be applied before they are: `work`."""
        self.inferred = 0
        """Objects removed because of what an announcement implies."""
        self.upheavals = 0
        """Announcements that imply more than they say."""
        self._mixed: set[tuple[TableKey, int]] = set()
        """IPv6 prefixes by number with a route whose paths differ in more than where they lead."""
        self._infers = infers
        self._reader = reader
        self._appliers: dict[int, Callable[[bytes, int, int, int], None]] = {
            Kind.NEW_ROUTE: self._new_route,
            Kind.DELETE_ROUTE: self._delete_route,
            Kind.NEW_NEIGHBOUR: self._new_neighbour,
            Kind.DELETE_NEIGHBOUR: self._delete_neighbour,
            Kind.NEW_LINK: self._new_link,
            Kind.DELETE_LINK: self._delete_link,
            Kind.NEW_ADDRESS: self._new_address,
            Kind.DELETE_ADDRESS: self._delete_address,
            Kind.NEW_NEXT_HOP: self._new_next_hop,
            Kind.DELETE_NEXT_HOP: self._delete_next_hop,
            Kind.NEW_RULE: self._new_rule,
            Kind.DELETE_RULE: self._delete_rule,
            Kind.NEW_SETTINGS: self._new_settings,
            Kind.DELETE_SETTINGS: self._delete_settings,
        }

    def tables(self) -> tuple[Tracked[Any, Any] | RouteTables, ...]:
        """Parents before children."""
        return (
            self.links,
            self.settings,
            self.addresses,
            self.neighbours,
            self.next_hops,
            self.routes,
            self.rules,
        )

    def apply(self, buffer: bytes, message: Message) -> None:
        """One announcement. Raises NetlinkError if it can't be read."""
        apply = self._appliers.get(message.type)
        while self.work():
            pass
        if apply is not None:
            apply(buffer, message.start, message.end, message.flags)

    def work(self) -> bool:
        """Infer for some milliseconds; whether something is left."""
        while self.chores:
            if next(self.chores[0], _FINISHED) is not _FINISHED:
                return True
            self.chores.popleft()
        return False

    def apply_rows(self, buffer: bytes, rows: Rows) -> int:
        """Announcements in order, until one of them implies work; how many that were. Raises NetlinkError."""
        likes = self._reader.likes
        self._reader.read(buffer, rows)
        columns = (rows[name].tolist() for name in ("type", "flags", "like"))
        for place, (kind, flags, like, number) in enumerate(zip(*columns, prefix_numbers(rows), strict=True)):
            if self.chores:
                return place
            known = likes[like]
            if known is None:
                self.apply(buffer, message_at(rows, place))
            elif kind == Kind.NEW_ROUTE:
                self._put_route(known.key, number, known.routes, flags)
            else:
                self._drop_route(known.key, number, known.routes[0])
        return len(rows)

    def known_routes(self) -> Iterable[Route]:
        """All different routes that are held, perhaps some that were; IPv6 routes that grew paths may be missing."""
        seen = self._reader.decoder.seen()
        if seen is None:
            tables = (table.values.values() for _, table in self.routes.tables())
            return {id(route): route for routes in chain.from_iterable(tables) for route in routes}.values()
        return seen

    def take_changes(self, most: int) -> Iterator[Change]:
        """Changes since they were last taken, of parents first, of up to `most` objects."""
        for table in self.tables():
            waiting = table.waiting()
            yield from table.take(most)
            most -= waiting - table.waiting()
            if most <= 0:
                return

    def changed(self) -> bool:
        return any(table.waiting() for table in self.tables())

    def _new_route(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        told = self._reader.learn(buffer, start, end)
        if told is not None:
            prefix, one = told
            self._put_route((prefix.family, prefix.table), prefix.number, one, flags)

    def _delete_route(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        told = self._reader.learn(buffer, start, end)
        if told is not None:
            prefix, one = told
            self._drop_route((prefix.family, prefix.table), prefix.number, one[0])

    def _put_route(self, key: TableKey, number: int, one: tuple[Route], flags: int) -> None:
        held, family = self.routes.table(key), key[0]
        present = held.values.get(number)
        if present is None:
            held.put(number, one)
            return
        routes = with_route(family, present, one, flags)
        if family == 6 and is_mixed(routes, one[0]):
            self._mixed.add((key, number))
        held.put(number, routes)

    def _drop_route(self, key: TableKey, number: int, route: Route) -> None:
        held, family = self.routes.table(key), key[0]
        present = held.values.get(number)
        if present is None:
            return
        left = without_route(family, present, route)
        if left is present or (key, number) in self._mixed:
            self.suspicious.update(route.links)
        if not left:
            self._mixed.discard((key, number))
        held.set(number, left or None)

    def _new_neighbour(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        neighbour = decode.decode_neighbour(buffer, start, end)
        if neighbour is not None:
            self.neighbours.put(neighbour.key, neighbour)

    def _delete_neighbour(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        neighbour = decode.decode_neighbour(buffer, start, end)
        if neighbour is not None:
            self.neighbours.drop(neighbour.key)

    def _new_link(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        link = decode.decode_link(buffer, start, end)
        if link is None:
            return
        old = self.links.values.get(link.index)
        self.links.put(link.index, link)
        if old is None or (old.up, old.running, old.master) != (link.up, link.running, link.master):
            self.upheavals += 1
            if old is not None and self._infers:
                silent.link_changed(self, old, link)

    def _delete_link(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        index = decode.link_identity(buffer, start, end)
        old = None if index is None else self.links.values.get(index)
        if old is not None:
            self.links.drop(old.index)
            self.upheavals += 1
            if self._infers:
                silent.link_gone(self, old)

    def _new_address(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        address = decode.decode_address(buffer, start, end)
        if address is not None:
            self.addresses.put(address.key, address)
            if address.family == 4:
                self.bare.discard(address.link)

    def _delete_address(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        address = decode.decode_address(buffer, start, end)
        if address is not None:
            self.addresses.drop(address.key)
            self.upheavals += 1
            if self._infers:
                silent.address_gone(self, address)

    def _new_next_hop(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        next_hop = decode.decode_next_hop(buffer, start, end)
        self.next_hops.put(next_hop.id, next_hop)

    def _delete_next_hop(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        identity = decode.next_hop_identity(buffer, start, end)
        self.next_hops.drop(identity)
        self.upheavals += 1
        if self._infers:
            silent.next_hops_gone(self, {identity})

    def _new_rule(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        rule = decode_rule(buffer, start, end)
        if rule is not None:
            self.rules.put(rule, rule)

    def _delete_rule(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        rule = decode_rule(buffer, start, end)
        if rule is not None:
            self.rules.drop(rule)

    def _new_settings(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        told = decode.decode_settings(buffer, start, end)
        if told is None:
            return
        present = self.settings.values.get(told.key)
        self.settings.put(told.key, told if present is None else _merged(present, told))

    def _delete_settings(self, buffer: bytes, start: int, end: int, flags: int) -> None:
        told = decode.decode_settings(buffer, start, end)
        if told is not None:
            self.settings.drop(told.key)


_SETTINGS = [field.name for field in fields(InterfaceSettings)]


def _merged(present: InterfaceSettings, told: InterfaceSettings) -> InterfaceSettings:
    """An announcement of settings brings only those that changed."""
    news: dict[str, Any] = {name: value for name in _SETTINGS if (value := getattr(told, name)) is not None}
    return replace(present, **news)
