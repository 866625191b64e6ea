"""The far end of a router's port, as octets: what is put in arrives at the router, what the router sends comes out.

Packets leave past the queueing discipline and past everything else in the host's kernel. What arrives is read by a
packet socket with its offload state, so that a checksum left "to hardware" is completed here, as hardware would.
"""

import errno
import select
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any, Self

from bise.bench.namespaces import Namespace

_SOL_PACKET = 263
_PACKET_STATISTICS, _PACKET_AUXDATA, _PACKET_VNET_HDR = 6, 8, 15
_PACKET_QDISC_BYPASS, _PACKET_IGNORE_OUTGOING = 20, 23
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_ETH_P_ALL = 3
_TAG_IS_VALID = 0x10  # TP_STATUS_VLAN_VALID
_NEEDS_CHECKSUM = 1  # VIRTIO_NET_HDR_F_NEEDS_CSUM
# struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
_VNET = struct.Struct("=BBHHHH")
_AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata


class Lost(AssertionError):
    """The socket's buffer was too small for what came."""


class Peer:
    """A packet socket on the host's end of a port."""

    def __init__(self, namespace: Namespace, interface: str, *, bypass: bool = True) -> None:
        """`bypass`: send past qdiscs and tc programs of the host."""
        self.interface = interface
        with namespace.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):  # what is sent counts until somebody has received it
            self._socket.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
        for option in (_PACKET_AUXDATA, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING):
            self._socket.setsockopt(_SOL_PACKET, option, 1)
        if bypass:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: Any) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, packets: Iterable[bytes]) -> None:
        """Put `packets` (Ethernet header first) into the router's port."""
        for packet in packets:
            self._socket.send(_VNET.pack(0, 0, 0, 0, 0, 0) + packet)

    def send_offloaded(self, packet: bytes, start: int, offset: int) -> None:
        """Put in a packet whose checksum, `offset` octets after `start`, is left to hardware that isn't there."""
        self._socket.send(_VNET.pack(_NEEDS_CHECKSUM, 0, 0, 0, start, offset) + packet)

    def receive(self) -> list[bytes]:
        """What has come out so far; a tag beside the packet is put back into it."""
        packets = []
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(1 << 17, 128)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue  # told once, when the interface goes
            packets.append(_with_tag(_with_checksum(data), ancillary))
        self._complain_of_losses()
        return packets

    def _complain_of_losses(self) -> None:
        _, lost = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if lost:
            raise Lost(f"{lost} packets did not fit into the socket buffer of {self.interface}")


def wait_any(peers: Iterable[Peer], deadline: float) -> bool:
    """Wait until something has come out of any of `peers` or time.monotonic() is past `deadline`."""
    return bool(select.select(list(peers), [], [], max(0.0, deadline - time.monotonic()))[0])


def _with_checksum(data: bytes) -> bytes:
    flags, _, _, _, start, offset = _VNET.unpack_from(data)
    packet = data[_VNET.size :]
    if not flags & _NEEDS_CHECKSUM:
        return packet
    place = start + offset
    checksum = internet_checksum(packet[start:]) or 0xFFFF  # zero would say "no checksum" (RFC 768)
    return packet[:place] + checksum.to_bytes(2, "big") + packet[place + 2 :]


def internet_checksum(octets: bytes) -> int:
    """RFC 1071."""
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    return ~(total % 0xFFFF or (0xFFFF if total else 0)) & 0xFFFF


def _with_tag(packet: bytes, ancillary: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, value in ancillary:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, _, _, _, _, tag, protocol = _AUXDATA.unpack(value[: _AUXDATA.size])
            if status & _TAG_IS_VALID:
                return packet[:12] + struct.pack("!HH", protocol, tag) + packet[12:]
    return packet
