"""Which ports' peers leave checksums out."""

from collections.abc import Mapping

from bise.features.feature import Feature, PortFacts, Surroundings
from bise.features.offload.nodes import PART
from bise.features.offload.state import State
from bise.hot import Header, Region, store8


class Control(Feature):
    """An octet a port number: 1 where packets may lack checksums."""

    part = PART

    def __init__(self, surroundings: Surroundings) -> None:
        self._region = Region(surroundings.ports + State.size, huge_pages=False)
        self.state = State(self._region.address + surroundings.ports)
        self.state.ports = self._region.address

    def states(self) -> Mapping[type[Header], int]:
        return {State: self.state.address}

    def set_port(self, port: PortFacts) -> None:
        store8(self._region.address + port.number, int(port.incomplete_checksums))

    def close(self) -> None:
        self._region.close()
