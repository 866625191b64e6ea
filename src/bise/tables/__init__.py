"""Memory of fixed size with one writer (the control thread) and many compiled readers. Nothing here knows a protocol.

General layout
- `prefix32`, `writer32`  longest prefix match on 32-bit keys, and how it is written
- `prefix128`, `trie128`, `writer128`  the same on 128-bit keys: its readers, its memory, its writer
- `rules`                 what was asked of a prefix table, for its writer
- `retire`                when memory that readers may still hold is used again
- `full`                  what a table says when there is no room
"""

from bise.tables.full import TableFull
from bise.tables.prefix128 import Prefix128, look_up128, prefetch128
from bise.tables.prefix32 import Prefix32, look_up32, prefetch32
from bise.tables.retire import Retire, immediately

__all__ = [
    "Prefix32",
    "Prefix128",
    "Retire",
    "TableFull",
    "immediately",
    "look_up32",
    "look_up128",
    "prefetch32",
    "prefetch128",
]
