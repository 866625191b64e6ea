"""Says when the gates changed: announced changes at once, silent ones every 50 ms.

What is announced is looked at once a second all the same: an announcement may get lost, a look doesn't.
"""

import asyncio
import errno
from collections.abc import Callable, Iterable

from bise.control.gates import netconf, rules
from bise.control.gates.gate import Gate
from bise.control.gates.lookout import Lookout
from bise.control.gates.netlink import NETFILTER, ROUTE, XFRM, Announcements
from bise.control.gates.nftables import GROUP_NFTABLES
from bise.control.gates.settings import NATIVE, Settings
from bise.control.gates.traffic import GROUP_TC
from bise.control.gates.xfrm import GROUP_EXPIRE, GROUP_POLICY
from bise.control.netlink.kinds import Group, Kind

PERIOD = 0.05
_AUDIT_ROUNDS = 20
# announcements come in flocks: one look for those of 2 ms, and at most 50 such looks a second
_GATHER, _REST = 0.002, 0.02
_ROUTE_GROUPS = (Group.LINK, GROUP_TC, *rules.GROUPS, *netconf.GROUPS)
# rtnetlink's types by the part they concern; all others are traffic control's
_CONCERNED: dict[int, frozenset[str]] = {
    **dict.fromkeys((Kind.NEW_LINK, Kind.DELETE_LINK), frozenset({"devices", "traffic control", "sysctls"})),
    **dict.fromkeys((Kind.NEW_RULE, Kind.DELETE_RULE), frozenset({"policy rules"})),
    **dict.fromkeys((Kind.NEW_SETTINGS, Kind.DELETE_SETTINGS), frozenset({"netconf", "sysctls"})),
}

Changed = Callable[[tuple[Gate, ...], Settings], None]


class Watch:
    """Watches the ports' gates in the network namespace of the thread that makes it.

    `changed(gates, settings)` is called in the event loop whenever either did, and once by `start`.
    """

    def __init__(self, ports: Iterable[str], changed: Changed, native: frozenset[str] = NATIVE) -> None:
        # heard before looked: what changes in between is announced
        self._ears = _ears()
        self._lookout = Lookout(ports, native)
        self._changed = changed
        self._reported: tuple[tuple[Gate, ...], Settings] | None = None
        self._concerned: set[str] = set()
        self._round = 0
        self._due = 0.0
        self._heard_at = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What stood at the last look."""
        return self._lookout.gates

    @property
    def settings(self) -> Settings:
        return self._lookout.settings

    def start(self) -> None:
        """Watch from now on, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._lookout.look()
        self._report()
        for ear in self._ears:
            self._loop.add_reader(ear.fileno(), self._hear, ear)
        self._due = self._loop.time() + PERIOD
        self._polling = self._loop.call_at(self._due, self._poll)

    def close(self) -> None:
        """Stop watching and let go of every descriptor."""
        for timer in (self._looking, self._polling):
            if timer:
                timer.cancel()
        for ear in self._ears:
            if self._loop:
                self._loop.remove_reader(ear.fileno())
            ear.close()
        self._lookout.close()

    def follow(self, ports: Iterable[str]) -> None:
        """From now on these are the ports. Looked at before this returns."""
        self._lookout.ports = tuple(ports)
        self._lookout.look()
        self._report()

    def steered(self, port: str, program: int) -> None:
        """Our steering program on a port has this number, 0 for none. Say so before attaching it."""
        self._lookout.steered(port, program)
        self._lookout.look_at(["devices"])
        self._report()

    def _hear(self, ear: Announcements) -> None:
        types = ear.drain()
        if types is None:
            # some were lost: anything may have changed
            self._concerned |= {*self._lookout.announced, *self._lookout.polled}
        elif ear.protocol == ROUTE:
            for kind in types:
                self._concerned |= _CONCERNED.get(kind, {"traffic control"})
        else:
            self._concerned.add("nftables" if ear.protocol == NETFILTER else "IPsec policies")
        if self._loop and not self._looking:
            when = max(self._loop.time() + _GATHER, self._heard_at + _REST)
            self._looking = self._loop.call_at(when, self._look_at_concerned)

    def _look_at_concerned(self) -> None:
        assert self._loop
        self._looking = None
        names, self._concerned = self._concerned, set()
        if self._lookout.look_at(names):
            self._report()
        self._heard_at = self._loop.time()

    def _poll(self) -> None:
        """Look at what changes silently, and at one of the others in its turn."""
        assert self._loop
        self._due = max(self._due + PERIOD, self._loop.time())
        self._polling = self._loop.call_at(self._due, self._poll)
        self._round += 1
        turn = self._round % _AUDIT_ROUNDS
        if self._lookout.look_at([*self._lookout.polled, *self._lookout.announced[turn : turn + 1]]):
            self._report()

    def _report(self) -> None:
        now = self.gates, self.settings
        if now != self._reported:
            self._reported = now
            self._changed(*now)


def _ears() -> list[Announcements]:
    """Sockets for everything announced; a kernel without netfilter or xfrm has nothing to announce of them."""
    wanted = {ROUTE: _ROUTE_GROUPS, NETFILTER: (GROUP_NFTABLES,), XFRM: (GROUP_EXPIRE, GROUP_POLICY)}
    ears = []
    for protocol, groups in wanted.items():
        try:
            ears.append(Announcements(protocol, *groups))
        except OSError as error:
            if error.errno not in (errno.EPROTONOSUPPORT, errno.ENOENT, errno.EINVAL) or protocol == ROUTE:
                raise
    return ears
