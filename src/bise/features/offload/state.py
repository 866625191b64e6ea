"""Which ports' packets may come without their checksums. Written by the control thread when a port is opened."""

from bise.hot import Header, le64


class State(Header):
    """What the nodes are given."""

    ports = le64(constant=True)  # address of an octet a port number: 1 where checksums may be incomplete
