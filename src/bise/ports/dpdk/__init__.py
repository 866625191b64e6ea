"""Ports through DPDK: packets from and to memory that others map, files, and NICs taken from the kernel.

General layout
- `shim.c`   the DPDK calls, as plain C functions over 64-bit integers; `build` compiles it, `shim` calls it
- `eal`      DPDK's own start, once a process
- `pool`     the packets of every port, AF_XDP's too, in one stretch of memory of ours
- `devices`  what can be opened: vhost-user, memif, PCI, capture files, sources and sinks in memory
- `port`     a device opened: queues for hot code, state and counters for Python
- `queue`    `receive` and `transmit` for hot code
"""
