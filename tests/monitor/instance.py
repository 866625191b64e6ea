"""An instance that answers what a test makes of it."""

import copy
from typing import Any

from tests.cli import replies


class Instance:
    """Counters may be set between two questions; `asked` notes the verbs. `grows`: packets received from one question
    to the next. A node of `cycles` has 100 packets more at each question, which cost `costs` each."""

    def __init__(self, name: str = "default", pid: int = 4711) -> None:
        self.status: dict[str, Any] = {**copy.deepcopy(replies.STATUS), "name": name, "pid": pid}
        self.status.update(gates=[], notes=[])
        self.status["ports"] = [{**port, "gate": None} for port in self.status["ports"][:1]]
        self.ports: list[dict[str, Any]] = [dict(copy.deepcopy(port)) for port in replies.PORTS]
        self.drops: list[dict[str, Any]] = [dict(drop) for drop in replies.DROPS]
        self.punts: list[dict[str, Any]] = []
        self.neighbours: list[dict[str, Any]] = [dict(each) for each in replies.NEIGHBOURS[:1]]
        self.cycles: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.grows = 0

    @property
    def verbs(self) -> dict[str, Any]:
        """For a control server. Each question takes a second of the instance's time."""
        found = {name: self._answer(name) for name in ("status", "ports", "drops", "punts", "neighbours")}
        return found if self.cycles is None else {**found, "cycles": self._answer("cycles")}

    def _answer(self, verb: str) -> Any:
        def answer(_: dict[str, Any]) -> Any:
            self.asked.append(verb)
            if verb == "status":
                self.status["uptime_ns"] += 1_000_000_000
            if verb == "cycles" and self.cycles:
                for node in self.cycles["nodes"]:
                    node.update(packets=node["packets"] + 100, cycles=node["cycles"] + 100 * node["costs"])
            if verb == "ports":
                self.ports[0]["received"] += self.grows
            return getattr(self, verb)

        return answer
