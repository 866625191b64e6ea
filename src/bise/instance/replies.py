"""What the reading verbs are answered (control/messages.py says what each key means)."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.config import Mode
from bise.control.objects import Destination, Prefix, address_text, mac_text
from bise.control.socket import Verb
from bise.engine.node import Drop, Punt
from bise.engine.worker import NAP_NS
from bise.errors import BiseError
from bise.instance import gating
from bise.instance.insides import Insides
from bise.ports.kernel import KernelPort

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_MOST_ROUTES = 10_000
_NAP_US = NAP_NS // 1000
_NO_HUGE_PAGES = (
    "no huge pages reserved: transparent ones are asked for; without either a packet costs up to twice the cycles "
    "(`sysctl vm.nr_hugepages=256`)"
)


class Replies:
    """Answers questions about one instance; changes nothing but the confirmation."""

    def __init__(self, instance: "Instance") -> None:
        self._of = instance
        self._looked: dict[int, tuple[int, int]] = {}  # by core: rounds and busy rounds at the last question

    def verbs(self) -> Mapping[str, Verb]:
        """The verbs of the control socket."""
        return {
            "status": self.status,
            "ports": self.ports,
            "routes": self.routes,
            "neighbours": self.neighbours,
            "drops": self.drops,
            "punts": self.punts,
            "confirm": self.confirm,
            **Insides(self._of).verbs(),
        }

    def status(self, arguments: dict[str, Any]) -> messages.Status:
        of = self._of
        begun = of.pipeline is not None
        return {
            "name": of.wanted.name,
            "state": of.state,  # type: ignore[typeddict-item]
            "version": of.version,
            "pid": os.getpid(),
            "uptime_ns": time.monotonic_ns() - of.begun_ns,
            "mode": of.wanted.mode,
            "memory": self._memory(),
            "workers": self._workers() if begun else [],
            "ports": self._port_states() if begun else [],
            "gates": [messages.gate_message(gate) for gate in of.standing.all_gates],
            "native": self._native(),
            "mirror": self._mirror() if begun else {"clean": False, "resyncs": 0, "divergences": 0},
            "confirm_deadline_ns": of.confirm_by_ns,
            "notes": [*of.listeners.notes, *of.insight.notes(), *(self._sleepless() if begun else [])],
        }

    def _sleepless(self) -> list[str]:
        mode, found = self._of.wanted.mode, self._of.ports.sleepless()
        if mode is Mode.POLL or not found:
            return []
        return [f"mode {mode}: packets can't wake a worker at {', '.join(found)}; idle ones look every {_NAP_US} us"]

    def _memory(self) -> messages.Memory:
        pool = getattr(self._of, "pool", None)
        if pool is None:
            return {"pool_octets": 0, "huge_pages": False, "note": ""}
        huge = pool.region.huge
        return {"pool_octets": pool.region.size, "huge_pages": huge, "note": "" if huge else _NO_HUGE_PAGES}

    def _workers(self) -> list[messages.Worker]:
        found: list[messages.Worker] = []
        for member in self._of.crew.members:
            rounds, busy = member.record.epoch, member.record.busy
            before = self._looked.get(member.core, (0, 0))
            self._looked[member.core] = (rounds, busy)
            share = (busy - before[1]) / max(1, rounds - before[0])
            counts: messages.Worker = {
                "core": member.core,
                "packets": member.packets(),
                "busy": round(share, 4),
                "epoch": rounds,
                "busy_rounds": busy,
                "handed": member.handed(),
            }
            found.append(counts)
        return found

    def _port_states(self) -> list[messages.PortState]:
        of = self._of
        found: list[messages.PortState] = []
        for spec in of.wanted.ports:
            port = of.ports.open_ports.get(spec.name)
            if port is None:
                gone = "its interface is gone"
                found.append({"name": spec.name, "ifindex": 0, "kind": spec.kind, "state": "gone", "gate": gone})
                continue
            link = of.mirror.links.get(port.ifindex)
            state = "up" if link is not None and link.up and link.running else "down"
            gate = gating.reason(of.standing, port.name)
            kind = spec.kind
            found.append({"name": spec.name, "ifindex": port.ifindex, "kind": kind, "state": state, "gate": gate})
        return found

    def _native(self) -> dict[str, messages.Share]:
        shares = {name: share for feature in self._of.features for name, share in feature.shares().items()}
        return {name: {"native": native, "punted": punted} for name, (native, punted) in shares.items()}

    def _mirror(self) -> messages.Mirror:
        mirror = self._of.mirror
        divergences = mirror.counts.divergences.total()
        return {"clean": mirror.clean, "resyncs": mirror.counts.resyncs, "divergences": divergences}

    def _running(self) -> "Instance":
        if self._of.pipeline is None:
            raise BiseError(f"bise {self._of.wanted.name!r} is still {self._of.state}; try again in a moment")
        return self._of

    def ports(self, arguments: dict[str, Any]) -> list[messages.PortCounters]:
        of = self._running()
        received = of.crew.received()
        found: list[messages.PortCounters] = []
        for name, port in of.ports.open_ports.items():
            link = of.mirror.links.get(port.ifindex)
            lanes = [member.lane(port.number) for member in of.crew.members]
            kernel = port if isinstance(port, KernelPort) else None
            found.append(
                {
                    "name": name,
                    "kind": "kernel" if kernel else port.kind,
                    "ifindex": port.ifindex,
                    "mac": mac_text(link.mac or 0) if link is not None else "",
                    "mtu": link.mtu if link is not None else 0,
                    "up": bool(link is not None and link.up and link.running),
                    "queues": port.queue_count,
                    "spread": of.ports.is_spread(port),
                    "received": received[port.number, "packets"],
                    "transmitted": sum(lane.sent for lane in lanes),
                    "received_octets": received[port.number, "octets"],
                    "transmitted_octets": sum(lane.octets for lane in lanes),
                    "punted": received[port.number, "punted"],
                    "dropped": sum(lane.dropped for lane in lanes),
                    "steering": _steering(kernel) if kernel else {},
                }
            )
        return found

    def routes(self, arguments: dict[str, Any]) -> messages.RoutesPage:
        """A page of Linux's routes, in the mirror's order; `after` counts what came before."""
        of = self._running()
        family, limit = arguments.get("family"), min(int(arguments.get("limit", 100)), _MOST_ROUTES)
        start = int(arguments.get("after") or 0)
        page = [self._route(one) for one in of.mirror.routes.page(family, start, limit)]
        end, total = start + len(page), of.mirror.routes.count(family)
        return {"routes": page, "total": total, "next": str(end) if end < total else None}

    def _route(self, destination: Destination) -> messages.Route:
        of, place, first = self._of, destination.prefix, destination.routes[0]
        why = self._why(place)
        names = {number: link.name for number, link in of.mirror.links.items()}
        paths: list[messages.Path] = [
            {
                "via": address_text(path.via_family or place.family, path.via) if path.via is not None else None,
                "port": names.get(path.link, str(path.link)),
                "weight": path.weight,
            }
            for path in of.mirror.paths(first)
        ]
        return {
            "family": place.family,  # type: ignore[typeddict-item]
            "destination": str(place),
            "table": place.table,
            "kind": first.kind.name.lower(),
            "paths": paths,
            "state": "punted" if why else "native",
            "why": why,
        }

    def _why(self, place: Prefix) -> str:
        reasons = (feature.why_left(place) for feature in self._of.features)
        return next((reason for reason in reasons if reason), "")

    def neighbours(self, arguments: dict[str, Any]) -> list[messages.Neighbour]:
        of = self._running()
        now = time.monotonic_ns()
        used = {key: ago for feature in of.features for key, ago in feature.used_neighbours(now).items()}
        found: list[messages.Neighbour] = []
        for neighbour in of.mirror.neighbours.values():
            port = of.ports.by_link(neighbour.link)
            if port is None:
                continue
            key = (neighbour.link, neighbour.family, neighbour.address)
            found.append(
                {
                    "port": port.name,
                    "family": neighbour.family,  # type: ignore[typeddict-item]
                    "address": address_text(neighbour.family, neighbour.address),
                    "mac": mac_text(neighbour.mac) if neighbour.mac is not None else None,
                    "state": neighbour.state.name.lower(),
                    "used_ns_ago": used.get(key),
                }
            )
        return found

    def drops(self, arguments: dict[str, Any]) -> list[messages.Reason]:
        of = self._running()
        found = self._reasons(Drop)
        ports = of.ports.open_ports.values()
        late = sum(member.lane(port.number).dropped for member in of.crew.members for port in ports)
        found.append({"reason": "transmit.full", "packets": late, "meaning": "the way out had no room"})
        received = of.crew.received()
        handed = sum(count for (_, what), count in received.items() if what == "lost")
        meaning = "more than the worker that they were handed to had room for"
        found.append({"reason": "handover.full", "packets": handed, "meaning": meaning})
        failed = sum(member.punting.failed for member in of.crew.members)
        found.append({"reason": "punt.failed", "packets": failed, "meaning": "Linux did not take a punted packet"})
        over = sum(member.punting.over_budget for member in of.crew.members)
        meaning = "more than Linux can be given, on a port that it can't take back"
        found.append({"reason": "punt.budget", "packets": over, "meaning": meaning})
        lost = sum(member.record.uncopied for member in of.crew.members)
        meaning = "copies that a user's node asked for, and that there was no memory or room for"
        found.append({"reason": "copy.lost", "packets": lost, "meaning": meaning})
        return found

    def punts(self, arguments: dict[str, Any]) -> list[messages.Reason]:
        self._running()
        return self._reasons(Punt)

    def _reasons(self, kind: type[Drop] | type[Punt]) -> list[messages.Reason]:
        of = self._of
        assert of.pipeline is not None
        sums = of.crew.sums()
        sinks = [sink for sink in of.pipeline.graph.sinks if isinstance(sink, kind)]
        return [{"reason": s.reason, "packets": sums[s.name], "meaning": s.meaning} for s in sinks]

    def confirm(self, arguments: dict[str, Any]) -> messages.Confirmed:
        waiting, self._of.confirm_by_ns = self._of.confirm_by_ns is not None, None
        return {"was_waiting": waiting}


def _steering(port: KernelPort) -> dict[str, int]:
    return {reason.name.lower().replace("_", "-"): count for reason, count in port.steering.counts().items() if count}
