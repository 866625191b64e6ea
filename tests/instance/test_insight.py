"""Watches and their leases, over workers that are only told: who looks, for how long, and at which pipeline."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bise.engine.graph import Graph, build
from bise.engine.watching import Timing
from bise.errors import BiseError
from bise.instance import insight
from bise.instance.insight import Insight
from tests.engine import steps

LEASE_S = 0.2


class Told:
    """Stands for Watching: what the workers were told, and what they answer."""

    all: "list[Told]"

    def __init__(self, crew: Any, twin: str, wanted: Any = None) -> None:
        self.pipeline, self.twin, self.wanted = crew.members[0].plan.pipeline, twin, wanted
        assert twin == f"twin of {self.pipeline.name}"
        self.records = [b"one"]
        self.ended = False
        Told.all.append(self)

    def stands(self) -> bool:
        return self.pipeline is WORLD.crew.members[0].plan.pipeline

    def end(self) -> None:
        assert not self.ended
        self.ended = True

    def read(self, most: int) -> list[bytes]:
        found, self.records = self.records, []
        return found

    def looked(self) -> tuple[int, int]:
        return 10, 1

    def timing(self) -> Timing:
        return Timing(tuple((2, 100) for _ in self.pipeline.graph.order), (64, 6400))


def pipeline(name: str, graph: Graph | None = None) -> Any:
    return SimpleNamespace(name=name, graph=graph or build("steps.begin", [steps.PART, steps.TURNING]))


class World:
    """An instance as far as Insight asks it."""

    def __init__(self) -> None:
        self.plan = SimpleNamespace(pipeline=pipeline("first"))
        self.pipeline = self.plan.pipeline
        self.crew = SimpleNamespace(members=[SimpleNamespace(plan=self.plan)], running=lambda: [True])
        self.ports = SimpleNamespace(open_ports={"eth0": SimpleNamespace(number=0)})
        self.wanted, self.state = SimpleNamespace(name="test"), "forwarding"
        self.built: list[str] = []
        self.failure: BiseError | None = None

    async def build_twin(self, of: Any, cores: list[int], nice: int) -> str:
        self.built.append(of.name)
        await asyncio.sleep(0.01)
        if self.failure is not None:
            raise self.failure
        return f"twin of {of.name}"


WORLD: World


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Insight], Awaitable[None]]], None]:
    """Runs what it is given with an Insight over a world of its own; nobody looks after it."""
    global WORLD
    WORLD, Told.all = World(), []
    for name, value in {"Watching": Told, "build_twin": WORLD.build_twin, "_LEASE_S": LEASE_S, "_LOOK_S": 0.02}.items():
        monkeypatch.setattr(insight, name, value)
    monkeypatch.setattr(insight, "_WITHIN_S", 0.1)

    def run(story: Callable[[Insight], Awaitable[None]]) -> None:
        async def whole() -> None:
            found = Insight(WORLD, [])  # type: ignore[arg-type]
            await story(found)
            await asyncio.sleep(LEASE_S + 0.1)
            assert all(told.ended for told in Told.all)
            await found.close()

        asyncio.run(whole())

    return run


async def recording(found: Insight, number: int) -> Any:
    while (reply := await found.watched({"watch": number}))["state"] == "compiling":
        pass
    return reply


def test_the_twin_is_built_once_and_the_graph_told_once(looking):
    async def story(found: Insight) -> None:
        for _ in range(2):
            number = found.watch({"port": "eth0"})["watch"]
            first = await recording(found, number)
            assert [node["name"] for node in first["graph"]["nodes"]] == ["steps.begin", "steps.turn"]
            assert (len(first["records"]), first["seen"], first["missed"]) == (1, 10, 1)
            assert (await found.watched({"watch": number}))["graph"] is None
            found.unwatch({"watch": number})
            assert Told.all[-1].ended
        assert WORLD.built == ["first"]

    looking(story)


def test_who_asks_no_more_looks_no_more(looking):
    async def story(found: Insight) -> None:
        number = found.watch({})["watch"]
        await recording(found, number)
        with pytest.raises(BiseError, match="somebody else watches"):
            found.watch({})
        assert found.notes()
        await asyncio.sleep(LEASE_S + 0.1)
        assert Told.all[-1].ended
        assert not found.notes()
        with pytest.raises(BiseError, match="that watch has ended"):
            await found.watched({"watch": number})
        found.watch({})

    looking(story)


def test_another_pipeline_is_watched_by_its_own_twin_and_told_anew(looking):
    async def story(found: Insight) -> None:
        number = found.watch({})["watch"]
        await recording(found, number)
        WORLD.pipeline = pipeline("second", build("steps.begin", [steps.PART]))
        assert (await found.watched({"watch": number}))["state"] == "recording"  # the workers run the first one still
        WORLD.plan.pipeline = WORLD.pipeline
        reply = await recording(found, number)
        assert [node["name"] for node in reply["graph"]["nodes"]] == ["steps.begin"]
        assert (reply["seen"], reply["missed"]) == (20, 2)
        assert WORLD.built == ["first", "second"]
        assert [told.ended for told in Told.all] == [True, False]

    looking(story)


def test_cycles_add_up_over_all_that_was_sampled(looking):
    async def story(found: Insight) -> None:
        while (reply := await found.cycles({}))["state"] == "compiling":
            pass
        assert reply["bare"] == {"packets": 64, "cycles": 6400}
        assert Told.all[-1].wanted is None
        number = found.watch({})["watch"]  # another watching, which goes on counting
        await recording(found, number)
        reply = await found.cycles({})
        assert reply["bare"] == {"packets": 128, "cycles": 12800}
        assert reply["nodes"][0] == {"node": "steps.begin", "packets": 4, "cycles": 200}

    looking(story)


def test_what_the_compiler_says_reaches_who_asked(looking):
    async def story(found: Insight) -> None:
        WORLD.failure = BiseError("doesn't compile")
        number = found.watch({})["watch"]
        with pytest.raises(BiseError, match="doesn't compile"):
            await recording(found, number)
        assert Told.all == []

    looking(story)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"port": "nope"}, "no port 'nope'; there are eth0"), ({"side": "up"}, "no side 'up'; there are in, out, both")],
)
def test_what_is_not_there_is_not_watched(looking, arguments, says):
    async def story(found: Insight) -> None:
        with pytest.raises(BiseError, match=says):
            found.watch(arguments)

    looking(story)


def test_before_the_workers_run_there_is_nothing_to_see(looking):
    async def story(found: Insight) -> None:
        WORLD.pipeline, WORLD.state = None, "compiling"
        with pytest.raises(BiseError, match="is still compiling; try again in a moment"):
            await found.cycles({})

    looking(story)
