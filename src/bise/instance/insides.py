"""What the verbs are answered that look inside: the state, the graph, the pipeline, and what Linux would do."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.asked import Flow, ask_way
from bise.control.objects import Path, address_text
from bise.control.socket import Verb
from bise.engine.graph import Graph
from bise.engine.node import Drop, Punt
from bise.engine.pipeline import Pipeline
from bise.errors import BiseError
from bise.instance.snapshot import Snapshots

if TYPE_CHECKING:
    from bise.instance.instance import Instance


class Insides:
    """Answers about one instance; changes nothing."""

    def __init__(self, instance: "Instance") -> None:
        self._of = instance
        self._snapshots = Snapshots(instance)

    def verbs(self) -> Mapping[str, Verb]:
        """The verbs of the control socket."""
        return {
            "state": self.state,
            "graph": lambda _: graph_message(self._pipeline().graph),
            "pipeline": self.pipeline,
            "linux-route": self.linux_route,
        }

    def _pipeline(self) -> Pipeline:
        if self._of.pipeline is None:
            raise BiseError(f"bise {self._of.wanted.name!r} is still {self._of.state}; try again in a moment")
        return self._of.pipeline

    def state(self, arguments: dict[str, Any]) -> messages.StatePage:
        self._pipeline()
        return self._snapshots.page(arguments)

    def pipeline(self, arguments: dict[str, Any]) -> messages.Pipeline:
        running = self._pipeline()
        return {"source": running.source.text, "path": str(running.path)}

    def linux_route(self, arguments: dict[str, Any]) -> messages.LinuxRoute:
        """What Linux would do with a packet that `port` received; its flow is said by the other arguments."""
        try:
            source, destination = ip_address(arguments["source"]), ip_address(arguments["destination"])
            numbers = [int(arguments.get(name, 0)) for name in ("protocol", "source_port", "destination_port")]
            link = self._link(arguments["port"])
        except (KeyError, ValueError) as wrong:
            raise BiseError(f"linux-route is asked with port, source, destination: {wrong}") from None
        way = ask_way(Flow(source.version, int(source), int(destination), link, *numbers))
        return {
            "prefix": None if way.prefix is None else str(way.prefix),
            "kind": way.kind.name.lower(),
            "path": self._path(way.path),
            "paths": [self._path(path) for path in way.paths],
            "error": way.words,
        }

    def _link(self, name: str) -> int:
        found = next((link.index for link in self._of.mirror.links.values() if link.name == name), 0)
        if not found:
            raise BiseError(f"no interface {name!r}")
        return found

    def _path(self, path: Path) -> messages.Path:
        link = self._of.mirror.links.get(path.link)
        return {
            "via": None if path.via is None else address_text(path.via_family, path.via),
            "port": "" if link is None else link.name,
            "weight": path.weight,
        }


def graph_message(graph: Graph) -> messages.Graph:
    """A graph as it travels."""
    return {
        "nodes": [
            {"name": name, "edges": [{"edge": edge, "to": to} for edge, to in edges.items()]}
            for name, edges in graph.edges.items()
        ],
        "sinks": [
            {
                "name": sink.name,
                "kind": type(sink).__name__.lower(),
                "meaning": sink.meaning if isinstance(sink, Drop | Punt) else "",
            }
            for sink in graph.sinks
        ],
        "timers": [timer.node.name for timer in graph.timers],
    }
