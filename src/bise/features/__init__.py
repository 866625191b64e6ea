"""The things that an operator can name, one folder each, and all of the same build.

General layout of a feature
- `state.py`    what it remembers, and who writes it
- `logic.py`    pure decisions, where they are more than a comparison
- `nodes.py`    thin nodes and their edges, and `PART`: where those edges lead
- `control.py`  changes of the mirror become writes of tables

Features don't import each other, save that `ipv4` and `ipv6` both lead to `nexthop`.
"""
