"""Policy rules from rtnetlink messages (linux/fib_rules.h)."""

from collections.abc import Callable
from struct import Struct
from typing import TypeAlias

from bise.control.netlink.kinds import FAMILIES
from bise.control.netlink.message import Attributes, NetlinkError, fixed
from bise.control.objects import Rule, RuleAction, address_text

RULE = Struct("=BBBBBxxBI")
"""fib_rule_hdr: family, destination length, source length, TOS, table, action, flags."""
_PAIR_32, _PAIR_16 = Struct("=II"), Struct("=HH")
_INVERT = 0x2  # FIB_RULE_INVERT
_NO_SUPPRESSION = 0xFFFFFFFF

_Wording: TypeAlias = Callable[[bytes], str]


class _FRA:
    DESTINATION, SOURCE, PRIORITY, TABLE, L3MDEV, PROTOCOL = 1, 2, 6, 15, 19, 21
    SUPPRESS_GROUP, SUPPRESS_LENGTH, PADDING = 13, 14, 18


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _number(value: bytes) -> str:
    return str(int.from_bytes(value, "little"))


def _hexadecimal(value: bytes) -> str:
    return hex(int.from_bytes(value, "little"))


def _range(pair: Struct) -> _Wording:
    def wording(value: bytes) -> str:
        if len(value) != pair.size:
            raise NetlinkError(f"a range of a rule in {len(value)} octets")
        first, last = pair.unpack(value)
        return str(first) if first == last else f"{first}-{last}"

    return wording


_SELECTORS: dict[int, tuple[str, _Wording]] = {
    3: ("iif", _text),
    4: ("goto", _number),
    10: ("fwmark", _hexadecimal),
    11: ("realms", _number),
    12: ("tunnel", lambda value: str(int.from_bytes(value, "big"))),
    16: ("fwmask", _hexadecimal),
    17: ("oif", _text),
    20: ("uidrange", _range(_PAIR_32)),
    22: ("ipproto", _number),
    23: ("sport", _range(_PAIR_16)),
    24: ("dport", _range(_PAIR_16)),
    25: ("dscp", _number),
}
"""What limits or turns a rule, by its FRA_* number."""
_NOT_SELECTORS = {
    _FRA.DESTINATION,
    _FRA.SOURCE,
    _FRA.PRIORITY,
    _FRA.TABLE,
    _FRA.L3MDEV,
    _FRA.PROTOCOL,
    _FRA.PADDING,
}


def decode_rule(buffer: bytes, start: int, end: int) -> Rule | None:
    """A rule; None for those of multicast routing. A selector that we don't know is kept, by its number."""
    af, destination_length, source_length, tos, table, action, flags = fixed(RULE, buffer, start, end)
    family = FAMILIES.get(af)
    if family is None:
        return None
    values = Attributes(buffer, start + RULE.size, end)
    selectors: list[tuple[str, str]] = []
    for word, kind, length in (
        ("from", _FRA.SOURCE, source_length),
        ("to", _FRA.DESTINATION, destination_length),
    ):
        address = values.address(kind, family)
        if address is not None or length:
            selectors.append((word, f"{address_text(family, address or 0)}/{length}"))
    if tos:
        selectors.append(("tos", hex(tos)))
    if flags & _INVERT:
        selectors.append(("not", ""))
    selectors.extend(_worded(values))
    try:
        known = RuleAction(action)
    except ValueError:
        known = RuleAction.UNSPECIFIED
        selectors.append(("action", str(action)))
    return Rule(
        family=family,
        priority=values.number(_FRA.PRIORITY),
        action=known,
        table=values.number(_FRA.TABLE, table),
        selectors=tuple(selectors),
        l3mdev=bool(values.number(_FRA.L3MDEV)),
        protocol=values.number(_FRA.PROTOCOL),
    )


def _worded(values: Attributes) -> list[tuple[str, str]]:
    found = []
    for kind, value in sorted(values.items()):
        if kind in _NOT_SELECTORS:
            continue
        if kind in (_FRA.SUPPRESS_GROUP, _FRA.SUPPRESS_LENGTH):
            if int.from_bytes(value, "little") != _NO_SUPPRESSION:
                word = "suppress_ifgroup" if kind == _FRA.SUPPRESS_GROUP else "suppress_prefixlength"
                found.append((word, _number(value)))
            continue
        word, wording = _SELECTORS.get(kind, (f"attribute {kind}", bytes.hex))
        found.append((word, wording(value)))
    return found
