"""From what stands in the way to each port's gate word."""

import pytest

from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Detection, Gate, crossing, entering, leaving
from bise.instance import gating
from bise.instance.gating import Standing
from bise.ports.steering.layout import Gate as Word

PORTS = ("lan", "wan")


def gate(where, families=IPV4, name="rule") -> Gate:
    return Gate(name, "subject", families, where, Detection.ANNOUNCED, f"{name} stands there (nft list ruleset)")


OPEN = Standing(ready=True, clean=True)


@pytest.mark.parametrize(("ready", "clean"), [(False, False), (False, True), (True, False)])
def test_all_is_the_kernels_while_anything_may_be_stale(ready, clean):
    standing = Standing(ready, clean)
    assert gating.words(standing, PORTS) == {"lan": Word.PASS_ALL, "wan": Word.PASS_ALL}
    assert gating.reason(standing, "lan")


def test_without_gates_every_port_is_open():
    assert gating.words(OPEN, PORTS) == {"lan": Word.OPEN, "wan": Word.OPEN}
    assert gating.reason(OPEN, "lan") is None


@pytest.mark.parametrize(("families", "word"), [(IPV4, Word.PASS_IPV4), (IPV6, Word.PASS_IPV6), (BOTH, Word.PASS_ALL)])
def test_a_gate_at_the_way_in_closes_its_port_for_its_families(families, word):
    standing = Standing(True, True, (gate(entering("lan"), families),))
    assert gating.words(standing, PORTS) == {"lan": word, "wan": Word.OPEN}
    assert gating.punted_egress(standing) == {}


def test_a_gate_at_the_way_out_closes_no_port():
    standing = Standing(True, True, (gate(leaving("wan"), IPV6),))
    assert gating.words(standing, PORTS) == {"lan": Word.OPEN, "wan": Word.OPEN}
    assert gating.punted_egress(standing) == {"wan": IPV6}
    assert gating.reason(standing, "wan") is None


def test_gates_add_up():
    standing = Standing(True, True, (gate(crossing("lan"), IPV4), gate(entering("lan"), IPV6, "other")))
    assert gating.words(standing, PORTS)["lan"] == Word.PASS_IPV4 | Word.PASS_IPV6
    assert gating.punted_egress(standing) == {"lan": IPV4}
    said = gating.reason(standing, "lan")
    assert said is not None
    assert "rule stands there" in said
    assert "other stands there" in said


def test_a_gate_everywhere_closes_every_port():
    standing = Standing(True, True, (gate(EVERYWHERE),))
    assert gating.words(standing, PORTS) == {"lan": Word.PASS_IPV4, "wan": Word.PASS_IPV4}
    assert gating.reason(standing, "wan")


def test_a_full_table_gates_its_family_everywhere_and_says_why():
    (full,) = gating.full_tables({6: "no room for 2001:db8::/32"})
    standing = Standing(True, True, overflow=(full,))
    assert gating.words(standing, PORTS) == {"lan": Word.PASS_IPV6, "wan": Word.PASS_IPV6}
    assert "no room for 2001:db8::/32" in str(gating.reason(standing, "lan"))


def test_full_tables_come_in_one_order():
    assert gating.full_tables({6: "a", 4: "b"}) == gating.full_tables({4: "b", 6: "a"})
    assert gating.full_tables({}) == ()
