"""A snapshot together with what has changed since the one before, per second. docs/json.md explains the keys."""

from typing import TypedDict

from bise.control.messages import PortCounters, PortState, Reason, Status, Worker
from bise.monitor.snapshot import NodeSpent, Snapshot


class PortRates(TypedDict):
    """Per second. `left`: what the steering program left to the kernel."""

    received: float
    transmitted: float
    received_octets: float
    transmitted_octets: float
    punted: float
    dropped: float
    left: float


class PortReport(PortCounters):
    """`state` and `gate` as in `status`; `rates` is None where there is nothing to compare with."""

    state: str
    gate: str | None
    rates: PortRates | None


class WorkerReport(Worker):
    """`rate`: packets a second; `busy` is the share since the snapshot before."""

    rate: float | None


class ReasonReport(Reason):
    """`rate`: packets a second."""

    rate: float | None


class NodeReport(TypedDict):
    """`cycles` a packet, on the `packets` that were sampled since the snapshot before."""

    node: str
    cycles: float
    packets: int


class Report(TypedDict):
    """`interval_ns`: what rates were taken over; None: nothing to compare with, and no rates. `nodes`: those that
    packets came to; None where nobody measures."""

    name: str
    interval_ns: int | None
    status: Status
    notes: list[str]
    ports: list[PortReport]
    workers: list[WorkerReport]
    drops: list[ReasonReport]
    punts: list[ReasonReport]
    nodes: list[NodeReport] | None


def report(before: Snapshot | None, after: Snapshot) -> Report:
    """Rates where `before` is of the same process, None where it isn't."""
    if before is not None and (not after.follows(before) or after.at_ns <= before.at_ns):
        before = None
    return {
        "name": after.status["name"],
        "interval_ns": after.at_ns - before.at_ns if before else None,
        "status": after.status,
        "notes": after.status["notes"],
        "ports": _ports(before, after),
        "workers": _workers(before, after),
        "drops": _reasons(before.drops if before else [], after.drops, _seconds(before, after)),
        "punts": _reasons(before.punts if before else [], after.punts, _seconds(before, after)),
        "nodes": None if after.nodes is None else _nodes(before.nodes or [] if before else None, after.nodes),
    }


def _seconds(before: Snapshot | None, after: Snapshot) -> float | None:
    return (after.at_ns - before.at_ns) / 1e9 if before else None


def _rate(before: int, after: int, seconds: float) -> float:
    """A counter that went back belongs to something that was made anew; it counts from zero."""
    return (after - before if after >= before else after) / seconds


def _ports(before: Snapshot | None, after: Snapshot) -> list[PortReport]:
    states = {port["name"]: port for port in after.status["ports"]}
    known = {port["name"]: port for port in before.ports} if before else {}
    seconds = _seconds(before, after)
    found: list[PortReport] = []
    for port in after.ports:
        state = states.get(port["name"])
        past = known.get(port["name"])
        rates = _port_rates(past, port, seconds) if past is not None and seconds else None
        word, gate = (state["state"], state["gate"]) if state else ("gone", None)
        found.append({**port, "state": word, "gate": gate, "rates": rates})
    counted = {port["name"] for port in after.ports}
    found += [_without_counters(port) for name, port in states.items() if name not in counted]
    return found


def _without_counters(port: PortState) -> PortReport:
    """Its interface is gone, or the instance begins."""
    return {
        **port,
        "mac": "",
        "mtu": 0,
        "up": False,
        "queues": 0,
        "spread": False,
        "received": 0,
        "transmitted": 0,
        "received_octets": 0,
        "transmitted_octets": 0,
        "punted": 0,
        "dropped": 0,
        "steering": {},
        "rates": None,
    }


def _port_rates(before: PortCounters, after: PortCounters, seconds: float) -> PortRates:
    return {
        "received": _rate(before["received"], after["received"], seconds),
        "transmitted": _rate(before["transmitted"], after["transmitted"], seconds),
        "received_octets": _rate(before["received_octets"], after["received_octets"], seconds),
        "transmitted_octets": _rate(before["transmitted_octets"], after["transmitted_octets"], seconds),
        "punted": _rate(before["punted"], after["punted"], seconds),
        "dropped": _rate(before["dropped"], after["dropped"], seconds),
        "left": _rate(sum(before["steering"].values()), sum(after["steering"].values()), seconds),
    }


def _workers(before: Snapshot | None, after: Snapshot) -> list[WorkerReport]:
    known = {worker["core"]: worker for worker in before.status["workers"]} if before else {}
    seconds = _seconds(before, after)
    found: list[WorkerReport] = []
    for worker in after.status["workers"]:
        past = known.get(worker["core"])
        if past is None or not seconds:
            found.append({**worker, "rate": None})
            continue
        rate = _rate(past["packets"], worker["packets"], seconds)
        found.append({**worker, "rate": rate, "busy": _busy(past, worker)})
    return found


def _busy(before: Worker, after: Worker) -> float:
    """Not the instance's own figure, which is since anybody's last question."""
    rounds = after["epoch"] - before["epoch"]
    return round((after["busy_rounds"] - before["busy_rounds"]) / rounds, 4) if rounds > 0 else 0.0


def _reasons(before: list[Reason], after: list[Reason], seconds: float | None) -> list[ReasonReport]:
    past = {reason["reason"]: reason["packets"] for reason in before}
    return [
        {**each, "rate": _rate(past.get(each["reason"], 0), each["packets"], seconds) if seconds else None}
        for each in after
    ]


def _nodes(before: list[NodeSpent] | None, after: list[NodeSpent]) -> list[NodeReport]:
    past = {each["node"]: (each["packets"], each["cycles"]) for each in before or []}
    found: list[NodeReport] = []
    for each in after if before is not None else []:
        packets, cycles = past.get(each["node"], (0, 0))
        sampled = each["packets"] - packets
        if sampled > 0:
            mean = round((each["cycles"] - cycles) / sampled, 1)
            found.append({"node": each["node"], "cycles": mean, "packets": sampled})
    return found
