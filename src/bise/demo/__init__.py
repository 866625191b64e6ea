"""The demonstration: a router in network namespaces, forwarded by the kernel and by Bise, on real packets.

General layout
- `story`     what happens between two veth pairs, step by step
- `machine`   the same router between two vhost-user ports, with a virtual machine's NICs at the other end
- `screen`    the live table
- `picture`   the rates over time, as a PNG and in the terminal
"""
