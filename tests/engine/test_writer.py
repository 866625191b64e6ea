"""The pipeline as text: a small one in full, and each as a module that reads like ours."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bise.engine.graph import build
from bise.engine.node import Part, Timer
from bise.engine.writer import HAND_OVER, Driver, write
from tests.engine import steps

GOLDEN = Path(__file__).with_name("small_pipeline.txt")
ONE, TWO = Driver(0, "bise.ports.af_xdp.rings"), Driver(1, "bise.ports.dpdk.queue")
TIMED = Part(steps.TOLD, timers=(Timer(steps.tell, 1000),))


def test_a_small_pipeline_reads_as_it_did():
    """Where a change is wanted, `python -m tests.engine.test_writer` writes it down."""
    assert small() == GOLDEN.read_text()


def small() -> str:
    return write(build("steps.begin", [steps.PART, steps.TURNING, steps.WEIGHING]), [ONE, TWO]).text


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("drivers", [[ONE], [ONE, TWO], [ONE, HAND_OVER], [ONE, TWO, HAND_OVER]])
@pytest.mark.parametrize(
    "parts",
    [
        [steps.PART],
        [steps.PART, steps.TURNING, steps.WEIGHING],
        [steps.PART, steps.WEIGHING, steps.AGAIN, TIMED, steps.WEIGHING_TOLD],
    ],
)
def test_every_pipeline_is_a_module_without_faults(parts, drivers, watched, tmp_path):
    text = write(build("steps.begin", parts), drivers, watched).text
    functions = [one.name for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)]
    assert functions == (["burst", "tick"] if TIMED in parts and not watched else ["burst"])
    file = tmp_path / "pipeline.py"
    file.write_text(text)
    # What only timers need is imported by all; state records have long names.
    words = ["--isolated", "--select", "E,F,B", "--ignore", "F401", "--line-length", "150", "--no-cache"]
    done = subprocess.run([sys.executable, "-m", "ruff", "check", *words, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("drivers", [[ONE, TWO], [ONE, HAND_OVER]])
def test_the_instrumented_twin_is_the_pipeline_with_lines_between(drivers):
    """Nothing of what the fast one does is left out, done otherwise, or done in another order."""
    graph = build("steps.begin", [steps.PART, steps.TURNING, steps.WEIGHING])
    bare, twin = (write(graph, drivers, watched).text.splitlines() for watched in (False, True))
    lines = iter(twin[twin.index("@entry(3)") :])
    assert all(line in lines for line in bare[bare.index("@entry(3)") :])
    added = {line.strip() for line in twin} - {line.strip() for line in bare}
    assert {word for line in added for word in re.findall(r"(\w+)\(", line)} <= {
        "Watch", "is_watched", "run_bare", "begin_burst", "begin", "cycles", "step", "keep",
    }  # fmt: skip


def test_handing_over_costs_nothing_where_it_is_not_asked_for():
    graph = build("steps.begin", [steps.PART])
    plain, asked = (write(graph, drivers).text.splitlines() for drivers in ([ONE, TWO], [ONE, TWO, HAND_OVER]))
    assert not any("hand" in line for line in plain)
    assert len(asked) < len(plain) + 25


def test_sleepers_are_looked_for_after_all_that_was_handed_over():
    text = write(build("steps.begin", [steps.PART]), [ONE, HAND_OVER]).text
    ends = text.split("    stays = hand_over(")[1].split("return ")
    assert all(end.startswith(("handed", "count + handed")) for end in ends[1:3])
    assert all("if handed > 0:" in end and "wake_takers(worker, spread)" in end for end in ends[:2])


def test_a_burst_asks_and_is_answered_before_its_first_packets_way_begins():
    text = write(build("steps.begin", [steps.PART, steps.TURNING, steps.WEIGHING, steps.AGAIN]), [ONE]).text
    places = [
        text.index(line)
        for line in (
            "        if ask_0(packet, tests_engine_steps_state):",
            "            if ask_1(packet, tests_engine_steps_state):",
            "    answer_0(tests_engine_steps_state, first_0, asking_0)",
            "    answer_1(tests_engine_steps_state, first_1, asking_1)",
            "steps_begin(packet",
            "steps_weigh(packet",
            "steps_turn(packet",
        )
    ]
    assert places == sorted(places)


def test_where_no_node_asks_there_are_no_questions():
    text = write(build("steps.begin", [steps.PART, steps.TURNING, TIMED]), [ONE]).text
    assert not any(word in text.split("@entry(3)", 1)[1] for word in ("asked", "question", "recall"))


def test_states_are_listed_once_in_the_nodes_order():
    assert write(build("steps.begin", [steps.PART, steps.TURNING]), [ONE]).states == (steps.State,)


def test_the_same_graph_is_the_same_text():
    assert small() == small()


def test_queries_of_absent_nodes_are_left_out():
    other = Part({}, queries=(steps.wonder,))
    assert build("steps.begin", [steps.PART, steps.TURNING, other]).queries == ()


if __name__ == "__main__":
    GOLDEN.write_text(small())
