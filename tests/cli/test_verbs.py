"""The verbs that ask a running Bise, against one that answers always the same."""

import json
import time
from xml.etree import ElementTree

import pytest

from bise.cli import state
from tests.cli import replies
from tests.control.serving import serving


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("status", replies.STATUS),
        ("ports", replies.PORTS),
        ("neighbours", replies.NEIGHBOURS),
        ("drops", replies.DROPS),
        ("punts", replies.DROPS[:1]),
        ("nodes", replies.NODES),
        ("graph", replies.GRAPH),
        ("pipeline", replies.PIPELINE),
        ("confirm", {"was_waiting": True}),
    ],
)
def test_json_is_the_reply_as_it_came(call, daemon, verb, reply):
    outcome = call(verb, "--json")
    assert outcome.status == 0
    assert json.loads(outcome.out) == reply


def test_status_shows_everything_that_matters(call, daemon):
    outcome = call("status")
    assert outcome.status == 0
    assert "bise default: forwarding" in outcome.out
    assert "version 0.1.0, process 4711, up 1 h 2 min, mode adaptive" in outcome.out
    assert "packet memory 256 MiB, no huge pages (up to twice the cycles a packet)" in outcome.out
    assert ["eth0", "kernel", "2", "up", "-"] in outcome.words
    assert ["0", "1", "234", "567", "890", "17", "97%", "3", "100"] in outcome.words
    assert ["routes", "10", "000", "3"] in outcome.words
    assert "gate netfilter: nft table inet [filter]\n" in outcome.out
    assert "    the kernel forwards all traffic received on eth1 (announced)\n" in outcome.out
    assert "note: tcpdump (4711) listens on eth0\n" in outcome.out
    assert "gives the interfaces back" not in outcome.out


def test_status_says_what_waits_for_confirmation(call, directory):
    reply = {**replies.STATUS, "state": "gated", "gates": [], "confirm_deadline_ns": time.monotonic_ns() + 50 * 10**9}
    with serving(directory, {"status": lambda _: reply}):
        outcome = call("status")
    assert "gives the interfaces back in 49 s, unless confirmed: bise confirm" in outcome.out
    assert "no gates" in outcome.out


def test_ports_shows_what_the_steering_program_left_to_the_kernel(call, daemon):
    outcome = call("ports")
    assert outcome.words[1][:6] == ["eth0", "kernel", "02:00:00:00:00:01", "1500", "yes", "2"]
    assert ["eth0", "multicast", "17"] in outcome.words
    assert "vlan" not in outcome.out


def test_routes_on_a_terminal_end_with_how_many_more_there_are(call, daemon):
    outcome = call("routes")
    assert len(outcome.words) == 1 + 100 + 1
    assert "192.0.2.1 eth0 weight 1, eth1 weight 3" in outcome.out
    assert "leaves by wlan0, no port of ours" in outcome.out
    assert outcome.out.endswith("… and 2 400 more (--limit 0 shows all)\n")


def test_routes_as_json_are_all_of_them(call, daemon):
    assert json.loads(call("routes", "--json").out) == {"routes": replies.ROUTES, "total": 2500}


@pytest.mark.parametrize(("limit", "count"), [(0, 2500), (1, 1), (1000, 1000), (1001, 1001), (9999, 2500)])
def test_routes_are_asked_for_in_pages_up_to_the_limit(call, daemon, limit, count):
    found = json.loads(call("routes", "--json", "--limit", str(limit)).out)
    assert found == {"routes": replies.ROUTES[:count], "total": 2500}


def test_routes_of_a_family_without_any(call, daemon):
    assert json.loads(call("routes", "--family", "6", "--json").out) == {"routes": [], "total": 0}
    assert call("routes", "--family", "6").words == [["destination", "table", "kind", "by", "state", "why"]]


def test_neighbours_tell_who_was_used(call, daemon):
    outcome = call("neighbours")
    assert ["eth0", "fe80::1", "02:00:00:00:00:02", "reachable", "1", "s", "ago"] in outcome.words
    assert ["eth1", "192.0.2.9", "-", "incomplete", "never"] in outcome.words


def test_drops_come_by_frequency_and_without_those_that_never_were(call, daemon):
    outcome = call("drops")
    assert [line[0] for line in outcome.words] == ["reason", "ipv4.version", "ipv4.martian-source"]
    assert call("punts").out == "nothing punted\n"


def test_confirm_says_whether_anything_waited(call, daemon, directory):
    assert call("confirm").out == "confirmed\n"
    with serving(directory, {"confirm": lambda _: {"was_waiting": False}}, "other"):
        assert call("confirm", "--name", "other").out == "nothing waited to be confirmed\n"


@pytest.mark.parametrize(
    "verb",
    [
        *("status", "ports", "routes", "neighbours", "drops", "punts"),
        *("graph", "pipeline", "state", "confirm", "trace", "cycles"),
    ],
)
def test_without_a_daemon_every_verb_says_so_in_one_line(call, verb):
    outcome = call(verb)
    assert outcome.status == 1
    assert outcome.error == "bise: no bise named 'default' runs; start it with `bise run --port …`\n"
    assert outcome.out == ""


def test_a_name_of_brackets_is_no_markup(call, directory):
    reply = [{**replies.PORTS[0], "name": "[red]e"}]
    with serving(directory, {"ports": lambda _: reply}):
        assert "[red]e" in call("ports").out


def test_state_puts_the_pages_together_in_valid_json(call, daemon):
    found = json.loads(call("state").out)
    assert found == {
        "format": "bise-state",
        "version": 1,
        "name": "default",
        "links": [{"index": 1}, {"index": 2}],
        "settings_of_links": [],
        "addresses": [],
        "neighbours": [{"link": 1}],
        "next_hops": [],
        "rules": [],
        "routes": [["10.0.0.0/8", 254, [0]], ["11.0.0.0/8", 254, [1]]],
        "ways": [{"kind": "unicast"}, {"kind": "blackhole"}],
    }
    assert found == state.whole(state.pages(Asking()))


class Asking:
    """A control client of whom only the state is asked."""

    def ask(self, verb, **arguments):
        assert verb == "state"
        return replies.state(arguments)


def test_graph_is_lines_or_a_picture(call, daemon):
    assert call("graph").out == "a.one ON -> a.two\na.one BAD -> drop a.<bad>\na.two OUT -> transmit\n"
    drawn = call("graph", "--svg").out
    assert {"a.one", "ON", "drop <bad>", "BAD: less & more"} <= set(ElementTree.fromstring(drawn).itertext())


def test_pipeline_prints_source_that_compiles(call, daemon):
    said = call("pipeline").out
    assert said == f"# {replies.PIPELINE['path']}\n{replies.PIPELINE['source']}"
    compile(said, "pipeline", "exec")
