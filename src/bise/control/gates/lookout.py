"""Looks at everything in the kernel that can gate, part by part, and keeps what stands. Knows no time and no loop.

A part that can't be looked at is itself a gate (`unseen`): what isn't known can't be passed by.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from bise.control.gates.gate import BOTH, EVERYWHERE, Detection, Gate, in_order
from bise.control.gates.hooks import BpfHook, BpfHooks, Hooks, bpf_gates, hook_gates
from bise.control.gates.links import Links, PortLink, link_gates
from bise.control.gates.netconf import Linkdown, Netconf
from bise.control.gates.netfilter import nftables_gates
from bise.control.gates.nftables import Nftables
from bise.control.gates.rules import Rules, rule_gates
from bise.control.gates.settings import NATIVE, Settings, settings_gates
from bise.control.gates.sysctls import Sysctls
from bise.control.gates.traffic import Tcx, Traffic, TrafficControl, tcx_gates, tcx_of, traffic_gates
from bise.control.gates.xfrm import Xfrm, xfrm_gates
from bise.control.gates.xtables import Xtables, legacy_gates
from bise.control.netlink.message import NetlinkError

Seen = TypeVar("Seen")


@dataclass
class Part(Generic[Seen]):
    """One thing looked at: `observe` returns a value that compares, `gates` says what follows from it.

    `polled`: the kernel announces nothing of it, or not all.
    """

    name: str
    observe: Callable[[], Seen]
    gates: Callable[[Seen], Iterable[Gate]]
    polled: bool = False
    seen: Seen | None = None
    standing: tuple[Gate, ...] = ()

    def look(self) -> bool:
        """Whether anything changed."""
        try:
            seen = self.observe()
        except (OSError, NetlinkError) as error:
            reason = f"the kernel doesn't show its {self.name}: {error}"
            unseen = (Gate("unseen", self.name, BOTH, EVERYWHERE, Detection.POLLED, reason),)
            changed = unseen != self.standing
            self.seen, self.standing = None, unseen
            return changed
        if seen == self.seen:
            return False
        self.seen, self.standing = seen, tuple(self.gates(seen))
        return True


@dataclass
class _Eyes:
    """The observers, all of the namespace of the thread that made them."""

    sysctls: Sysctls = field(default_factory=Sysctls)
    nftables: Nftables = field(default_factory=Nftables)
    legacy: Xtables = field(default_factory=Xtables)
    hooks: Hooks = field(default_factory=Hooks)
    bpf: BpfHooks = field(default_factory=BpfHooks)
    xfrm: Xfrm = field(default_factory=Xfrm)
    rules: Rules = field(default_factory=Rules)
    traffic: TrafficControl = field(default_factory=TrafficControl)
    links: Links = field(default_factory=Links)
    netconf: Netconf = field(default_factory=Netconf)

    def close(self) -> None:
        for eye in (self.sysctls, self.nftables, self.legacy, self.hooks, self.xfrm, self.rules, self.traffic):
            eye.close()
        self.links.close()
        self.netconf.close()


class Lookout:
    """The gates of some ports, in the network namespace of the thread that makes it and looks.

    `native` names the sysctls that the fast path follows by itself (settings.NATIVE).
    """

    def __init__(self, ports: Iterable[str], native: frozenset[str] = NATIVE) -> None:
        self.ports = tuple(ports)
        self.settings = Settings()
        self._native = native
        self._programs: dict[str, int] = {}
        self._linkdown = Linkdown()
        self._links_met = 0
        self._surveyed = False
        self._concerned: set[str] = set()
        self._eyes = _Eyes()
        self._parts: dict[str, Part[Any]] = {part.name: part for part in self._all_parts()}
        self.polled = [part.name for part in self._parts.values() if part.polled]
        self.announced = [part.name for part in self._parts.values() if not part.polled]

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What stood at the last look."""
        return in_order(gate for part in self._parts.values() for gate in part.standing)

    def close(self) -> None:
        self._eyes.close()

    def steered(self, port: str, program: int) -> None:
        """`program` is the number of our steering program on a port; 0: none."""
        self._programs[port] = program

    def look(self) -> bool:
        """Look at everything. Whether anything changed."""
        # the others need what these two find: interface numbers, and where carriers don't count
        first = self.look_at(["devices", "netconf"])
        return self.look_at(self._parts) or first

    def look_at(self, names: Iterable[str]) -> bool:
        """Look at some parts, and at those that what is found there concerns. Whether anything changed."""
        wanted = set(names)
        if "devices" in wanted:
            self._surveyed = False
        changed = False
        while wanted:
            looks = [part.look() for part in self._parts.values() if part.name in wanted]
            changed = changed or any(looks)
            wanted, self._concerned = self._concerned, set()
        return changed

    def _all_parts(self) -> list[Part[Any]]:
        """In the order of looking: first what takes no lock of the kernel."""
        eyes = self._eyes
        return [
            Part("sysctls", self._see_sysctls, lambda seen: settings_gates(seen, self._native), polled=True),
            Part("nftables", lambda: (eyes.nftables.observe(), self.ports), lambda seen: nftables_gates(*seen), True),
            Part("legacy iptables", eyes.legacy.observe, legacy_gates, polled=True),
            Part("netfilter hooks", lambda: eyes.hooks.observe(self.ports), hook_gates, polled=eyes.hooks.present),
            Part("BPF links", self._see_bpf_links, bpf_gates, polled=True),
            Part("IPsec policies", lambda: (eyes.xfrm.observe(), self._indexes()), lambda seen: xfrm_gates(*seen)),
            Part("policy rules", lambda: (eyes.rules.observe(), self.ports), lambda seen: rule_gates(*seen)),
            Part("netconf", self._see_netconf, lambda seen: ()),
            Part("devices", self._see_devices, _device_gates),
            Part("traffic control", self._see_traffic, lambda seen: traffic_gates(*seen)),
            Part("tcx", self._see_tcx, lambda seen: tcx_gates(*seen), polled=True),
        ]

    def _see_sysctls(self) -> Settings:
        # of a port that isn't there, that alone is the gate
        present = tuple(name for name in self.ports if name in self._indexes().values())
        settings = self._eyes.sysctls.observe(present)
        if self._linkdown != Linkdown():
            linkdown = self._linkdown
            settings = replace(settings, ignore_linkdown4=linkdown.ipv4, ignore_linkdown6=linkdown.ipv6)
        self.settings = settings
        return settings

    def _see_bpf_links(self) -> tuple[BpfHook, ...]:
        found = self._eyes.bpf.observe()
        if self._eyes.bpf.met != self._links_met:
            # nothing else announces an XDP program attached by a link
            self._links_met = self._eyes.bpf.met
            self._concerned.add("devices")
        # the hook dump, where there is one, tells this namespace's programs from others'
        return () if self._eyes.hooks.present else found

    def _see_netconf(self) -> Linkdown:
        linkdown = self._eyes.netconf.observe()
        if linkdown != self._linkdown:
            self._concerned.add("sysctls")
        self._linkdown = linkdown
        return linkdown

    def _see_devices(self) -> tuple[tuple[PortLink, int], ...]:
        if not self._surveyed:
            self._eyes.links.survey()
            self._surveyed = True
        links = self._eyes.links.observe(self.ports)
        if {link.index: link.name for link in links if link.index} != self._indexes():
            self._concerned |= {"sysctls", "IPsec policies", "traffic control", "tcx"}
        return tuple((link, self._programs.get(link.name, 0)) for link in links)

    def _see_traffic(self) -> tuple[Traffic, dict[int, str]]:
        indexes = self._indexes()
        return self._eyes.traffic.observe(indexes), indexes

    def _see_tcx(self) -> tuple[tuple[Tcx, ...], dict[int, str]]:
        indexes = self._indexes()
        return tcx_of(indexes), indexes

    def _indexes(self) -> dict[int, str]:
        """The ports' names by interface number, of those that are there."""
        seen = self._parts["devices"].seen or ()
        return {link.index: link.name for link, _ in seen if link.index}


def _device_gates(seen: tuple[tuple[PortLink, int], ...]) -> Iterable[Gate]:
    return (gate for link, program in seen for gate in link_gates(link, program))
