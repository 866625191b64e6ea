"""The one door to the compiler: what makes plain Python functions over header classes run at machine speed.

General layout
- `mode`        which of the three meanings runs: compiled, interpreted (CPython) or checked (compiled, bounds checked)
- `header`      header and record classes: fields at fixed offsets, the same in every mode
- `primitives`  typed memory, atomics and 64-bit arithmetic that agree in every mode
- `runs`        long stretches of equal words
- `region`      memory that belongs to us: mapped, page-aligned, huge pages where there are any
- `function`    `hot` for functions, `entry` for what is called from outside, `external` for C symbols
- `cache`       the folder of compiled code, and the process that fills it
- `inlining`    how hot functions and the entry that calls them become one module before anything is optimised
- `lowering`    how all of the above becomes LLVM IR; besides these three only `cache` and `alone` see Numba

Nothing here knows what a network is.
"""

from bise.hot.function import Entry, declared, entry, external, hot, libraries, load_library, plain, stand_in
from bise.hot.header import (
    Header,
    OutOfBounds,
    be16,
    be32,
    be48,
    be64,
    le16,
    le32,
    le64,
    local,
    nth,
    u8,
)
from bise.hot.mode import MODE, Mode
from bise.hot.primitives import (
    add64,
    call3,
    copy_line,
    cycles,
    expect,
    fence,
    load8,
    load16,
    load32,
    load64,
    load_acquire,
    lowest_bit,
    mix64,
    mul64,
    pause,
    popcount64,
    prefetch,
    prefetch_write,
    rarely,
    shift_left64,
    shift_right64,
    store8,
    store16,
    store32,
    store64,
    store_release,
    store_release32,
    sub64,
    unsigned_less,
)
from bise.hot.region import Region
from bise.hot.runs import replace_run32

__all__ = [
    "MODE",
    "Entry",
    "Header",
    "Mode",
    "OutOfBounds",
    "Region",
    "add64",
    "be16",
    "be32",
    "be48",
    "be64",
    "call3",
    "copy_line",
    "cycles",
    "declared",
    "entry",
    "expect",
    "external",
    "fence",
    "hot",
    "le16",
    "le32",
    "le64",
    "libraries",
    "load8",
    "load16",
    "load32",
    "load64",
    "load_acquire",
    "load_library",
    "local",
    "lowest_bit",
    "mix64",
    "mul64",
    "nth",
    "pause",
    "plain",
    "popcount64",
    "prefetch",
    "prefetch_write",
    "rarely",
    "replace_run32",
    "shift_left64",
    "shift_right64",
    "stand_in",
    "store8",
    "store16",
    "store32",
    "store64",
    "store_release",
    "store_release32",
    "sub64",
    "u8",
    "unsigned_less",
]
