"""`bise run`: takes over the forwarding of the given ports, in the foreground, until told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from bise.cli.completion import interfaces, modes

PORT = (
    "An interface (`eth0`), or vhost-user:PATH, memif:PATH, pci:ADDRESS, pcap:in=FILE,out=FILE, memory:NAME with "
    "options behind commas. Once for each port."
)
Ports = Annotated[list[str] | None, typer.Option("--port", help=PORT, metavar="PORT", autocompletion=interfaces)]
_MODE = "poll, adaptive (the default) or interrupt: how workers wait for packets."
_REPLACE = (
    "Take over from the Bise of this name that runs, without losing a packet: it forwards until this one is ready, "
    "then ends. Where this one can't start, that one goes on. For interfaces that stay the kernel's."
)
NODE = "A Python file with nodes of your own (docs/first-node.md). Once for each file."


def run(
    port: Ports = None,
    cores: Annotated[
        str | None, typer.Option(help="Cores to run workers on, like 0,1 or 2-3; else the last one allowed.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help=_MODE, autocompletion=modes)] = None,
    memory: Annotated[str | None, typer.Option(help="Packet memory, like 256M (the default) or 1G.")] = None,
    queues: Annotated[int | None, typer.Option(help="Queues of each port; else one for each worker.")] = None,
    name: Annotated[str | None, typer.Option(help="Tells several Bises on one machine apart.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A bise.toml: ports, cores, mode, memory, queues, name. Flags replace it.")
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(help="Give the interfaces back after so many seconds, unless `bise confirm` follows."),
    ] = None,
    node: Annotated[list[Path] | None, typer.Option("--node", help=NODE, metavar="FILE")] = None,
    replace: Annotated[bool, typer.Option("--replace", help=_REPLACE)] = False,
) -> None:
    """Forward between the ports as Linux is configured to; Ctrl-C gives the interfaces back."""
    # The daemon brings the compiler along, which no other verb should wait for.
    from bise.control.config import configuration
    from bise.control.machine import admitted

    flags = {"ports": port, "cores": cores, "mode": mode, "memory": memory, "queues": queues, "name": name}
    wanted = admitted(configuration(config, {**flags, "confirm": confirm, "nodes": node, "replace": replace}))

    from bise import daemon

    raise typer.Exit(daemon.run(wanted))
