"""From Linux's settings to how the workers tell flows apart. A change acts on the next packet."""

from dataclasses import dataclass

from bise.control.gates.settings import Multipath
from bise.features.nexthop.choice import INNER, OUTER, Field
from bise.features.nexthop.state import Hashing

_ADDRESSES = Field.SOURCE | Field.DESTINATION
_FIVE = _ADDRESSES | Field.PROTOCOL | Field.SOURCE_PORT | Field.DESTINATION_PORT
# By family: what counts beside the addresses where ports don't (policies 0 and 2).
_NETWORK = {4: _ADDRESSES, 6: _ADDRESSES | Field.PROTOCOL | Field.LABEL}


@dataclass(frozen=True, slots=True)
class Rule:
    """How flows are told apart, as in a Hashing record. `why`: why only Linux can; empty where we can, too."""

    counted: int = 0
    quoting: bool = False
    inner: bool = False
    folded: bool = False
    why: str = ""


def rule(family: int, multipath: Multipath) -> Rule:
    """What a hash policy asks for (Documentation/networking/ip-sysctl.rst, fib_multipath_hash_policy)."""
    if multipath.policy == 0:
        return Rule(_NETWORK[family], quoting=True)
    if multipath.policy == 1:
        return Rule(_FIVE)
    if multipath.policy == 2:
        return Rule(_NETWORK[family], inner=True)
    if multipath.policy == 3:
        wanted = multipath.fields
        return Rule(wanted & OUTER, inner=bool(wanted & INNER), folded=True)
    knob = f"net.ipv{family}.fib_multipath_hash_policy"
    return Rule(why=f"{knob} is {multipath.policy}, which only Linux knows")


def write(record: Hashing, rule: Rule, multipath: Multipath, secret: int) -> None:
    """Makes workers follow `rule`. `secret`: 32 bits in place of a seed that Linux keeps to itself."""
    seed = multipath.seed or secret
    record.linux = 1
    record.key = seed << 32 | seed
    record.counted, record.quoting, record.inner = rule.counted, rule.quoting, rule.inner
    record.folded, record.careful = rule.folded, multipath.use_neigh
    record.linux = bool(rule.why)
