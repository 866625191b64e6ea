"""IPsec policies (xfrm): which of them could encrypt, or forbid, what is forwarded. Clear text must not leak.

Forwarded packets meet policies of direction `fwd` and `out`, never `in` nor a socket's. States without a policy touch
nothing. A policy bound to an xfrm interface (if_id) or to a packet mark is no gate: packets between ports have neither,
unless netfilter or tc marks them, which are gates of their own. An allowing policy without templates changes nothing.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Detection, Gate, Where, crossing
from bise.control.gates.netlink import ABSENT, XFRM, Conversation, Message, attributes, conversation_if_known
from bise.control.netlink.message import NetlinkError

GROUP_EXPIRE, GROUP_POLICY = 2, 4
_GETPOLICY, _GETDEFAULT = 0x15, 0x28
_POLICY_SIZE = 168
_TEMPLATES, _MARK, _IF_ID = 5, 21, 31
_OUT, _FWD = 1, 2
_DIRECTIONS = {0: "in", _OUT: "out", _FWD: "fwd"}
_ALLOW, _DEFAULT_BLOCK = 0, 1
_INET, _INET6 = 2, 10


@dataclass(frozen=True, slots=True, order=True)
class Policy:
    """A policy as far as it matters here. `interface`: an index, 0 for any. `marked`: asks for a mark other than 0."""

    direction: int
    family: int
    source: str
    destination: str
    interface: int
    allows: bool
    templates: bool
    marked: bool
    if_id: int


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies, and the directions whose default is to block."""

    policies: tuple[Policy, ...] = ()
    blocked: tuple[int, ...] = ()


def policy_from(message: Message) -> Policy | None:
    """A policy from the dump; None for those that can't be a gate (`in`, a socket's)."""
    body = message.body
    family, prefix_to, prefix_from = struct.unpack_from("=HBB", body, 40)
    interface = struct.unpack_from("=i", body, 48)[0]
    direction, action = body[160], body[161]
    if direction not in (_OUT, _FWD):
        return None
    more = attributes(body, _POLICY_SIZE)
    value, mask = struct.unpack_from("=II", more[_MARK]) if _MARK in more else (0, 0)
    return Policy(
        direction,
        family,
        _prefix(body[16:32], family, prefix_from),
        _prefix(body[0:16], family, prefix_to),
        interface,
        action == _ALLOW,
        bool(more.get(_TEMPLATES)),
        bool(value & mask),
        struct.unpack_from("=I", more[_IF_ID])[0] if _IF_ID in more else 0,
    )


def _prefix(octets: bytes, family: int, length: int) -> str:
    if family not in (_INET, _INET6):
        return "any"
    return f"{ip_address(octets[:4] if family == _INET else octets)}/{length}"


def xfrm_gates(policies: Policies, ports: dict[int, str]) -> Iterator[Gate]:
    """Gates of policies and defaults. `ports`: names by interface index, for policies bound to an interface."""
    for policy in policies.policies:
        harmless = policy.allows and not policy.templates
        where = _where(policy, ports)
        if harmless or policy.marked or policy.if_id or where is None:
            continue
        direction = _DIRECTIONS[policy.direction]
        subject = f"{direction} {policy.source} to {policy.destination}"
        does = "may encrypt" if policy.allows else "blocks"
        reason = f"an IPsec policy {does} forwarded packets (ip xfrm policy)"
        families = {_INET: IPV4, _INET6: IPV6}.get(policy.family, BOTH)
        yield Gate("xfrm-policy", subject, families, where, Detection.ANNOUNCED, reason)
    for number in policies.blocked:
        reason = "what no IPsec policy allows is blocked (ip xfrm policy getdefault)"
        yield Gate("xfrm-default", _DIRECTIONS[number], BOTH, EVERYWHERE, Detection.ANNOUNCED, reason)


def _where(policy: Policy, ports: dict[int, str]) -> Where | None:
    if not policy.interface:
        return EVERYWHERE
    return crossing(ports[policy.interface]) if policy.interface in ports else None


class Xfrm:
    """The observer. A kernel without xfrm has no policies."""

    def __init__(self) -> None:
        self._kernel = conversation_if_known(XFRM)

    def close(self) -> None:
        if self._kernel:
            self._kernel.close()

    def observe(self) -> Policies:
        if not self._kernel:
            return Policies()
        return Policies(policies_from(self._kernel.dump(_GETPOLICY, b"")), self._blocked(self._kernel))

    def _blocked(self, kernel: Conversation) -> tuple[int, ...]:
        try:
            return blocked_defaults(kernel.ask(_GETDEFAULT, bytes(4)).body)
        except NetlinkError as error:
            if error.code in ABSENT:
                # a kernel older than defaults
                return ()
            raise


def blocked_defaults(body: bytes) -> tuple[int, ...]:
    """Directions (fwd, out) that a struct xfrm_userpolicy_default blocks: its octets are in, fwd, out."""
    return tuple(number for number, value in ((_FWD, body[1]), (_OUT, body[2])) if value == _DEFAULT_BLOCK)


def policies_from(messages: Iterable[Message]) -> tuple[Policy, ...]:
    return tuple(sorted(policy for policy in map(policy_from, messages) if policy))
