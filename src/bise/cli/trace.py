"""`bise trace`: a packet's way through the graph, node by node, with what changed in its headers."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from bise.cli import show
from bise.cli.described import comment, describe, lines
from bise.cli.filters import Filter, compile_filter
from bise.cli.outputs import opened
from bise.cli.watching import Told, Watch, missed_note
from bise.cli.words import Json, Name
from bise.offline import pcapng

_DEPTH = 192  # octets in which changes are looked for

PortOption = Annotated[str | None, typer.Option("--port", metavar="PORT", help="Only what this port receives.")]
FilterOption = Annotated[
    str, typer.Option("--filter", metavar="EXPR", help="Only what matches, as for tcpdump: 'udp port 53'.")
]


def trace(
    port: PortOption = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many packets.")] = 10,
    expression: FilterOption = "",
    pcap: Annotated[
        Path | None, typer.Option("--pcap", metavar="FILE", help="Write them there, too, with their ways as comments.")
    ] = None,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Show the way of packets through the running pipeline, node by node, and what changed in their headers."""
    matches = compile_filter(expression)
    found = []
    with ExitStack() as stack:
        writer = pcapng.Writer(stack.enter_context(opened(pcap)), "bise trace") if pcap is not None else None
        watch = stack.enter_context(Watch(name, port=port, side="in", depth=_DEPTH))
        for told in _matching(watch, matches):
            packet, way = describe(told), told.way
            found.append(packet)
            if writer is not None:
                writer.packet(told.port, told.when_ns, way.came, way.came_total, pcapng.INBOUND, comment(packet))
            if not json:
                for text in lines(len(found), packet):
                    show.line(text)
            if len(found) == count:
                break
    if json:
        show.as_json(found)
    else:
        show.line(f"{len(found)} of {watch.seen + watch.missed} packets shown{missed_note(watch)}")


def _matching(watch: Watch, matches: Filter) -> Iterator[Told]:
    """Packets until Ctrl-C, which ends a trace as it ends tcpdump."""
    with suppress(KeyboardInterrupt):
        for told in watch.ways():
            if told is not None and matches(told.way.came, told.way.came_total):
                yield told
