"""The figures of each instance by Prometheus's conventions; docs/metrics.md is the list of them.

An instance is asked when Prometheus asks, so that rates are over Prometheus's own interval; what may be large (routes,
neighbours) is never asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bise.control.messages import State
from bise.control.socket import ControlClient, instances
from bise.errors import BiseError
from bise.monitor.snapshot import Snapshot, take

_PATIENCE_S = 5.0


def registry(names: Sequence[str] = (), directory: Path | None = None, *, cycles: bool = False) -> CollectorRegistry:
    """What Prometheus is given: the instances `names`, or all that run; with `cycles`, what nodes cost, too."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_Instances(names, directory, cycles))
    return found


class _Instances(Collector):
    def __init__(self, names: Sequence[str], directory: Path | None, cycles: bool) -> None:
        self._names, self._directory, self._cycles = names, directory, cycles

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked before Prometheus asks."""
        return families({})

    def collect(self) -> Iterable[Metric]:
        names = self._names or instances(self._directory)
        return families({name: self._ask(name) for name in names})

    def _ask(self, name: str) -> Snapshot | None:
        try:
            with ControlClient(name, self._directory, _PATIENCE_S) as bise:
                return take(bise, cycles=self._cycles)
        except BiseError:
            return None


def families(found: dict[str, Snapshot | None]) -> list[Metric]:
    """Every metric, with the figures of these instances; None is one that doesn't answer."""
    answered = [snapshot for snapshot in found.values() if snapshot is not None]
    up = GaugeMetricFamily("bise_up", "Whether the instance answers.", labels=["name"])
    for name, snapshot in found.items():
        up.add_metric([name], snapshot is not None)
    return [up, *(family(answered) for family in (*_OF_INSTANCES, *_OF_PORTS, *_OF_WORKERS, *_OF_REASONS))]


Values = Callable[[Snapshot], Iterable[tuple[tuple[str, ...], float]]]
Family = Callable[[Iterable[Snapshot]], Metric]


def _family(kind: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, help: str, labels: str) -> Callable:  # type: ignore[type-arg]
    def of(values: Values) -> Family:
        def family(snapshots: Iterable[Snapshot]) -> Metric:
            metric = kind(name, help, labels=["name", *labels.split()])
            for snapshot in snapshots:
                for given, value in values(snapshot):
                    metric.add_metric([snapshot.status["name"], *given], value)
            return metric

        return family

    return of


def _counter(name: str, help: str, labels: str, values: Values) -> Family:
    return _family(CounterMetricFamily, name, help, labels)(values)  # type: ignore[no-any-return]


def _gauge(name: str, help: str, labels: str, values: Values) -> Family:
    return _family(GaugeMetricFamily, name, help, labels)(values)  # type: ignore[no-any-return]


def _states(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
    for state in get_args(State):
        yield (state,), state == snapshot.status["state"]


def _gates(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
    names = [gate["name"] for gate in snapshot.status["gates"]]
    for name in sorted(set(names)):
        yield (name,), names.count(name)


def _objects(which: str) -> Values:
    def values(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
        for kind, share in snapshot.status["native"].items():
            yield (kind,), share[which]  # type: ignore[literal-required]

    return values


def _port(key: str) -> Values:
    return lambda snapshot: (((port["name"],), port[key]) for port in snapshot.ports)  # type: ignore[literal-required]


def _worker(key: str) -> Values:
    return lambda snapshot: (
        ((str(worker["core"]),), worker[key])  # type: ignore[literal-required]
        for worker in snapshot.status["workers"]
    )


def _left(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
    for port in snapshot.ports:
        for reason, packets in port["steering"].items():
            yield (port["name"], reason), packets


def _gated(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
    for port in snapshot.status["ports"]:
        yield (port["name"],), port["gate"] is not None


def _reasons(which: str) -> Values:
    return lambda snapshot: (((each["reason"],), each["packets"]) for each in getattr(snapshot, which))


def _nodes(key: Literal["packets", "cycles"]) -> Values:
    return lambda snapshot: (((node["node"],), node[key]) for node in snapshot.nodes or ())


_OF_INSTANCES = (
    _gauge("bise_state", "1 for the state that the instance is in.", "state", _states),
    _gauge(
        "bise_info",
        "Always 1; says which version runs, and how its workers wait.",
        "version mode",
        lambda snapshot: [((snapshot.status["version"], snapshot.status["mode"]), 1)],
    ),
    _gauge(
        "bise_uptime_seconds",
        "Since the process began.",
        "",
        lambda snapshot: [((), snapshot.status["uptime_ns"] / 1e9)],
    ),
    _gauge(
        "bise_packet_memory_bytes",
        "Packet memory.",
        "",
        lambda snapshot: [((), snapshot.status["memory"]["pool_octets"])],
    ),
    _gauge(
        "bise_mirror_clean",
        "Whether nothing is known to be stale.",
        "",
        lambda snapshot: [((), snapshot.status["mirror"]["clean"])],
    ),
    _counter(
        "bise_mirror_resyncs",
        "How often the kernel's state was read anew.",
        "",
        lambda snapshot: [((), snapshot.status["mirror"]["resyncs"])],
    ),
    _counter(
        "bise_mirror_divergences",
        "Differences from the kernel that audits have found.",
        "",
        lambda snapshot: [((), snapshot.status["mirror"]["divergences"])],
    ),
    _gauge("bise_gates", "Gates that stand, by their kind.", "gate", _gates),
    _gauge("bise_objects_native", "Objects that Bise runs itself.", "kind", _objects("native")),
    _gauge("bise_objects_punted", "Objects whose packets the kernel gets.", "kind", _objects("punted")),
)
_OF_PORTS = (
    _counter("bise_port_received_packets", "Packets that workers received.", "port", _port("received")),
    _counter("bise_port_received_bytes", "Their octets.", "port", _port("received_octets")),
    _counter("bise_port_transmitted_packets", "Packets that workers sent.", "port", _port("transmitted")),
    _counter("bise_port_transmitted_bytes", "Their octets.", "port", _port("transmitted_octets")),
    _counter(
        "bise_port_punted_packets", "Packets received here that a worker gave to the kernel.", "port", _port("punted")
    ),
    _counter("bise_port_dropped_packets", "Packets that this port had no room to send.", "port", _port("dropped")),
    _counter("bise_port_left_packets", "Packets that never met a worker: the kernel's at once.", "port reason", _left),
    _gauge("bise_port_up", "Whether the interface is up.", "port", _port("up")),
    _gauge("bise_port_gated", "Whether some of the traffic received here is the kernel's.", "port", _gated),
)
_OF_WORKERS = (
    _counter("bise_worker_packets", "Packets that the worker received.", "worker", _worker("packets")),
    _counter("bise_worker_rounds", "Rounds that the worker has made.", "worker", _worker("epoch")),
    _counter("bise_worker_handed_packets", "Packets handed over to other workers.", "worker", _worker("handed")),
    _counter("bise_worker_busy_rounds", "Rounds of these that had packets.", "worker", _worker("busy_rounds")),
)
_OF_REASONS = (
    _counter("bise_dropped_packets", "Packets that ended here, by reason.", "reason", _reasons("drops")),
    _counter("bise_punted_packets", "Packets given to the kernel, by reason.", "reason", _reasons("punts")),
    _counter("bise_node_cycles", "Cycles that a node took, of sampled bursts.", "node", _nodes("cycles")),
    _counter("bise_node_packets", "Packets that these cycles were for.", "node", _nodes("packets")),
)
