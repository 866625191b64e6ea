"""What all tests share: those that need root are left out where there is none, and a slow machine fails nothing."""

import os

import pytest
from hypothesis import settings

from tests.browser import browser

__all__ = ["browser"]

settings.register_profile("bise", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile("bise")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Said here, as pytest asks only this file before it collects tests."""
    words = "the ways besides the main ones that tests of the oracle go: all, or the number of a draw"
    parser.addoption("--ways", default="", help=words)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips by the marker `root`, with the reason, so that `pytest` alone works for anybody."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root") is not None:
            item.add_marker(pytest.mark.skip(reason="needs root"))
