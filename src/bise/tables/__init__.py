"""Memory of fixed size with one writer (the control thread) and many compiled readers. Nothing here knows a protocol.

General layout
- `prefix32`, `writer32`  longest prefix match on 32-bit keys, and how it is written
- `prefix128`, `trie128`, `writer128`  the same on 128-bit keys: its readers, its memory, its writer
- `question`              a key and its answer, for look-ups that are made together
- `rules`                 what was asked of a prefix table, for its writer
- `hashmap`, `hashwriter`  exact match on 64- and 128-bit keys
- `siphash`, `jenkins`     hashes that Linux computes, too
- `pool`                  records by number
- `retire`                when memory that readers may still hold is used again
- `full`                  what a table says when there is no room

Import what you need from its file: each compiles its own.
"""
