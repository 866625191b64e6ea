"""Writes the pipeline: the graph of the running configuration as one burst function in readable Python.

Nodes stand in topological order. `at` says which block a packet enters next; every edge sets it to a constant, so the
compiler threads the jumps and a packet on the common path meets no dispatch at all.

Where nodes make queries (engine/node.py), a burst begins with them: each packet asks what it will have to know if it
is what it looks like, then all are answered, so that they wait for memory together. Then each goes its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bise.engine.graph import Graph
from bise.engine.handover import SPREAD
from bise.engine.node import NOWHERE, TRANSMIT, Node, Punt, PuntClass
from bise.engine.worker import HANDED
from bise.hot import Header


@dataclass(frozen=True)
class Driver:
    """A kind of port: `module` has the hot functions receive(queue, packets, room) and transmit(queue, packets, n).

    Their first argument is the address of the driver's own record. Who receives what another core or a device has
    written asks for the packets' first lines at once; nodes meet them in the cache.
    """

    kind: int
    module: str


HAND_OVER = Driver(HANDED, "bise.engine.handover")  # among the drivers where workers hand packets to each other


@dataclass(frozen=True)
class Source:
    """The text of a pipeline module; `states` are the record classes whose addresses the plan lists, in order."""

    text: str
    states: tuple[type[Header], ...]


def write(graph: Graph, drivers: Sequence[Driver], watched: bool = False) -> Source:
    """The module whose entry `burst(worker, plan, queue)` runs `graph` over ports of these kinds.

    `watched`: the instrumented twin (engine/watch.py), which does the same and takes notes; it has no timers.
    """
    states = tuple(dict.fromkeys(node.state for node in graph.order))
    blocks = (
        _opening(graph, drivers, states, watched),
        _receive(drivers, watched),
        _setup(drivers, states),
        *_asking(graph),
        _way(graph, watched),
        _sinks(graph, watched),
        *((_LOOK_AHEAD,) if HAND_OVER in drivers else ()),
        "    queue.received += count\n    queue.octets += octets",
        _flush(drivers, "through"),
        _HANDED_OVER if HAND_OVER in drivers else "    return count",
        *([_tick(graph, drivers, states)] if graph.timers and not watched else []),
    )
    return Source("\n".join(blocks) + "\n", states)


def _alias(node: Node) -> str:
    return node.name.replace(".", "_").replace("-", "_")


def _state_alias(state: type[Header]) -> str:
    return f"{state.__module__}_{state.__qualname__}".replace(".", "_").replace("bise_features_", "").lower()


def _opening(graph: Graph, drivers: Sequence[Driver], states: tuple[type[Header], ...], watched: bool) -> str:
    nodes = (node.module for node in graph.order)
    what = "The instrumented twin of the pipeline" if watched else "The pipeline"
    lines = [
        f'"""{what}, written for the configuration that is running. Sinks:',
        "",
        *(f"    {number} {sink.name}" for number, sink in enumerate(graph.sinks)),
        '"""',
        "",
        "from bise.engine.burst import (",
        "    blank, discard, duplicate, finish, gather, gathered, give_away, give_back, is_due, lane_at, nobodys,",
        "    note, originate, pass_on, questions, recall, release, settle, take_up,",
        ")",
        "from bise.engine.packet import NO_PORT, Packet",
        *(["from bise.engine.watch import Watch, begin, begin_burst, is_watched, keep, run_bare, step"] * watched),
        "from bise.engine.worker import BURST, Plan, Queue, Worker",
        f"from bise.hot import {'cycles, ' * watched}entry, expect, load64, local, rarely",
        *(f"import {module}" for module in dict.fromkeys((*nodes, *(one.module for one in graph.queries)))),
        *(f"from {state.__module__} import {state.__qualname__} as {_state_alias(state)}_record" for state in states),
        *map(_imports, drivers),
        "",
        *(f"{_alias(node)} = {node.module}.{node.attribute}.function" for node in graph.order),
        *(f"ask_{number} = {one.module}.{one.attribute}.ask" for number, one in enumerate(graph.queries)),
        *(f"answer_{number} = {one.module}.{one.attribute}.answer" for number, one in enumerate(graph.queries)),
        "make_packet = local(Packet)",
    ]
    return "\n".join(lines)


def _imports(driver: Driver) -> str:
    if driver == HAND_OVER:
        names = f"(\n    Spread, hand_on, hand_over, kept, look_into, relay, take as receive_{HANDED}, wake_takers,\n)"
    else:
        names = f"receive as receive_{driver.kind}, transmit as transmit_{driver.kind}"
    return f"from {driver.module} import {names}"


def _choice(drivers: Sequence[Driver], indent: str, subject: str, action: str) -> list[str]:
    """An if-chain over the kinds of port; no branch where there is one kind."""
    if len(drivers) == 1:
        return [indent + action.format(kind=drivers[0].kind)]
    lines = []
    for place, driver in enumerate(drivers):
        word = "if" if place == 0 else "elif"
        condition = f"{word} {subject} == {driver.kind}:" if place < len(drivers) - 1 else "else:"
        lines += [indent + condition, indent + "    " + action.format(kind=driver.kind)]
    return lines


