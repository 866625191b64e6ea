"""A browser for tests of pages."""

import shutil
from collections.abc import Iterator

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium without a window. While it is there, this thread has an asyncio loop that runs."""
    if _CHROMIUM is None:
        pytest.skip("needs Chromium (script/setup --test)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses root; what it shows here is ours.
        found = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()
