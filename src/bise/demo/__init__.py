"""The demonstration: a router in network namespaces, forwarded by the kernel and by Bise, on real packets.

General layout
- `story`     what happens between two veth pairs, step by step
- `screen`    the live table
- `picture`   the rates over time, as a PNG and in the terminal
"""
