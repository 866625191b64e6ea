"""Users' nodes that are measured, each in a file as users write it.

- `nothing`  lets everything through
- `count`    counts what passes
- `burn`     costs 150 cycles a packet
"""

from pathlib import Path

from bise.engine.nodefile import NodeFile, keep, load, read


def path_of(name: str) -> Path:
    """Where the file is."""
    return Path(__file__).with_name(f"{name}.py")


def declared(name: str) -> NodeFile:
    """What the file declares, read as those of users are."""
    written = read(path_of(name))
    keep(written)
    return load(written)
