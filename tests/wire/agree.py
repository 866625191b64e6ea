"""Judges packets made by chance with everything in wire/ and prints a digest: alike in every mode, and naively.

python -m tests.wire.agree COUNT SEED [naive]
"""

import hashlib
import sys
from random import Random

from bise.hot import add64, entry, shift_left64
from bise.wire import icmp, icmpv6, ipv4, ipv6, offload, sctp, tcp, udp
from bise.wire.ipv4 import IPv4
from bise.wire.ipv6 import IPv6
from tests.wire import broken, naive, naive_offload
from tests.wire.packet import Bench, Notes

Answer = tuple[int | bytes, ...]


@entry(2)
def fault(packet, version):
    if version == 4:
        return ipv4.fault(Notes(packet), 0).value
    return ipv6.fault(Notes(packet), 0).value


@entry(2)
def pass_on(packet, version):
    """Completes and ages a trusted packet; returns the completion."""
    notes = Notes(packet)
    if version == 4:
        done = offload.complete_ipv4(notes, 0)
        ipv4.age(IPv4(notes, 0))
        return done.value
    done = offload.complete_ipv6(notes, 0)
    ipv6.age(IPv6(notes, 0))
    return done.value


@entry(2)
def payload(packet, version):
    """Protocol in the upper half, offset in the lower."""
    notes = Notes(packet)
    if version == 4:
        ip = IPv4(notes, 0)
        return add64(shift_left64(ip.protocol, 32), ipv4.header_octets(ip))
    protocol, at = ipv6.upper_layer(notes, 0)
    return add64(shift_left64(protocol, 32), at)


@entry(3)
def transport_faults(packet, at, octets):
    """What each transport would say of a payload, one digit each; then the sum of its CRC."""
    notes = Notes(packet)
    faults = icmp.fault(notes, at, octets) + 10 * icmpv6.fault(notes, at, octets) + 100 * udp.fault(notes, at, octets)
    faults += 1000 * tcp.fault(notes, at, octets) + 10000 * sctp.fault(notes, at, octets)
    return faults + 100000 * (sctp.crc32c(notes, at, min(octets, notes.length - at)) + 1)


def answers(bench: Bench, version: int, octets: bytes, further: int) -> Answer:
    """What wire/ says, and the packet that it leaves."""
    address = bench.lay(octets, further)
    found = fault(address, version)
    if found:
        return (found,)
    where = payload(address, version)
    at = where & 0xFFFFFFFF
    faults = transport_faults(address, at, len(octets) - at) if at <= len(octets) else -1
    done = pass_on(address, version) if octets[8 if version == 4 else 7] else -1
    return found, where, faults, done, bench.octets()


def naive_answers(version: int, octets: bytes, further: int) -> Answer:
    """The same from the twins."""
    found = (naive.ipv4_fault if version == 4 else naive.ipv6_fault)(octets, further)
    if found:
        return (found,)
    protocol, at = (octets[9], (octets[0] & 15) * 4) if version == 4 else naive.upper_layer(octets)
    where = (protocol << 32) + at
    if at <= len(octets):
        end = octets[at:]
        short = int(len(end) < 8)
        faults = 11 * short + 100 * naive.udp_fault(end, len(end)) + 1000 * naive.tcp_fault(end, len(end))
        faults += 10000 * (len(end) < 12) + 100000 * (naive_offload.crc32c(end) + 1)
    else:
        faults = -1
    done = -1
    if octets[8 if version == 4 else 7]:
        done, octets = naive_offload.complete(octets, further, version)
        octets = naive.decrease_ttl(octets) if version == 4 else octets[:7] + bytes([octets[7] - 1]) + octets[8:]
    return found, where, faults, done, octets


def digest(count: int, seed: int, twins: bool) -> str:
    """Of all answers on `count` packets."""
    bench, state = Bench(), hashlib.sha256()
    for number in range(count):
        chance = Random(f"{seed} {number}")
        version, octets = broken.packet(chance)
        further = chance.choice((0, 0, 0, 1, 9000))
        answer = naive_answers(version, octets, further) if twins else answers(bench, version, octets, further)
        state.update(repr([part if isinstance(part, bytes) else int(part) for part in answer]).encode())
    return state.hexdigest()


if __name__ == "__main__":
    print(digest(int(sys.argv[1]), int(sys.argv[2]), "naive" in sys.argv))
