"""docs/json.md against the types: what is documented is what is sent, and the other way round."""

import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from bise.cli.described import Described
from bise.control import messages
from bise.control.check import CheckReport
from bise.control.findings import Finding, Verdict
from tests.cli import replies
from tests.cli.recorded import GRAPH
from tests.control.documented import documented, keys

VERBS: dict[str, Any] = {
    "status": messages.Status,
    "may_hand_over": messages.Replaceable,
    "hand_over": messages.HandedOver,
    "ports": list[messages.PortCounters],
    "routes": messages.RoutesPage,
    "neighbours": list[messages.Neighbour],
    "drops, punts": list[messages.Reason],
    "nodes": list[messages.UserNode],
    "node-add, node-reload, node-remove": messages.NodeChanged,
    "confirm": messages.Confirmed,
    "trace": list[Described],
    "cycles": messages.Cycles,
    "watched": messages.Watched,
    "graph": messages.Graph,
    "pipeline": messages.Pipeline,
}
EXAMPLES: dict[str, Any] = {
    "status": replies.STATUS,
    "may_hand_over": {"pid": 4711, "links": {"eth0": 7}},
    "hand_over": {"tags_taken_out": ["eth0"], "supervisor": "/run/systemd/notify"},
    "ports": replies.PORTS,
    "routes": replies.routes({"limit": 3}),
    "neighbours": replies.NEIGHBOURS,
    "drops, punts": replies.DROPS,
    "nodes": replies.NODES,
    "node-add, node-reload, node-remove": replies.CHANGED,
    "confirm": {"was_waiting": True},
    "trace": [],
    "cycles": {"state": "sampling", "bare": {"packets": 1, "cycles": 60}, "nodes": []},
    "watched": {"state": "recording", "records": ["AAAA"], "seen": 1, "missed": 0, "graph": GRAPH},
    "graph": replies.GRAPH,
    "pipeline": replies.PIPELINE,
}


def faults(value: Any, kind: Any, path: str = "") -> Iterator[str]:
    """Where `value` is not what the message type says."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_typeddict(kind):
        if set(value) != set(kind.__annotations__):
            yield f"{path}: {set(value) ^ set(kind.__annotations__)}"
        for name, member in get_type_hints(kind).items():
            yield from faults(value.get(name), member, f"{path}.{name}")
    elif origin is list:
        for element in value:
            yield from faults(element, arguments[0], f"{path}[]")
    elif origin is dict:
        for element in value.values():
            yield from faults(element, arguments[1], f"{path}.*")
    elif origin is types.UnionType:
        if all(list(faults(value, member, path)) for member in arguments):
            yield f"{path}: {value!r}"
    elif origin is None and not isinstance(value, kind):
        yield f"{path}: {value!r} is no {kind}"
    elif origin is not None and value not in arguments:
        yield f"{path}: {value!r} is none of {arguments}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_key_is_documented_and_no_other(verb):
    assert documented(verb) == set(keys(VERBS[verb]))


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_that_other_tests_use_are_messages(verb):
    assert list(faults(EXAMPLES[verb], VERBS[verb])) == []


def test_the_report_of_check_is_documented():
    report = CheckReport((Finding("root", Verdict.GOOD, "yes"),), tuple(replies.STATUS["gates"])).as_json()
    found = {f"findings[].{key}" for key in report.pop("findings")[0]}
    report.pop("gates")
    share = {f"native.*.{key}" for key in messages.Share.__annotations__}  # added by the command
    assert documented("check") == {*report, *found, "gates[].*", *share}
