"""Why a port can't be had, in words for the person at the keyboard."""

from bise.errors import BiseError


class PortError(BiseError):
    """`port` can't be opened or kept, because of `reason`."""

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(f"{port}: {reason}")
        self.port, self.reason = port, reason


class VerdictsFull(PortError):
    """The address map of the steering programs has no room left: what didn't fit must be guarded by a gate."""


class NotBuilt(PortError):
    """A part that is compiled at set-up is missing; the reason names the command or the package."""
