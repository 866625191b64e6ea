"""What a node of your own is made of: everything that such a file imports, besides the headers of `bise.wire`.

docs/first-node.md shows how. General layout
- `node` makes a function a node; `Part` says where the edges of a file's nodes lead, `Insert` where a node stands
- an edge leads to another node (`To`), to TRANSMIT, or to a `Drop` or `Punt` of the file's own
- `Header` with its fields: the record of what a node remembers, or a protocol that `bise.wire` doesn't know
- `copy_to`, `strip`, `trim`, `extend`: what a node may do to its packet besides writing into it
- `hot` and what follows: functions that nodes call, typed memory, arithmetic that is the same in every mode
- `packet_of`, `record_of`, `octets_of`: for tests that call a node in CPython
"""

from bise.engine.alone import octets_of, packet_of, record_of
from bise.engine.node import (
    NOTHING,
    TRANSMIT,
    Drop,
    Insert,
    Part,
    Punt,
    PuntClass,
    Timer,
    To,
    node,
)
from bise.engine.packet import NO_PORT, Packet, copy_to, extend, strip, trim
from bise.hot import (
    Header,
    add64,
    be16,
    be32,
    be48,
    be64,
    hot,
    le16,
    le32,
    le64,
    load8,
    load16,
    load32,
    load64,
    mix64,
    mul64,
    nth,
    shift_left64,
    shift_right64,
    store8,
    store16,
    store32,
    store64,
    sub64,
    u8,
)

__all__ = [
    "NOTHING",
    "NO_PORT",
    "TRANSMIT",
    "Drop",
    "Header",
    "Insert",
    "Packet",
    "Part",
    "Punt",
    "PuntClass",
    "Timer",
    "To",
    "add64",
    "be16",
    "be32",
    "be48",
    "be64",
    "copy_to",
    "extend",
    "hot",
    "le16",
    "le32",
    "le64",
    "load8",
    "load16",
    "load32",
    "load64",
    "mix64",
    "mul64",
    "node",
    "nth",
    "octets_of",
    "packet_of",
    "record_of",
    "shift_left64",
    "shift_right64",
    "store8",
    "store16",
    "store32",
    "store64",
    "strip",
    "sub64",
    "trim",
    "u8",
]
