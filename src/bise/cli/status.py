"""`bise status`: whether Bise forwards, and everything that keeps it from doing so."""

import time

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Gate, Share, Status, Worker
from bise.control.socket import ControlClient


def status(name: Name = "default", json: Json = False) -> None:
    """Show whether Bise forwards, its ports, workers and gates, and what it can't run natively."""
    with ControlClient(name) as bise:
        reply: Status = bise.ask("status")
    if json:
        show.as_json(reply)
        return
    _head(reply)
    show.line("")
    show.table(
        ("port", "kind", "index#", "state", "gate"),
        ((port["name"], port["kind"], str(port["ifindex"]), port["state"], port["gate"]) for port in reply["ports"]),
    )
    show.line("")
    columns = ("core#", "packets#", "handed over#", "busy#", "epoch#")
    show.table(columns, (_worker(worker) for worker in reply["workers"]))
    show.line("")
    shares("mirrored", reply["native"])
    show.line("")
    gates(reply["gates"])
    for note in reply["notes"]:
        show.line(f"note: {note}", "yellow")


def shares(title: str, native: dict[str, Share]) -> None:
    """A table of how much of each kind is native, and how much the kernel keeps."""
    rows = ((what, share["native"], share["punted"]) for what, share in native.items())
    show.table((title, "native#", "punted#"), rows)


def gates(found: list[Gate]) -> None:
    """What each gate does and why, or a line saying that there are none."""
    if not found:
        show.line("no gates: nothing in the kernel stands against forwarding natively", "green")
        return
    for gate in found:
        show.line(f"gate {gate['name']}: {gate['subject']}", "yellow")
        show.line(f"    {gate['effect']} ({gate['detection']})")
        show.line(f"    {gate['reason']}")


def _head(reply: Status) -> None:
    style = "bold green" if reply["state"] == "forwarding" else "bold yellow"
    show.line(f"bise {reply['name']}: {reply['state']}", style)
    show.line(
        f"version {reply['version']}, process {reply['pid']}, up {show.duration(reply['uptime_ns'])}, "
        f"mode {reply['mode']}"
    )
    memory = reply["memory"]
    pages = "huge pages" if memory["huge_pages"] else "no huge pages"
    note = f" ({memory['note']})" if memory["note"] else ""
    show.line(f"packet memory {show.octets(memory['pool_octets'])}, {pages}{note}")
    mirror = reply["mirror"]
    clean = "clean" if mirror["clean"] else "not clean: what may be stale is the kernel's"
    show.line(f"mirror {clean}, {mirror['resyncs']} resyncs, {mirror['divergences']} divergences")
    deadline_ns = reply["confirm_deadline_ns"]
    if deadline_ns is not None:
        left = show.duration(max(0, deadline_ns - time.monotonic_ns()))
        show.line(f"gives the interfaces back in {left}, unless confirmed: bise confirm", "bold yellow")


def _worker(worker: Worker) -> tuple[str, int, int, str, int]:
    return str(worker["core"]), worker["packets"], worker["handed"], f"{worker['busy']:.0%}", worker["epoch"]
