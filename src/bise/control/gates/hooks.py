"""The kernel's own list of netfilter hooks (nfnetlink's hook dump), where it is built with one.

It shows what no other list does: hooks that modules register by themselves (IPVS, ILA, conntrack switched on at load,
what isn't Linux's own) and BPF programs of this namespace. It adds to the other lists and replaces none: an nf_tables
chain shows up here with or without rules.
"""

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bise.control.gates import bpf
from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Detection, Gate, entering, leaving
from bise.control.gates.netlink import ABSENT, NETFILTER, Message, attributes, conversation_if_known, text
from bise.control.gates.nftables import HOOKS, NETDEV
from bise.control.netlink.message import NetlinkError, attribute

_HOOK_GET = 12 << 8
_HEADER = 4
_NUMBER, _DEVICE, _FUNCTION, _MODULE, _CHAIN_INFO = 1, 3, 4, 5, 6
_INFO_DESCRIPTION, _INFO_TYPE = 1, 2
_NFTABLES, _BPF, _FLOWTABLE = 1, 2, 3
_FAMILIES = {2: IPV4, 10: IPV6}
_FAMILY_NAMES = {2: "ip", 10: "ip6", 5: "netdev"}
# Functions that change nothing by themselves. Those of security modules act on labelled packets only, and labels come
# from rules that are gates; ip_sabotage_in is for packets that a bridge passes up; legacy tables and nf_tables are
# looked at for themselves.
HARMLESS = frozenset(
    {"apparmor_ip_postroute", "selinux_ip_forward", "selinux_ip_postroute", "ip_sabotage_in", "ipt_do_table",
     "ip6t_do_table", "iptable_nat_do_chain", "nft_do_chain_ipv4", "nft_do_chain_ipv6", "nft_do_chain_inet",
     "nft_do_chain_netdev", "nft_nat_do_chain", "nft_do_chain_inet_ingress", "nf_nat_ipv4_fn", "nf_nat_ipv6_fn",
     "nf_nat_ipv4_pre_routing", "nf_nat_ipv4_out", "nf_nat_ipv6_in", "nf_nat_ipv6_out"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Hook:
    """A function at a hook of a family (the kernel's numbers), on a device for netdev."""

    family: int
    number: int
    device: str
    function: str
    module: str
    type: int


@dataclass(frozen=True, slots=True)
class BpfHook:
    """A BPF program at a netfilter hook, known by its link: the link doesn't tell its namespace."""

    family: int
    number: int
    program: int


def hook_from(message: Message, device: str = "", egress: bool = False) -> Hook:
    """One hook of the dump. Of netdev hooks the answer doesn't name the device: that is in the question."""
    hook = attributes(message.body, _HEADER)
    info = attributes(hook.get(_CHAIN_INFO, b""))
    number = int(egress) if device else int.from_bytes(hook.get(_NUMBER, b""), "big")
    function, module = text(hook.get(_FUNCTION, b"")), text(hook.get(_MODULE, b""))
    kind = int.from_bytes(info.get(_INFO_TYPE, b""), "big")
    return Hook(message.body[0], number, device, function, module, kind)


def hook_gates(hooks: Iterable[Hook]) -> Iterator[Gate]:
    """Gates of the hooks that no other list explains."""
    for hook in hooks:
        if hook.type in (_NFTABLES, _FLOWTABLE) or hook.function in HARMLESS:
            continue
        name = "netfilter-bpf" if hook.type == _BPF else "netfilter-hook"
        if hook.family == NETDEV:
            where = leaving(hook.device) if hook.number else entering(hook.device)
            families, place = BOTH, "egress" if hook.number else "ingress"
        elif hook.family in _FAMILIES and hook.number in HOOKS:
            where, families, place = EVERYWHERE, _FAMILIES[hook.family], HOOKS[hook.number]
        else:
            continue
        by = hook.function + (f" [{hook.module}]" if hook.module else "")
        show = f"nft list hooks {_FAMILY_NAMES[hook.family]}" + (f" device {hook.device}" if hook.device else "")
        reason = f"{by} sees packets at {place} ({show})"
        yield Gate(name, f"{_FAMILY_NAMES[hook.family]} {place} {by}", families, where, Detection.POLLED, reason)


def bpf_gates(links: Iterable[BpfHook]) -> Iterator[Gate]:
    """Gates of BPF programs at netfilter hooks. Families 2 and 10; others aren't forwarded."""
    for link in links:
        if link.family in _FAMILIES and link.number in HOOKS:
            place = HOOKS[link.number]
            subject = f"{_FAMILY_NAMES[link.family]} {place} program {link.program}"
            reason = f"a BPF program sees packets at {place}, of this namespace or another (bpftool link show)"
            families = _FAMILIES[link.family]
            yield Gate("netfilter-bpf", subject, families, EVERYWHERE, Detection.POLLED, reason)


class Hooks:
    """The observer of the hook dump. `present` is false where the kernel has none (CONFIG_NETFILTER_NETLINK_HOOK)."""

    def __init__(self) -> None:
        self.present = False
        self._kernel = conversation_if_known(NETFILTER)
        if self._kernel:
            try:
                self._dump(2, 0)
                self.present = True
            except NetlinkError as error:
                # refused for another reason: the first look will say so
                self.present = error.code not in ABSENT

    def close(self) -> None:
        if self._kernel:
            self._kernel.close()

    def observe(self, ports: Iterable[str]) -> tuple[Hook, ...]:
        """Every hook that packets between these ports meet."""
        if not self.present:
            return ()
        found = [hook_from(m) for family in _FAMILIES for number in HOOKS for m in self._dump(family, number)]
        for port in ports:
            for egress in (False, True):
                found += [hook_from(m, port, egress) for m in self._dump(NETDEV, int(egress), port)]
        return tuple(sorted(found))

    def _dump(self, family: int, number: int, device: str = "") -> list[Message]:
        assert self._kernel
        body = bytes([family, 0, 0, 0]) + attribute(_NUMBER, number.to_bytes(4, "big"))
        if device:
            body += attribute(_DEVICE, device.encode() + b"\0")
        try:
            return self._kernel.dump(_HOOK_GET, body)
        except NetlinkError as error:
            # no such device any more; no egress hooks in this kernel
            if device and error.code in (errno.ENODEV, *ABSENT):
                return []
            raise


class BpfHooks:
    """The observer of BPF links. New links get higher numbers: only those are looked at, and known ones for life."""

    _AUDIT = 20

    def __init__(self) -> None:
        self._last = 0
        self._known: dict[int, BpfHook] = {}
        self._rounds = 0
        self.met = 0

    def observe(self) -> tuple[BpfHook, ...]:
        """Programs at netfilter hooks. `met` counts links of any type: an XDP link is announced by nothing else."""
        self._rounds += 1
        if self._rounds % self._AUDIT == 0:
            # numbers wrap around after two billion links
            self._last = 0
        self._known = {number: hook for number, hook in self._known.items() if bpf.link(number)}
        while (number := bpf.link_after(self._last)) is not None:
            self._last = number
            self._meet(number)
        return tuple(self._known[number] for number in sorted(self._known))

    def _meet(self, number: int) -> None:
        link = bpf.link(number)
        if link and link.type == bpf.LINK_NETFILTER:
            self._known[number] = BpfHook(link.where[0], link.where[1], link.program)
        self.met += 1
