"""Before workers stop, they take what the kernel has delivered to them: nothing of it is lost."""

import time
from collections.abc import Iterable

from bise.instance.ports import Port
from bise.ports.kernel import KernelPort
from bise.ports.steering.words import wait_for_programs

_PATIENCE_S = 0.5  # of a worker that gets no time
_STEP_S = 0.0005


def drain(ports: Iterable[Port]) -> None:
    """Returns when nothing waits in the sockets of `ports`, whose gates are closed; a worker that stops then ends its
    burst first. What a worker leaves for half a second stays."""
    sockets = [socket for port in ports if isinstance(port, KernelPort) for socket in port.sockets]
    if not sockets:
        return
    wait_for_programs()
    limit = time.monotonic() + _PATIENCE_S
    while any(socket.backlog() for socket in sockets) and time.monotonic() < limit:
        time.sleep(_STEP_S)
