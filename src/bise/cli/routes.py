"""`bise routes`: the routes that Bise mirrors, and which of them it runs. Asked for page by page, so that a full table
neither fills the socket nor the memory."""

import json as json_words
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from bise.cli import show
from bise.cli.words import FamilyOption, Json, Name
from bise.control.messages import Route, RoutesPage
from bise.control.socket import ControlClient

PAGE = 1000
ON_TERMINAL = 100
COLUMNS = ("destination", "table", "kind", "by", "state", "why")


def routes(
    family: FamilyOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"So many at most, 0 for all; else {ON_TERMINAL} of a table and all of JSON."),
    ] = None,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Show the mirrored routes, and why the kernel keeps those that are punted."""
    wanted = (None if json else ON_TERMINAL) if limit is None else limit or None
    with ControlClient(name) as bise:
        pages = _pages(bise, wanted, family)
        if json:
            _as_json(pages)
        else:
            _as_table(pages)


def _pages(bise: ControlClient, wanted: int | None, family: str | None) -> Iterator[RoutesPage]:
    """Pages of at most `wanted` routes together (None: all)."""
    arguments: dict[str, Any] = {} if family is None else {"family": int(family)}
    left = wanted
    while left is None or left > 0:
        page: RoutesPage = bise.ask("routes", limit=PAGE if left is None else min(left, PAGE), **arguments)
        yield page
        if page["next"] is None:
            return
        arguments["after"] = page["next"]
        left = None if left is None else left - len(page["routes"])


def _as_json(pages: Iterator[RoutesPage]) -> None:
    """One JSON object, a route a line, written as the pages come."""
    total, separator = 0, "\n"
    print('{"routes": [', end="")
    for page in pages:
        total = page["total"]
        for route in page["routes"]:
            print(f"{separator}{json_words.dumps(route)}", end="")
            separator = ",\n"
    print(f'\n], "total": {total}}}')


def _as_table(pages: Iterator[RoutesPage]) -> None:
    shown = total = 0
    for page in pages:
        total = page["total"]
        if page["routes"] or not shown:
            show.table(COLUMNS, (_row(route) for route in page["routes"]))
        shown += len(page["routes"])
    if shown < total:
        show.line(f"… and {show.count(total - shown)} more (--limit 0 shows all)")


def _row(route: Route) -> tuple[object, ...]:
    return route["destination"], str(route["table"]), route["kind"], _paths(route), route["state"], route["why"]


def _paths(route: Route) -> str:
    several = len(route["paths"]) > 1
    words = []
    for path in route["paths"]:
        via = f"{path['via']} " if path["via"] else ""
        weight = f" weight {path['weight']}" if several else ""
        words.append(f"{via}{path['port']}{weight}")
    return ", ".join(words)
