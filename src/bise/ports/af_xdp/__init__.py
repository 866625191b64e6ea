"""AF_XDP: packets of a NIC that stays the kernel's.

General layout
- `socket`  a socket on one queue of an interface, its rings mapped; opened, asked and closed by Python
- `rings`   `receive` and `transmit` for hot code, over those rings
"""
