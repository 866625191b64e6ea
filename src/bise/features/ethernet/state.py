"""What Ethernet remembers of each port. Written by the control thread when a port's MAC changes."""

from bise.hot import Header, le64


class Face(Header):
    """One port as its neighbours see it."""

    mac = le64()  # the six octets as they stand in a packet, read little-endian; the upper two are zero
    gate = le64()  # what of the port's traffic is Linux's: bits ALL, IPV4, IPV6; as the steering program's gate word
    open = le64()  # the MAC, shifted by SHIFT, while no gate stands, else CLOSED: one comparison for what is common


ALL, IPV4, IPV6 = 1, 2, 4
SHIFT = 16  # moves the two octets behind a MAC out of a word
CLOSED = 1  # no MAC, shifted


class State(Header):
    """What the nodes are given."""

    faces = le64(constant=True)  # address of an array of Face, by port number
