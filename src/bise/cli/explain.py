"""`bise explain`: what would happen to a packet, node by node, and what Linux would do with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bise.cli import show
from bise.cli import state as states_of
from bise.cli.offline import Given, Without, choose_mode, users_nodes
from bise.cli.words import Json, Name
from bise.control.messages import LinuxRoute
from bise.control.socket import ControlClient

if TYPE_CHECKING:
    from bise.offline.explain import Explanation
    from bise.offline.words import Words

_WORDS = (
    "The packet: PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [OPTION …], like 'udp 10.0.0.1:1 > 20.1.2.3:53 ttl 1'. "
    "Protocols: udp, tcp, icmp, icmp6. Options: ttl N, hlim N, size N, tos N, df, type N, code N, mac MAC, from MAC."
)


def explain(
    packet: Annotated[str, typer.Argument(help=_WORDS, metavar="PACKET")],
    received: Annotated[str, typer.Option("--in", help="The port that receives it.", metavar="PORT")],
    state: Annotated[
        Path | None,
        typer.Option(help="A state made by `bise state`, in place of the Bise that runs; Linux isn't asked."),
    ] = None,
    node: Given = None,
    without_nodes: Without = False,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Show what would happen to a packet and why, node by node, and whether Linux would do the same. Sends nothing."""
    choose_mode(interpreted=True)
    from bise.daemon import START, make_features
    from bise.offline import explain as explaining
    from bise.offline import state as states
    from bise.offline.words import parse

    words = parse(packet)
    linux: LinuxRoute | None = None
    if state is not None:
        router = states.read(state)
    else:
        router, linux = _asked(name, received, words)
    with users_nodes(router, node, without_nodes) as users:
        found = explaining.explain(router, make_features, START, received, words, users)
    agreement = explaining.compare(found, linux) if linux is not None else ("", "")
    if json:
        told: dict[str, Any] = {
            **found.as_json(),
            "linux": linux,
            "agreement": agreement[0],
            "comparison": agreement[1],
        }
        show.as_json(told)
    else:
        _show(found, linux, agreement)


def _asked(name: str, port: str, words: "Words") -> "tuple[Any, LinuxRoute]":
    """What bears on the packet of the running Bise's state, and what Linux says, asked in Bise's namespace."""
    from bise.offline.state import from_json

    addresses = [str(words.source), str(words.destination)]
    with ControlClient(name) as bise:
        found = from_json(states_of.whole(states_of.pages(bise, addresses=addresses)))
        found.port(port)
        linux: LinuxRoute = bise.ask(
            "linux-route",
            port=port,
            source=addresses[0],
            destination=addresses[1],
            protocol=words.number,
            source_port=words.source_port,
            destination_port=words.destination_port,
        )
    return found, linux


def _show(found: "Explanation", linux: LinuxRoute | None, agreement: tuple[str, str]) -> None:
    for step in found.steps:
        show.line(f"{step.node}  {step.edge} → {step.to}", "bold")
        if step.why:
            show.line(f"    {step.why}")
        for field, before, after in step.changed:
            show.line(f"    {field}: {before} → {after}", "dim")
    show.line("")
    sent = ", ".join(port.name for port, _, _ in found.fate.sent)
    ended = f"transmit by {sent}" if sent else f"{found.fate.sink.name}: {found.fate.meaning}"
    show.line(f"Bise:  {ended}", "green" if sent else "yellow")
    if linux is not None:
        show.line(f"Linux: {_linux(linux)}")
        show.line(f"{agreement[0]}: {agreement[1]}", "red" if agreement[0] == "differs" else "green")


def _linux(answer: LinuxRoute) -> str:
    """As `ip route get` would say it."""
    if answer["error"]:
        return answer["error"]
    path = answer["path"]
    via = f" via {path['via']}" if path["via"] else ""
    port = f" dev {path['port']}" if path["port"] else ""
    return f"{answer['kind']}{via}{port}" + (f" ({answer['prefix']})" if answer["prefix"] else "")
