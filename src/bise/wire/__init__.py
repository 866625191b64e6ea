"""Protocol headers: where fields are, when a header may be trusted, checksums, how it prints.

General layout: one file a protocol. Each declares its header class with the RFC's field names in wire order, has one
`fault(packet, offset)` that says why the header can't be trusted (0: it can; nobody checks again), and prints itself.
`checksum` has the sums that several protocols share, `tunnel` the way into what tunnels carry, `offload` completes the
checksums that a sender left to hardware.

A packet here is anything with `data` (the address of its first octet), `length` (the octets in one piece from there)
and `total` (all of its octets); offsets count from `data`. Ports see to it that `length` is `total` or at least 192, so
a network header that is not in one piece is a header that the packet does not have.
"""
