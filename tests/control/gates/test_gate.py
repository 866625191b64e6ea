from bise.control.gates import Gate, Where, Word, gate_words, gated_egress
from bise.control.gates.gate import BOTH, EVERYWHERE, IPV4, IPV6, Detection, crossing, entering, in_order, leaving

PORTS = ("eth0", "eth1")


def gate(families: frozenset[int], where: Where, name: str = "g") -> Gate:
    return Gate(name, "s", families, where, Detection.POLLED, "why (how)")


def test_a_gate_word_holds_what_is_received_there() -> None:
    assert gate_words([], PORTS) == {"eth0": Word(0), "eth1": Word(0)}
    assert gate_words([gate(BOTH, entering("eth0"))], PORTS) == {"eth0": Word.PASS_ALL, "eth1": Word(0)}
    assert gate_words([gate(IPV4, EVERYWHERE)], PORTS) == dict.fromkeys(PORTS, Word.PASS_IPV4)
    together = gate_words([gate(IPV4, entering("eth1")), gate(IPV6, crossing("eth1"))], PORTS)
    assert together["eth1"] == Word.PASS_IPV4 | Word.PASS_IPV6
    assert gate_words([gate(BOTH, leaving("eth0")), gate(BOTH, entering("gone"))], PORTS)["eth0"] == Word(0)


def test_what_leaves_by_a_port_is_told_by_family() -> None:
    gates = [gate(IPV4, leaving("eth0")), gate(IPV6, crossing("eth0", "eth1")), gate(BOTH, EVERYWHERE)]
    assert gated_egress(gates) == {"eth0": BOTH, "eth1": IPV6}


def test_effects_read_as_sentences() -> None:
    assert gate(IPV4, entering("eth0")).effect == "the kernel forwards IPv4 received on eth0"
    assert gate(IPV6, EVERYWHERE).effect == "the kernel forwards IPv6 on every port"
    both_ways = "the kernel forwards all traffic received on eth0, eth1 or leaving by eth0, eth1"
    assert gate(BOTH, crossing("eth0", "eth1")).effect == both_ways


def test_order_and_repetition_make_no_difference() -> None:
    one, two = gate(IPV4, EVERYWHERE, "a"), gate(IPV6, entering("eth0"), "b")
    assert in_order([two, one, one]) == in_order([one, two]) == (one, two)
