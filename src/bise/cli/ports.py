"""`bise ports`: what each port has received, sent and left to the kernel."""

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import PortCounters
from bise.control.socket import ControlClient


def ports(name: Name = "default", json: Json = False) -> None:
    """Show each port's counters."""
    with ControlClient(name) as bise:
        reply: list[PortCounters] = bise.ask("ports")
    if json:
        show.as_json(reply)
        return
    counters = ("received#", "transmitted#", "punted#", "dropped#")
    columns = ("port", "kind", "mac", "mtu#", "up", "queues#", "spread", *counters)
    show.table(columns, (_row(port) for port in reply))
    steered = [(port["name"], why, packets) for port in reply for why, packets in port["steering"].items() if packets]
    if steered:
        show.line("")
        show.line("left to the kernel by the steering program:")
        show.table(("port", "reason", "packets#"), steered)


def _row(port: PortCounters) -> tuple[object, ...]:
    return (
        port["name"],
        port["kind"],
        port["mac"],
        str(port["mtu"]),
        port["up"],
        port["queues"],
        port["spread"],
        port["received"],
        port["transmitted"],
        port["punted"],
        port["dropped"],
    )