def _receive(drivers: Sequence[Driver], watched: bool) -> str:
    lines = [
        "",
        "",
        "@entry(3)",
        "def burst(worker_address, plan_address, queue_address):",
        '    """Receives a burst, leads every packet to its sink, sends. Returns the packets received."""',
        "    worker, plan, queue = Worker(worker_address), Plan(plan_address), Queue(queue_address)",
        *(_WATCH if watched else ()),
        "    now, received = worker.now, worker.received",
        *(_receive_and_hand_over(drivers) if HAND_OVER in drivers else _receive_all(drivers)),
        *(["    begin_burst(watch, queue, count)"] * watched),
    ]
    return "\n".join(lines)


def _receive_all(drivers: Sequence[Driver]) -> list[str]:
    return [
        *_choice(drivers, "    ", "queue.kind", "count = receive_{kind}(queue.driver, received, BURST)"),
        "    if count <= 0:",
        "        return 0",
    ]


def _receive_and_hand_over(drivers: Sequence[Driver]) -> list[str]:
    """A queue that is spread stands before its driver's; other workers' flows leave the burst at once."""
    return [
        "    source, kind, handed, spread = queue.driver, queue.kind, 0, Spread(queue.driver)",
        f"    is_spread = kind & {SPREAD} != 0",
        "    if is_spread:",
        f"        source, kind = spread.driver, kind - {SPREAD}",
        *_choice(drivers, "    ", "kind", "count = receive_{kind}(source, received, BURST)"),
        "    if count > 0 and is_spread:",
        "        stays = hand_over(spread, received, count, queue.port)",
        "        received, handed, count = kept(spread), count - stays, stays",
        "    if count <= 0:",
        "        if handed > 0:",
        "            wake_takers(worker, spread)",
        "        return handed",
    ]


_WATCH = (
    "    watch = Watch(plan.watch)",
    "    if not is_watched(watch, queue):",
    "        return run_bare(watch, worker, plan, queue)",
)


def _states(states: tuple[type[Header], ...]) -> list[str]:
    return [
        f"    {_state_alias(state)} = {_state_alias(state)}_record(load64(plan.states + {8 * number}))"
        for number, state in enumerate(states)
    ]


_STRAIGHT = (
    "    if queue.straight > 0:",
    "        pass_on(lanes, received, count, queue.straight - 1)",
    "        through = 0",
    "    else:",
    "        through = count",
)
_RELAY = (
    f"    if kind == {HANDED} and queue.straight > 0:",
    "        relay(lanes, source, received, count, queue.straight - 1)",
    "        through = 0",
    "    elif queue.straight > 0:",
    *_STRAIGHT[1:],
)


def _setup(drivers: Sequence[Driver], states: tuple[type[Header], ...]) -> str:
    lines = [
        *_states(states),
        "    packet, lanes, port = make_packet(), plan.lanes, queue.port",
        "    finished = octets = 0",
        *(_RELAY if HAND_OVER in drivers else _STRAIGHT),
    ]
    return "\n".join(lines)


_LOOK_AHEAD = f"""\
        if kind == {HANDED}:
            look_into(source, number)"""
_HANDED_OVER = """\
    if handed > 0:
        wake_takers(worker, spread)
    return count + handed"""
_EACH = "    for number in range(through):"
_TAKE_UP = "        take_up(packet, load64(received + 8 * number), port)"


def _asking(graph: Graph) -> list[str]:
    """Each packet puts the first question that it seems to have; then all are answered."""
    numbers = range(len(graph.queries))
    if not numbers:
        return []
    states = [_state_alias(query.state) for query in graph.queries]
    lines = [
        "    asked, nobody = worker.asked, nobodys(worker)",
        *(f"    first_{number}, asking_{number} = questions(worker, {number}), 0" for number in numbers),
        _EACH,
        _TAKE_UP,
    ]
    for number in numbers:
        inside = "        " + number * "    "
        lines += [
            f"{inside}blank(packet, first_{number}, asking_{number})",
            f"{inside}if ask_{number}(packet, {states[number]}):",
            f"{inside}    asking_{number} += 1",
            f"{inside}else:",
        ]
    lines += [f"{inside}    packet.question = nobody", f"{inside}    rarely()", "        note(packet, asked, number)"]
    for number in numbers:
        lines.append(f"    answer_{number}({states[number]}, first_{number}, asking_{number})")
    return lines


def _way(graph: Graph, watched: bool) -> str:
    """The loop over the burst, without its end at the sinks."""
    lines = [
        _EACH,
        _TAKE_UP,
        *(["        recall(packet, asked, number)"] if graph.queries else []),
        "        octets += packet.total",
        *(["        begin(watch, packet, number)"] * watched),
        "        at = 0",
        *(_node(graph, node, watched) for node in graph.order),
    ]
    return "\n".join(lines)


