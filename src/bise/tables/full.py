"""What a table says when it has no room left."""

from collections.abc import Iterable

from bise.errors import BiseError


class TableFull(BiseError):
    """There is no room for one more; the table is as it was before. What does not fit is the kernel's to forward."""

    def __init__(self, table: str, what: str, room: int) -> None:
        self.table, self.what, self.room = table, what, room
        self.done = 0
        """Of many, how many went in before."""
        self.before: Iterable[int] = ()
        """The values that those had before."""
        super().__init__(f"{table}: no room for more than {room} {what}")
