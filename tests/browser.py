"""A browser for tests of pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium without a window. While it is there, this thread has an asyncio loop that runs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        if _CHROMIUM is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("needs Chromium (script/setup --test)")
        # Chromium's own sandbox refuses root; what it shows here is ours.
        found = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()
