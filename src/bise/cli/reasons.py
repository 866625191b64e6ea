"""What `drops` and `punts` share: packets by reason, the most frequent first, with one of each where asked for."""

from typing import Annotated

import typer

from bise.cli import show
from bise.cli.described import Described, describe
from bise.cli.watching import Watch
from bise.control.messages import Reason
from bise.control.socket import ControlClient

Sample = Annotated[bool, typer.Option("--sample", help="Wait for a packet of each reason, and show it.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="How long to wait for samples.")]
_DEPTH = 128


class Sampled(Reason):
    """A reason with a packet that ended there, or None where none did meanwhile."""

    sample: Described | None


def ask(verb: str, name: str, json: bool, nothing: str, sample_s: float | None = None) -> None:
    """Shows the reply to `verb`, or the line `nothing` if every count is zero. `sample_s`: wait so long for samples."""
    samples = _samples(verb.removesuffix("s"), name, sample_s) if sample_s is not None else None
    with ControlClient(name) as bise:
        reply: list[Reason] = bise.ask(verb)
    sampled: list[Sampled] = [{**reason, "sample": (samples or {}).get(reason["reason"])} for reason in reply]
    if json:
        show.as_json(reply if samples is None else sampled)
        return
    counted = sorted((reason for reason in sampled if reason["packets"]), key=lambda reason: -reason["packets"])
    if not counted:
        show.line(nothing)
        return
    show.table(
        ("reason", "packets#", "meaning"),
        ((reason["reason"], reason["packets"], reason["meaning"]) for reason in counted),
    )
    for reason in counted if samples is not None else ():
        _show(reason)


def _samples(kind: str, name: str, seconds: float) -> dict[str, Described]:
    """A packet of each reason that occurs within so many seconds."""
    found: dict[str, Described] = {}
    with Watch(name, side="in", depth=_DEPTH, each=1) as watch:
        for told in watch.ways(seconds):
            if told is not None and told.sink.startswith(f"{kind} "):
                found.setdefault(told.sink.removeprefix(f"{kind} "), describe(told))
    return found


def _show(reason: Sampled) -> None:
    packet = reason["sample"]
    if packet is None:
        show.line(f"{reason['reason']}: no such packet meanwhile", "dim")
        return
    show.line(f"{reason['reason']}: {packet['octets']} octets received on {packet['port']}", "bold")
    for header in packet["headers"]:
        show.line(f"    {header}")
