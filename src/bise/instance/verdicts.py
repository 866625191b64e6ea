"""Which addresses are Linux's own, told to the steering programs of all ports.

Where their map is full, the packets come to a worker, whose table knows the same and punts them.
"""

import logging
from collections.abc import Sequence

from bise.control.changes import Change, Removed
from bise.control.objects import TABLE_LOCAL, Destination, RouteKind
from bise.ports.errors import VerdictsFull
from bise.ports.steering.verdicts import KERNEL, Verdicts

_log = logging.getLogger(__name__)
_KINDS = frozenset({RouteKind.LOCAL, RouteKind.BROADCAST, RouteKind.ANYCAST})


class LocalAddresses:
    """Follows the local tables of both families."""

    def __init__(self, verdicts: tuple[Verdicts, Verdicts]) -> None:
        self._verdicts = {shared.family: shared for shared in verdicts}

    def follow(self, changes: Sequence[Change]) -> None:
        """Tells what the mirror told."""
        for change in changes:
            subject = change.old if isinstance(change, Removed) else change.new
            if not isinstance(subject, Destination) or subject.prefix.table != TABLE_LOCAL:
                continue
            family, _, address, length = subject.prefix
            if length != (32 if family == 4 else 128):
                continue
            verdicts = self._verdicts[family]
            if isinstance(change, Removed) or not any(route.kind in _KINDS for route in subject.routes):
                verdicts.remove([address])
                continue
            try:
                verdicts.update({address: KERNEL})
            except VerdictsFull as full:
                _log.warning("%s", full)
