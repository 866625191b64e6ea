"""Octets of any kind, drawn by what they make the code do (`script/fuzz`), and those that did something, kept.

General layout
- `wire`     headers, checksums, tunnels and how packets print, against the twins
- `graph`    the graph of all features: one end a packet, and what forwarding may change, against the slow router
- `netlink`  what Linux's messages are read by
- `files`    captures, states, configurations and words that people write
- `corpus`   inputs, a line each in hexadecimal; `test_corpus` replays them in each mode
- `seeds`    what fuzzing begins with besides
- `guided`   one of these under libFuzzer, with Python's coverage; needs the extra `fuzz`
- `replay`   what that found and mutants of it, in this process's mode
- `keep`     adds to the corpus what goes where nothing in it went
"""
