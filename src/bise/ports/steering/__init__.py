"""The steering program of a kernel-owned port: which packets are a worker's, which the kernel's.

General layout
- `steer.bpf.c`, `punt.bpf.c`  the programs; `build` compiles them at set-up
- `layout`     gates, flags and reasons: what the program and Python agree on
- `program`    loads, attaches and feeds one instance a port
- `verdicts`   the addresses that are the kernel's, shared by all ports
- `occupant`   which XDP program an interface has now, whose it is, and what becomes of it
- `interface`  what an interface is and can do: read, never written
- `libbpf`, `netlink`, `ethtool`  the three doors to the kernel
"""
