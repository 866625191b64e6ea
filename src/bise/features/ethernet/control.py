"""The ports' MACs, where the nodes compare them."""

from collections.abc import Mapping

from bise.features.ethernet.nodes import PART
from bise.features.ethernet.state import CLOSED, SHIFT, Face, State
from bise.features.feature import Feature, Notes, PortFacts, Surroundings
from bise.hot import Header, Region, nth, shift_left64


class Faces:
    """One Face for each of `ports` port numbers. Used by the control thread alone."""

    def __init__(self, ports: int) -> None:
        self._region = Region(ports * Face.size + State.size, huge_pages=False)
        self.state = State(self._region.address + ports * Face.size)
        self.state.faces = self._region.address

    def set_gate(self, port: int, gate: int) -> None:
        """What of the port's traffic is Linux's, from the next burst on."""
        face = nth(Face, self._region.address, port)
        face.gate = gate
        self._set_open(face)

    def set_mac(self, port: int, mac: int) -> None:
        """`mac` as an integer in network order; 0 matches no packet that a station sends."""
        face = nth(Face, self._region.address, port)
        face.mac = int.from_bytes(mac.to_bytes(6, "big"), "little")
        self._set_open(face)

    def _set_open(self, face: Face) -> None:
        face.open = CLOSED if face.gate else shift_left64(face.mac, SHIFT)

    def close(self) -> None:
        """No worker is left."""
        self._region.close()


class Control(Feature):
    """Keeps each port's MAC where reception compares it."""

    part = PART

    def __init__(self, surroundings: Surroundings) -> None:
        self.faces = Faces(surroundings.ports)

    def states(self) -> Mapping[type[Header], int]:
        return {State: self.faces.state.address}

    def set_port(self, port: PortFacts) -> None:
        self.faces.set_gate(port.number, port.gate)
        self.faces.set_mac(port.number, port.mac)

    def why(self, node: str, notes: Notes) -> str:
        if notes.edge != "OTHER_HOST":
            return ""
        own = nth(Face, self.faces.state.faces, notes.port).mac.to_bytes(6, "little")
        return f"for {notes.octets[:6].hex(':')}, and the port is {own.hex(':')}"

    def drop_port(self, port: PortFacts) -> None:
        self.faces.set_mac(port.number, 0)

    def close(self) -> None:
        self.faces.close()
