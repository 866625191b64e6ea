"""Parts become a graph, or GraphError says why they don't."""

from dataclasses import replace
from enum import IntEnum

import pytest

from bise.engine.graph import GraphError, build
from bise.engine.node import TRANSMIT, Drop, Insert, Part, Punt, PuntClass, Timer, To, Transmit, node
from bise.engine.worker import QUERIES
from bise.hot import Header, le64
from tests.engine import steps


class State(Header):
    nothing = le64()


class One(IntEnum):
    ON = 0


class Two(IntEnum):
    ON = 0
    AWAY = 1


@node(Two, State)
def first(packet, state, now):
    return Two.ON


@node(One, State)
def second(packet, state, now):
    return One.ON


@node(One, State)
def third(packet, state, now):
    return One.ON


GONE = Drop("here.gone", "for the test")
KEPT = Punt("here.kept", "for the test")
NAME = "test_graph"


def parts(**targets):
    """`first` and `second`; `first`'s edge ON leads to the second unless told otherwise."""
    on = targets.get("on", To(f"{NAME}.second", GONE))
    return [Part({first: {Two.ON: on, Two.AWAY: GONE}}), Part({second: {One.ON: targets.get("end", TRANSMIT)}})]


def test_the_graph_says_where_every_edge_leads():
    graph = build(f"{NAME}.first", parts())
    assert graph.text().splitlines() == [
        "test_graph.first ON -> test_graph.second",
        "test_graph.first AWAY -> drop here.gone",
        "test_graph.second ON -> transmit",
    ]
    assert [one.name for one in graph.order] == ["test_graph.first", "test_graph.second"]


def test_an_edge_to_a_node_that_nobody_brings_leads_to_its_other_target():
    graph = build(f"{NAME}.first", parts()[:1])
    assert graph.edges[f"{NAME}.first"]["ON"] == "drop here.gone"


def test_nodes_that_nothing_leads_to_are_left_out_with_their_sinks():
    graph = build(f"{NAME}.first", parts(on=TRANSMIT, end=KEPT))
    assert [one.name for one in graph.order] == [f"{NAME}.first"]
    assert KEPT not in graph.sinks


def test_sinks_stand_in_the_order_of_the_counters():
    urgent = Punt("here.urgent", "for the test", PuntClass.CONTROL)
    graph = build(f"{NAME}.first", parts(on=To(f"{NAME}.second", GONE), end=urgent), always=[KEPT])
    assert graph.sinks == (Transmit(), GONE, KEPT, urgent)
    assert [graph.sink_number(sink.name) for sink in graph.sinks] == [0, 1, 2, 3]


def test_a_circle_is_refused():
    with pytest.raises(GraphError, match=r"circle through test_graph.first"):
        build(f"{NAME}.first", parts(end=To(f"{NAME}.first", GONE)))


def test_two_nodes_of_one_name_are_refused():
    @node(One, State)
    def first(packet, state, now):
        return One.ON

    with pytest.raises(GraphError, match=r"two nodes are named test_graph.first"):
        build(f"{NAME}.first", [*parts(), Part({first: {One.ON: TRANSMIT}})])


def test_an_edge_that_leads_nowhere_is_refused():
    with pytest.raises(GraphError, match=r"edge AWAY of test_graph.first leads nowhere"):
        build(f"{NAME}.first", [Part({first: {Two.ON: TRANSMIT}})])


def test_an_entry_that_nobody_brings_is_refused():
    with pytest.raises(GraphError, match=r"no feature brings the entry node nowhere.begin"):
        build("nowhere.begin", parts())


def test_a_sink_has_one_meaning():
    with pytest.raises(GraphError, match=r"two meanings of drop here.gone"):
        build(f"{NAME}.first", parts(end=Drop("here.gone", "something else")))


def test_an_inserted_node_goes_on_where_the_edge_led():
    inserted = Part({}, (Insert(third, f"{NAME}.first", "ON", One.ON),))
    graph = build(f"{NAME}.first", [*parts(), inserted])
    assert graph.edges[f"{NAME}.first"]["ON"] == f"{NAME}.third"
    assert graph.edges[f"{NAME}.third"]["ON"] == f"{NAME}.second"
    places = [one.name for one in graph.order]
    assert places.index(f"{NAME}.first") < places.index(f"{NAME}.third") < places.index(f"{NAME}.second")


@pytest.mark.parametrize(("at", "edge"), [("first", "NOWHERE"), ("fourth", "ON")])
def test_nothing_is_inserted_where_there_is_no_edge(at, edge):
    inserted = Part({}, (Insert(third, f"{NAME}.{at}", edge, One.ON),))
    with pytest.raises(GraphError, match=f"test_graph.third wants to stand on edge {edge} of test_graph.{at}"):
        build(f"{NAME}.first", [*parts(), inserted])


def test_a_graphs_queries_are_those_of_its_nodes():
    graph = build("steps.begin", [steps.PART, steps.TURNING, steps.WEIGHING, steps.AGAIN])
    assert [query.node for query in graph.queries] == ["steps.weigh", "steps.weigh_again"]
    assert build("steps.begin", [steps.PART, Part({}, queries=(steps.wonder,))]).queries == ()


def test_a_node_asks_once_and_there_is_an_end_to_who_asks():
    with pytest.raises(GraphError, match="more than one question"):
        build("steps.begin", [steps.PART, steps.WEIGHING, Part({}, queries=(steps.wonder,))])
    nodes = [replace(steps.weigh, name=f"steps.weigh{number}") for number in range(QUERIES + 1)]
    inserted = tuple(Insert(one, "steps.begin", "ON", steps.Weigh.ON) for one in nodes)
    edges = {one: {steps.Weigh.WRONG: steps.WRONG} for one in nodes}
    asked = tuple(replace(steps.wonder, node=one.name) for one in nodes)
    with pytest.raises(GraphError, match=f"there is room for {QUERIES}"):
        build("steps.begin", [steps.PART, Part(edges, inserted, queries=asked)])


def test_a_timers_node_is_an_entry_too():
    timed = Part(steps.TOLD, timers=(Timer(steps.tell, 1000),))
    graph = build("steps.begin", [steps.PART, timed])
    assert {one.name for one in graph.order} == {"steps.begin", "steps.tell"}
    assert graph.reachable(["steps.tell"]) == {"steps.tell"}
    assert graph.sinks[-1].name == "nothing"


def test_graphs_of_the_same_parts_are_equal():
    assert build(f"{NAME}.first", parts()) == build(f"{NAME}.first", parts())
    assert build(f"{NAME}.first", parts()) != build(f"{NAME}.first", parts(end=KEPT))


def test_names_that_would_be_one_word_in_the_pipeline_are_refused():
    """Or one of the two would run in the other's place."""
    alike = replace(second, name=f"{NAME.rpartition('_')[0]}.{NAME.rpartition('_')[2]}_first")
    with pytest.raises(GraphError, match="are names too much alike"):
        build(f"{NAME}.first", [*parts(end=To(alike.name, GONE)), Part({alike: {One.ON: TRANSMIT}})])
