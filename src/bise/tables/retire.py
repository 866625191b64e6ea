"""How a table gives memory back: what readers may still see is reused only after they have all moved on."""

from collections.abc import Callable

Retire = Callable[[Callable[[], None]], None]
"""Calls its argument once no reader can hold what was just unpublished; the epochs of the workers decide when."""


def immediately(reuse: Callable[[], None]) -> None:
    """For tables without readers, and tests: reuse at once."""
    reuse()
