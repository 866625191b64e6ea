"""`python -m tests.fuzz.seeds TARGET FOLDER`: what fuzzing begins with beside the corpus, made by other tests."""

import hashlib
import json
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

from bise.offline import state
from tests.control.netlink import recorded
from tests.control.netlink.test_message import SAMPLES
from tests.features.frames import bursts
from tests.fuzz import files, graph
from tests.offline import worlds
from tests.wire import broken

_COUNT = 300


def _wire() -> Iterator[bytes]:
    for number in range(_COUNT):
        version, packet = broken.packet(Random(number))
        yield bytes([int(version == 6)]) + packet


def _graph() -> Iterator[bytes]:
    for port, frames in bursts(1, _COUNT):
        for frame in frames:
            yield graph.written(port, frame)


def _netlink() -> Iterator[bytes]:
    yield from SAMPLES
    yield b"".join(SAMPLES)
    yield recorded.message(recorded.ifinfmsg(), 17, index=3)


def _files() -> Iterator[bytes]:
    found = state.as_json(worlds.state())
    for count in (0, 2):  # of each list; all of them would be too much to change anything in
        some = {name: one[:count] if isinstance(one, list) else one for name, one in found.items()}
        yield bytes([files.STATE]) + json.dumps(some, separators=(",", ":")).encode()
    yield bytes([files.CONFIGURATION]) + b'ports = ["eth0", "vhost-user:/a,server"]\ncores = "0-3,5"\nmemory = "1G"\n'
    for text in ("eth0", "pci:0000:03:00.0", "memif:/run/a,id=1", "vhost-user:/run/b", "pcap:in.pcap,out=b.pcap"):
        yield bytes([files.PORT]) + text.encode()
    for text in ("udp 10.0.0.1:1 > 20.1.2.3:53 ttl 1 size 99 df", "icmp6 [2001:db8::1] > [::2] type 3 code 1 hlim 9"):
        yield bytes([files.WORDS]) + text.encode()
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    yield bytes([files.CAPTURE]) + head + struct.pack("<IIII", 1, 2, 4, 60) + b"abcd"


SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "wire": _wire,
    "graph": _graph,
    "netlink": _netlink,
    "files": _files,
}


if __name__ == "__main__":
    for octets in SEEDS[sys.argv[1]]():
        Path(sys.argv[2], hashlib.sha1(octets).hexdigest()).write_bytes(octets)
