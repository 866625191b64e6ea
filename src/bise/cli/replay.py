"""`bise replay`: a capture through the whole router, offline, by the same features, graph and pipeline."""

import json as json_words
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bise.cli import show
from bise.cli.offline import Given, Interpreted, Without, choose_mode, patience, users_nodes
from bise.cli.words import Json

if TYPE_CHECKING:
    from bise.offline.replay import Replayed

ON_TERMINAL = 100


def replay(
    source: Annotated[Path, typer.Argument(help="The capture: pcap or pcapng.", metavar="IN")],
    target: Annotated[
        Path, typer.Argument(help="Where what would be sent goes: pcapng if it is called so, else pcap.", metavar="OUT")
    ],
    state: Annotated[Path, typer.Option(help="The router's state, made by `bise state`.")],
    port: Annotated[
        str | None, typer.Option(help="The port that received what the capture names no port for.", metavar="NAME")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Show so many packets on a terminal, 0 for all; the counters count all.")
    ] = ON_TERMINAL,
    interpreted: Interpreted = False,
    node: Given = None,
    without_nodes: Without = False,
    json: Json = False,
) -> None:
    """Lead the packets of a capture through the router of a state, and say what becomes of each. Needs no root."""
    choose_mode(interpreted)
    from bise.daemon import START, make_features
    from bise.offline import state as states
    from bise.offline.replay import replay as run
    from bise.offline.router import Router

    found = states.read(state)
    with ExitStack() as opened:
        with patience(interpreted):
            users = opened.enter_context(users_nodes(found, node, without_nodes))
            router = opened.enter_context(Router(found, make_features, START, users=users))
        packets = run(router, source, target, port)
        if json:
            _as_json(packets)
        else:
            _as_table(packets, limit)


def _as_json(packets: "Iterator[Replayed]") -> None:
    """One JSON object, a packet a line, written as they come."""
    counters: Counter[str] = Counter()
    separator = "\n"
    print('{"packets": [', end="")
    for one in packets:
        counters[one.fate.sink.name] += 1
        print(f"{separator}{json_words.dumps(one.as_json())}", end="")
        separator = ",\n"
    print(f'\n], "counters": {json_words.dumps(counters)}}}')


def _as_table(packets: "Iterator[Replayed]", limit: int) -> None:
    counters: Counter[tuple[str, str]] = Counter()
    for one in packets:
        counters[one.fate.sink.name, one.fate.meaning] += 1
        if limit == 0 or one.number <= limit:
            show.line(f"{one.number:>6}  {one.port.name}: {_what(one)}")
        elif one.number == limit + 1:
            show.line("     …  (--limit 0 shows all)")
    show.line("")
    rows = ((name, count, meaning) for (name, meaning), count in counters.most_common())
    show.table(("ended at", "packets#", "meaning"), rows)


def _what(one: "Replayed") -> str:
    sent = ", ".join(f"{port.name} ({total} octets)" for port, _, total in one.fate.sent)
    ended = one.fate.sink.name if one.fate.reason else ""
    return "; ".join(words for words in (ended, f"transmit by {sent}" if sent else "") if words)
