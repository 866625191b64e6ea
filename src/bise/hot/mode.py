"""Which meaning of the hot code runs in this process, from the environment variable BISE_MODE, read once."""

import os
from enum import Enum


class Mode(Enum):
    """The three modes; the same functions give the same results in each."""

    COMPILED = "compiled"
    INTERPRETED = "interpreted"
    CHECKED = "checked"


MODE = Mode(os.environ.get("BISE_MODE", "compiled"))
