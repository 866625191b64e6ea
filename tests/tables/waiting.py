"""What decides, in tests, when a table may use memory again."""

from collections.abc import Callable


class Waiting:
    """Keeps everything until `pass_on`, oldest first."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def __call__(self, reuse: Callable[[], None]) -> None:
        self.callbacks.append(reuse)

    def pass_on(self, count: int | None = None) -> None:
        """Lets the oldest `count` go; all if it isn't given."""
        count = len(self.callbacks) if count is None else count
        for reuse in self.callbacks[:count]:
            reuse()
        del self.callbacks[:count]
