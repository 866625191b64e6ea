"""Traffic for measurements: enough to saturate a router between veth pairs from one core, counted where it arrives.

General layout
- `offer`     what is offered: destinations, flows, rate, size
- `program`   the two BPF programs, built and loaded
- `sender`    the process that offers it, held by a `Sender`
- `sink`      counts and drops what arrives
- `meter`     samples both, hundred times a second
- `cores`     which core serves a port (threaded NAPI)
"""

from bise.bench.generator.cores import serve_port
from bise.bench.generator.meter import Meter, Sample, Span
from bise.bench.generator.offer import Offer
from bise.bench.generator.sender import Sender
from bise.bench.generator.sink import Sink

__all__ = ["Meter", "Offer", "Sample", "Sender", "Sink", "Span", "serve_port"]
