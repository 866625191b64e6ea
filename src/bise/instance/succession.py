"""One Bise after the other on the same interfaces, without a packet lost (`bise run --replace`).

Everything slow the successor does beside its predecessor: it loads its programs, fills its tables, compiles. Then it
asks. The predecessor leaves all traffic to the kernel, has its workers send what they hold, lets go of its queues, and
ends. Its programs stay on the interfaces, passing everything, because the successor holds their links, too; there it
puts its own in their place, binds its sockets to the queues, and opens the gates when its workers turn.
Whoever dies meanwhile: the kernel forwards.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bise.control import messages
from bise.control.config import Configuration
from bise.control.port_specs import KernelPort as KernelSpec
from bise.control.socket import ControlClient, Refused, Verb, instances
from bise.errors import BiseError
from bise.ports.kernel import KernelPort

if TYPE_CHECKING:
    from bise.instance.instance import Instance

_log = logging.getLogger(__name__)
_PATIENCE_S = 60.0  # of the successor: sockets on many queues take their time to close


class NoSuccession(BiseError):
    """The one that runs can't be replaced by this one while it forwards."""


class Predecessor:
    """Who runs under the name. `links`: by port, the number of the link by which its program is on the interface."""

    def __init__(self, name: str, pid: int, links: Mapping[str, int]) -> None:
        self.name, self.pid, self.links = name, pid, links

    def hand_over(self, ports: Iterable[str]) -> messages.HandedOver:
        """Returns when these ports are the kernel's, their queues free and the predecessor about to end. Raises
        BiseError where it goes on instead."""
        try:
            with ControlClient(self.name, reply_within_s=_PATIENCE_S) as client:
                reply: messages.HandedOver = client.ask("hand_over", pid=os.getpid(), ports=sorted(ports))
        except Refused as refused:
            raise NoSuccession(f"bise {self.name!r} runs on: {refused}") from None
        except BiseError:
            if self.name in instances():
                raise
            _log.warning("%s: process %d ended before it handed over", self.name, self.pid)
            return {"tags_taken_out": [], "supervisor": ""}
        return reply


def find_predecessor(wanted: Configuration) -> Predecessor | None:
    """The Bise that `wanted` is to replace; None, said in the log, if none runs. Raises BiseError where it can't be."""
    if wanted.name not in instances():
        _log.info("%s: none of this name runs, so there is nothing to replace", wanted.name)
        return None
    own = [spec.name for spec in wanted.ports if not isinstance(spec, KernelSpec)]
    if own:
        raise NoSuccession(_why_not(own))
    try:
        with ControlClient(wanted.name) as client:
            reply: messages.Replaceable = client.ask("may_hand_over")
    except Refused as refused:
        raise NoSuccession(f"bise {wanted.name!r} can't be replaced: {refused}") from None
    _log.info("%s: replacing process %d, which forwards meanwhile", wanted.name, reply["pid"])
    return Predecessor(wanted.name, reply["pid"], reply["links"])


def _why_not(own: Iterable[str]) -> str:
    return (
        f"{', '.join(own)}: only interfaces that stay the kernel's can be replaced; no kernel forwards for a port of "
        "Bise's own meanwhile, and its addresses and routes go with it: stop the one that runs, then start the other"
    )


class HandOver:
    """What a running instance does for its successor."""

    def __init__(self, instance: "Instance") -> None:
        self._of = instance
        self._answer: asyncio.Future[messages.HandedOver] | None = None
        self._tags_taken_out: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether this instance ends for a successor."""
        return self._answer is not None

    def verbs(self) -> Mapping[str, Verb]:
        """The verbs of the control socket that a successor asks."""
        return {"may_hand_over": self.may_hand_over, "hand_over": self.hand_over}

    def may_hand_over(self, arguments: dict[str, Any]) -> messages.Replaceable:
        """Whether it could, and from where. Raises NoSuccession."""
        return {"pid": os.getpid(), "links": {port.name: port.steering.link for port in self._ports()}}

    async def hand_over(self, arguments: dict[str, Any]) -> messages.HandedOver:
        """Ends this instance, for a successor that holds the links of `ports`; answered when they are free."""
        taken = set(arguments.get("ports", ()))
        ports = [port for port in self._ports() if port.name in taken]
        _log.info("handing over to process %s", arguments.get("pid"))
        self._tags_taken_out = [port.name for port in ports if port.steering.leave_to_successor()]
        self._of.supervisor.succeeded_by(int(arguments.get("pid", 0)))
        self._answer = asyncio.get_running_loop().create_future()
        self._of.stop()
        return await self._answer

    def _ports(self) -> list[KernelPort]:
        if self.begun or not self._of.standing.ready:
            raise NoSuccession(f"it is {self._of.state}")
        ports = self._of.ports.open_ports.values()
        own = [port.name for port in ports if not isinstance(port, KernelPort)]
        if own:
            raise NoSuccession(_why_not(own))
        return [port for port in ports if isinstance(port, KernelPort)]

    async def answer(self) -> None:
        """Every port has been released: the successor, if there is one, goes on."""
        if self._answer is None:
            return
        await self._of.server.start({})
        self._answer.set_result({"tags_taken_out": self._tags_taken_out, "supervisor": self._of.supervisor.address})
        await asyncio.sleep(0)  # for the conversation to send it
