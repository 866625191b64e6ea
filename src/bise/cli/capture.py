"""`bise capture`: packets of a port as a capture file, with what became of each: what tcpdump no longer sees."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from bise.cli.filters import Filter, compile_filter
from bise.cli.outputs import opened
from bise.cli.trace import FilterOption
from bise.cli.watching import Told, Watch, missed_note
from bise.cli.words import Name
from bise.offline import pcapng

Direction = Literal["in", "out", "both"]
_Packet = tuple[bytes, int, int, str]  # octets, octets in all, direction, comment


def capture(
    file: Annotated[Path, typer.Argument(help="The pcapng file to write; - is standard output.")],
    port: Annotated[str, typer.Option("--port", metavar="PORT", help="The port to listen on.")],
    expression: FilterOption = "",
    count: Annotated[int, typer.Option("--count", min=0, help="How many packets; 0: until Ctrl-C.")] = 0,
    direction: Annotated[Direction, typer.Option("--direction", help="What it receives, sends, or both.")] = "both",
    name: Name = "default",
) -> None:
    """Write what a port receives and sends past the kernel to a file that tcpdump and Wireshark read."""
    matches = compile_filter(expression)
    written = 0
    watch = Watch(name, port=port, side=direction)
    with opened(file) as output, watch:
        writer = pcapng.Writer(output, "bise capture")
        writer.flush()
        try:
            for told in watch.ways():
                if told is None:
                    writer.flush()
                    continue
                for octets, total, way, comment in _packets(told, matches):
                    writer.packet(port, told.when_ns, octets, total, way, comment)
                    written += 1
                    if written == count:
                        return
        except KeyboardInterrupt:
            pass
        finally:
            print(f"{written} packets written{missed_note(watch)}", file=sys.stderr)


def _packets(told: Told, matches: Filter) -> Iterator[_Packet]:
    """A packet that comes and leaves by the same port is there twice, as on any interface."""
    way = told.way
    if way.came and matches(way.came, way.came_total):
        yield way.came, way.came_total, pcapng.INBOUND, told.verdict
    if way.left and matches(way.left, way.left_total):
        yield way.left, way.left_total, pcapng.OUTBOUND, f"transmit, received on {told.port}"
