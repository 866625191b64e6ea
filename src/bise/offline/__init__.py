"""The router without its ports: what it would do with packets, told by the same features, graph and pipeline.

General layout
- `state`      what decides a packet's way, as a file: taken by `bise state`, read here
- `router`     the features over such a state, and the pipeline led by hand, a packet at a time
- `captures`   pcap and pcapng, read and written
- `pcapng`     its blocks, written, with directions and comments: for `bise trace` and `bise capture`, too
- `replay`     a capture through the router, and what became of each packet
- `words`      packets in a line of words, for `bise explain`
- `explain`    one packet, node by node, and why
- `picture`    the graph as an SVG

No root, no huge pages, no DPDK. Interpreted, nothing is compiled, and a debugger stops in a node.
"""
