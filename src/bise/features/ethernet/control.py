"""The ports' MACs, where the nodes compare them."""

from bise.features.ethernet.state import Face, State
from bise.hot import Region


class Faces:
    """One Face for each of `ports` port numbers. Used by the control thread alone."""

    def __init__(self, ports: int) -> None:
        self._region = Region(ports * Face.size + State.size, huge_pages=False)
        self.state = State(self._region.address + ports * Face.size)
        self.state.faces = self._region.address

    def set_mac(self, port: int, mac: int) -> None:
        """`mac` as an integer in network order; 0 matches no packet that a station sends."""
        Face(self._region.address + port * Face.size).mac = int.from_bytes(mac.to_bytes(6, "big"), "little")

    def close(self) -> None:
        """No worker is left."""
        self._region.close()
