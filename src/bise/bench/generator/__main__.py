"""The process that offers traffic: reads an order, loads, says where its counts are, waits for the word, sends on."""

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import sys

from bise.bench.generator import program
from bise.bench.generator.offer import PORT, Offer
from bise.ports.steering import libbpf

_ENDLESS = (1 << 31) - 1
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_ADDRESS_OF_INTERFACE = 0x8927  # SIOCGIFHWADDR
_BURST_S = 50e-6  # at most so much traffic at once, as far as whole batches allow
_STAMPED_BURST_S = 5e-6
_LARGEST_BATCH = 64


def main() -> None:
    """Send until terminated."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: ended.append(number))
    order = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, {order["core"]})
    os.setpriority(os.PRIO_PROCESS, 0, order["nice"])
    offer = Offer(**order["offer"])
    loaded = program.load("generate", len(offer.destinations))
    for index, address in enumerate(offer.addresses()):
        program.store(loaded.map("targets"), index, address)
    packet = _set_up(loaded, offer, order["interface"], order["router_mac"])
    print(json.dumps([program.map_id(loaded.map(name)) for name in ("sent", "settings")]), flush=True)
    if not sys.stdin.readline():
        return
    burst_s = _STAMPED_BURST_S if offer.stamped else _BURST_S
    wanted = offer.packets_per_second * burst_s or _LARGEST_BATCH
    batch = max(1, min(_LARGEST_BATCH, int(wanted)))
    while not ended:
        try:
            program.run_live(loaded.program("generate"), packet, _ENDLESS, batch)
        except OSError as error:
            if error.errno != errno.EINTR:
                raise


def _set_up(loaded: libbpf.BpfObject, offer: Offer, interface: str, router_mac: str) -> bytes:
    """Write the settings; returns the packet to begin with."""
    index = socket.if_nametoindex(interface)
    headers, total = offer.headers(_mac_of(interface), router_mac)
    settings = program.Settings(
        gap_ps=offer.gap_ps,
        interface=index,
        destinations=len(offer.destinations),
        flows=offer.flows,
        sum=total,
        is_ipv6=offer.is_ipv6,
        port=PORT,
        stamped=offer.stamped,
    )
    settings.headers[: len(headers)] = headers
    program.store(loaded.map("settings"), 0, settings)
    return headers.ljust(offer.size, b"\0")


def _mac_of(interface: str) -> str:
    """Asked of a socket: /sys shows another namespace's interfaces."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, _ADDRESS_OF_INTERFACE, interface.encode().ljust(32, b"\0"))
    return answer[18:24].hex(":")


if __name__ == "__main__":
    main()
