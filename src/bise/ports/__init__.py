"""Ports: where packets come and go.

A port is ours: receive a burst, send a burst, what it is capable of, its kernel face.

General layout
- `af_xdp`    sockets and rings on a NIC that stays the kernel's
- `steering`  the XDP program of such a NIC, which decides packet by packet: kernel or worker
- `dpdk`      Bise-owned ports through DPDK, and the packet pool of every port
- `punt`      how a packet that only Linux can answer re-enters it as received on its port
- `face`      what Linux sees of a port that Bise owns
- `mbuf`      the record in front of every packet
"""
