"""What a table says when it has no room left."""

from bise.errors import BiseError


class TableFull(BiseError):
    """There is no room for one more; the table is as it was before. What does not fit is the kernel's to forward."""

    def __init__(self, table: str, what: str, room: int, done: int = 0) -> None:
        self.table, self.what, self.room, self.done = table, what, room, done
        super().__init__(f"{table}: no room for more than {room} {what}")
