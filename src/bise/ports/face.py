"""What Linux sees of a port that Bise owns: a TAP of the port's name.

What Linux sends there, the port sends; what the port punts is written there. `receive` and `transmit` make it a queue
like any other.
"""

import os

from bise.hot import Header, Region, external, hot, le16, le32, le64, load64, store64
from bise.ports import tap
from bise.ports.errors import PortError
from bise.ports.mbuf import HEADROOM, ROOM, Mbuf, receive_into
from bise.ports.steering import netlink

ETHERNET = 18  # octets in front of what an MTU counts, a VLAN tag among them
PAUSE = 15  # rounds: asking a TAP that has nothing costs a call of the kernel, as much as forwarding some packets
_ADDRESS, _MTU = 1, 4  # IFLA_ADDRESS, IFLA_MTU

_get = external("bise_pool_get", "i64", ("i64", "i64"))
_put = external("bise_pool_put", "void", ("i64", "i64"))
_read = external("read", "i64", ("i32", "i64", "i64"))
_write = external("write", "i64", ("i32", "i64", "i64"))


class FaceQueue(Header):
    """A face for hot code; written by its worker only."""

    descriptor = le32(constant=True)
    port = le16(constant=True)  # number that packets from Linux carry
    reserved = le16()
    spare = le64()  # address of an empty packet for the next read, 0 if there is none yet
    received = le64()  # packets that Linux sent
    transmitted = le64()  # packets that Linux took
    tx_dropped = le64()  # packets that Linux refused, or of several segments
    starved = le64()  # times that the pool was empty
    pausing = le64()  # rounds for which Linux isn't asked, as it had nothing


_SPARE = FaceQueue.spare.offset


@hot
def receive(queue_address, packets, room):
    """Fills the array at `packets` with up to `room` packets that Linux sends by this port; returns how many.

    Where Linux had nothing, it isn't asked for PAUSE calls: microseconds, in which other ports' bursts pass.
    """
    queue = FaceQueue(queue_address)
    if queue.pausing > 0:
        queue.pausing -= 1
        return 0
    count = 0
    for _ in range(room):
        if queue.spare == 0 and _get(queue_address + _SPARE, 1) != 0:
            queue.spare = 0
            queue.starved += 1
            break
        packet = Mbuf(queue.spare)
        length = _read(queue.descriptor, packet.buf_addr + HEADROOM, ROOM)
        if length <= 0:
            queue.pausing = PAUSE
            break
        receive_into(packet, HEADROOM, length, queue.port)
        store64(packets + 8 * count, packet.address)
        queue.spare = 0
        count += 1
    queue.received += count
    return count


@hot
def transmit(queue_address, packets, count):
    """Gives the packets of the array to Linux, as received on the port, and frees them. Returns how many it took."""
    queue = FaceQueue(queue_address)
    taken = 0
    for number in range(count):
        packet = Mbuf(load64(packets + 8 * number))
        length = packet.data_len
        if packet.nb_segs == 1 and _write(queue.descriptor, packet.buf_addr + packet.data_off, length) == length:
            taken += 1
    _put(packets, count)
    queue.transmitted += taken
    queue.tx_dropped += count - taken
    return taken


class Face:
    """The TAP of a port, up. `address` is its FaceQueue for hot code; `descriptor` can be slept on, and punted to."""

    def __init__(self, name: str, mac: int, mtu: int, port: int = 0) -> None:
        """`mac`: 48 bits in network order. Raises PortError: the name is taken, the MTU more than a packet holds."""
        if mtu > ROOM - ETHERNET:
            raise PortError(name, f"its MTU can be at most {ROOM - ETHERNET}")
        self.name = name
        self.descriptor = tap.open_tap(name)
        try:
            self.ifindex = tap.index_of(name)
            wanted = (
                netlink.attribute(_ADDRESS, mac.to_bytes(6, "big")),
                netlink.attribute(_MTU, mtu.to_bytes(4, "little")),
            )
            netlink.change_link(self.ifindex, *wanted, flags=tap.UP, mask=tap.UP)
        except OSError as error:
            os.close(self.descriptor)
            raise PortError(name, f"its TAP can't be set up: {error.strerror}") from error
        self._record = Region(FaceQueue.size, huge_pages=False)
        self.address = self._record.address
        record = FaceQueue(self.address)
        record.descriptor, record.port = self.descriptor, port

    def set_carrier(self, present: bool) -> None:
        """Linux sees the port's link state."""
        tap.set_carrier(self.descriptor, present)

    def take_spare(self) -> int:
        """The empty packet that waits for the next read, 0 if there is none: the pool's again before `close`."""
        record = FaceQueue(self.address)
        packet, record.spare = record.spare, 0
        return int(packet)

    def close(self) -> None:
        """The interface goes; no worker may use it any more."""
        os.close(self.descriptor)
        self._record.close()
