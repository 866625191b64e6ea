"""`bise state`: everything that decides a packet's way, as a file for `bise replay` and `bise explain`. Asked for page
by page, so that a full table neither fills the socket nor holds up the daemon."""

import json as json_words
from collections.abc import Iterator
from typing import Any

from bise.cli.words import Name
from bise.control.messages import StatePage
from bise.control.socket import ControlClient


def state(name: Name = "default") -> None:
    """Print the router's state as JSON: ports, links, addresses, neighbours, routes, settings (docs/state.md)."""
    with ControlClient(name) as bise:
        _print(pages(bise))


def pages(bise: ControlClient, **arguments: Any) -> Iterator[StatePage]:
    """The pages of one moment's state."""
    while True:
        page: StatePage = bise.ask("state", **arguments)
        yield page
        if page["next"] is None:
            return
        arguments["after"] = page["next"]


def whole(found: Iterator[StatePage]) -> dict[str, Any]:
    """Pages put together: what the file says."""
    told: dict[str, Any] = {name: [] for name in _lists()}
    for page in found:
        told |= page["head"]
        for name, lines in page["lists"].items():
            told[name] += lines
    return told


def _lists() -> list[str]:
    """Every list that a state has, in the order of the file; an empty one may come on no page."""
    return ["links", "settings_of_links", "addresses", "neighbours", "next_hops", "rules", "routes", "ways"]


def _print(found: Iterator[StatePage]) -> None:
    """One JSON object, a line an object of a list, written as the pages come; `ways` last, as they come with routes."""
    lists, ways = _lists()[:-1], []
    at = -1
    for page in found:
        if page["head"]:
            print("{" + ",\n".join(f"{_said(name)}: {_said(value)}" for name, value in page["head"].items()), end="")
        ways += page["lists"].get("ways", [])
        for name, lines in page["lists"].items():
            if name == "ways" or not lines:
                continue
            while at < lists.index(name):
                at += 1
                print(_opening(lists, at), end="")
                first = True
            for line in lines:
                print(("\n" if first else ",\n") + _said(line), end="")
                first = False
    while at < len(lists) - 1:
        at += 1
        print(_opening(lists, at), end="")
    print('],\n"ways": [\n' + ",\n".join(map(_said, ways)) + "]}")


def _opening(lists: list[str], at: int) -> str:
    return ("]" if at else "") + f",\n{_said(lists[at])}: ["


def _said(value: Any) -> str:
    return json_words.dumps(value, ensure_ascii=False)
