"""The machine code of a pipeline with a node that does nothing, and without it.

    python -m tests.engine.costs

Prints the instructions of both, names and addresses left out.
"""

import json
import re
from enum import IntEnum

import numba

from bise.engine.graph import build as build_graph
from bise.engine.node import Insert, Part, node
from bise.engine.pipeline import load, place
from bise.engine.writer import write
from bise.hot.inlining import EntryCompiler
from tests.engine import steps
from tests.engine.rig import DRIVER, open_pool

_FUNCTION = numba.types.int64(*[numba.types.int64] * 3)


class Pass(IntEnum):
    ON = 0


@node(Pass, steps.State)
def nothing(packet, state, now):
    """Let everything through."""
    return Pass.ON


PASSING = Part({}, inserts=(Insert(nothing, "steps.begin", "SEND", Pass.ON),))


def instructions(parts: list[Part]) -> list[str]:
    """Of the burst function, compiled anew, as the assembler writes them."""
    burst = load(place(write(build_graph("steps.begin", parts), [DRIVER]))).burst
    compiled = numba.cfunc(_FUNCTION, nopython=True, error_model="numpy", pipeline_class=EntryCompiler)(burst.source)
    lines = compiled._library.get_asm_str().splitlines()
    wanted = (line for line in lines if line.startswith("\t") and line[1] not in ".#")
    return [re.sub(r"_ZN\w+|\.L\w+|pipeline_\w+", "…", line) for line in wanted]


if __name__ == "__main__":
    open_pool()
    print(json.dumps([instructions([steps.PART]), instructions([steps.PART, PASSING])]))
