"""Which addresses are Linux's own, told to the steering programs of all ports.

Where their map is full, the packets come to a worker, whose table knows the same and punts them.
"""

import logging
from collections.abc import Sequence

from bise.control.changes import Change, Rerouted
from bise.control.objects import TABLE_LOCAL, RouteKind
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
            if isinstance(change, Rerouted) and change.table == TABLE_LOCAL:
                self._rerouted(change)

    def _rerouted(self, told: Rerouted) -> None:
        verdicts, bits = self._verdicts[told.family], 32 if told.family == 4 else 128
        for number, routes in zip(told.prefixes, told.after, strict=True):
            address, length = number >> 8, number & 255
            if length != bits:
                continue
            if not any(route.kind in _KINDS for route in routes or ()):
                verdicts.remove([address])
                continue
            try:
                verdicts.update({address: KERNEL})
            except VerdictsFull as full:
                _log.warning("%s", full)