def _node(graph: Graph, node: Node, watched: bool = False) -> str:
    """A block for packets that come to `node`."""
    number = graph.place(node.name)
    decision = f"{_alias(node)}(packet, {_state_alias(node.state)}, now)"
    lines = [
        f"        if at == {number}:",
        *(["            begun = cycles()"] * watched),
        f"            edge_{number} = expect({decision}, {int(next(iter(node.edges)))})",
        *([f"            step(watch, packet, number, {number}, edge_{number}, cycles() - begun)"] * watched),
    ]
    if node.copies:
        lines.append("            if packet.copy != NO_PORT:")
        lines.append("                duplicate(worker, plan, packet, BURST - number)")
    return "\n".join(lines + _edges(graph, node, number))


def _edges(graph: Graph, node: Node, number: int) -> list[str]:
    """Where the packet goes by each of a node's edges."""
    lines, edges = [], list(node.edges)
    for place, edge in enumerate(edges):
        target = graph.edges[node.name][edge.name]
        to: object = graph.block(target)
        if node.is_users and target == TRANSMIT.name:
            to = f"{to} if packet.egress < plan.lane_count else {graph.block(NOWHERE.name)}"
        word = "if" if place == 0 else "elif"
        condition = f"{word} edge_{number} == {int(edge)}:" if place < len(edges) - 1 else "else:"
        if len(edges) == 1:
            lines.append(f"            at = {to}  # {edge.name}: {target}")
        else:
            lines += [f"            {condition}", f"                at = {to}  # {edge.name}: {target}"]
            if place > 0 and graph.block(target) > graph.block(TRANSMIT.name):  # a drop or a punt
                lines.append("                rarely()")
    return lines


def _sinks(graph: Graph, watched: bool = False) -> str:
    first_sink = len(graph.order)
    punts = [number for number, sink in enumerate(graph.sinks) if isinstance(sink, Punt)]
    urgent = [
        number
        for number, sink in enumerate(graph.sinks)
        if isinstance(sink, Punt) and sink.urgency is PuntClass.CONTROL
    ]
    first_punt, first_urgent = (min(numbers, default=len(graph.sinks)) for numbers in (punts, urgent))
    lines = [
        *([f"        keep(watch, packet, number, at - {first_sink}, now)"] * watched),
        f"        if at == {first_sink}:",
        "            gather(lanes, packet)",
        "        else:",
        f"            sink = at - {first_sink}",
        f"            finished = finish(worker, plan, queue, packet, sink, {first_punt}, {first_urgent}, finished)",
    ]
    return "\n".join(lines)


def _flush(drivers: Sequence[Driver], count: str) -> str:
    send = "sent = transmit_{kind}(driver, gathered(lane), lane.count)"
    own = [driver for driver in drivers if driver != HAND_OVER]
    to_others = [f"            elif lane.kind == {HANDED}:", "                sent = hand_on(worker, lane, driver)"]
    lines = [
        "    for number in range(plan.lane_count):",
        "        lane = lane_at(lanes, number)",
        "        if lane.count > 0:",
        "            driver = lane.driver",
        "            if driver == 0:",
        "                sent = discard(lane)",
        *(to_others if HAND_OVER in drivers else ()),
        "            else:",
        *_choice(own, "                ", "lane.kind", send),
        "            settle(lane, sent)",
        f"    release(worker, plan, {count}, finished)",
    ]
    return "\n".join(lines)


def _tick(graph: Graph, drivers: Sequence[Driver], states: tuple[type[Header], ...]) -> str:
    """The entry `tick(worker, plan, ending)`: each timer whose time has come leads its own packet through the graph."""
    nothing = graph.block("nothing")
    lines = [
        "",
        "",
        "@entry(3)",
        "def tick(worker_address, plan_address, ending):",
        '    """Calls the timers that are due and sends what they made. Returns the packets made."""',
        "    worker, plan = Worker(worker_address), Plan(plan_address)",
        "    if ending:",
        "        give_back(worker)",
        "        return 0",
        "    now, lanes, queue = worker.now, plan.lanes, Queue(load64(plan.queues))",
        *_states(states),
        "    packet, number, finished, made = make_packet(), 0, 0, 0",
        f"    for timer in range({len(graph.timers)}):",
        "        at = -1",
    ]
    for number, timer in enumerate(graph.timers):
        lines += [
            f"        if timer == {number} and is_due(worker, plan, {number}, {timer.period_ns}):",
            f"            at = {graph.place(timer.node.name)}",
        ]
    lines += ["        if at < 0 or not originate(worker, packet):", "            continue"]
    reached = graph.reachable(timer.node.name for timer in graph.timers)
    lines += ["        packet.question = nobodys(worker)"] if graph.queries else []
    lines += [_node(graph, node) for node in graph.order if node.name in reached]
    lines += [f"        if at == {nothing}:", "            continue", "        give_away(worker)", "        made += 1"]
    lines += [_sinks(graph), _flush(drivers, "made"), "    return made"]
    return "\n".join(lines)
