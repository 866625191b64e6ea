"""Prints what the compiled walk finds in buffers of all kinds; run in each of the three modes."""

import random

from bise.control.netlink.likes import RouteReader
from bise.control.netlink.message import NetlinkError
from bise.control.netlink.routes import RouteDecoder
from bise.control.netlink.rows import rows_of
from tests.control.netlink import told


def buffers() -> list[bytes]:
    chance, found = random.Random(1), []
    for _ in range(60):
        ones = []
        for _ in range(chance.randrange(1, 6)):
            family, host = chance.choice([4, 6]), chance.randrange(1, 4)
            gateway = told.attribute(told.GATEWAY, told.octets_of(family, host))
            ones.append(told.message(24, 0, told.body(family, chance.randrange(16), gateway)))
        octets = bytearray(b"".join(ones))
        if chance.random() < 0.5:
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        found.append(bytes(octets))
    return found


def main() -> None:
    reader = RouteReader(RouteDecoder())
    for buffer in buffers():
        try:
            rows = rows_of(buffer)
            numbers, likes = reader.routes_of(buffer, rows)
        except NetlinkError as error:
            print(error)
            continue
        print(rows[["type", "flags", "sequence", "start", "end", "like"]].tolist())
        print(*zip(numbers, likes, strict=True))


main()
