"""What charts need of a look: rates by port, reason and worker at one moment."""

from collections.abc import Iterable
from typing import TypedDict

from bise.monitor.report import PortRates, ReasonReport, Report


class WorkerPoint(TypedDict):
    """Packets a second, and the share of rounds that had some."""

    rate: float
    busy: float


class Point(TypedDict):
    """`at_ms`: since 1970, as browsers count. By port, by reason, by core."""

    at_ms: int
    ports: dict[str, PortRates]
    drops: dict[str, float]
    punts: dict[str, float]
    workers: dict[str, WorkerPoint]


def point(report: Report | None, at_ms: int) -> Point:
    """Empty, a gap in every line, where there is nothing to compare with."""
    found: Point = {"at_ms": at_ms, "ports": {}, "drops": {}, "punts": {}, "workers": {}}
    if report is None or not report["interval_ns"]:
        return found
    found["ports"] = {port["name"]: port["rates"] for port in report["ports"] if port["rates"] is not None}
    found["drops"], found["punts"] = _rates(report["drops"]), _rates(report["punts"])
    found["workers"] = {
        str(worker["core"]): {"rate": worker["rate"], "busy": worker["busy"]}
        for worker in report["workers"]
        if worker["rate"] is not None
    }
    return found


def _rates(reasons: Iterable[ReasonReport]) -> dict[str, float]:
    """Of those that have ever occurred."""
    return {each["reason"]: each["rate"] for each in reasons if each["packets"] and each["rate"] is not None}
