"""`bise web` in a thread, and a page in a browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bise.web.server import Listen, Site, bind

Serve = Callable[..., str]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where instances have their sockets."""
    return tmp_path / "run"


@pytest.fixture
def serve(directory: Path) -> Iterator[Serve]:
    """`serve("edge")` serves this instance, `serve()` all; returns the page's address."""
    with ExitStack() as stack:

        def serve(*names: str, cycles: bool = False) -> str:
            listener = stack.enter_context(bind(Listen("127.0.0.1", 0)))
            listen = Listen("127.0.0.1", listener.getsockname()[1])
            site = Site(listen, names, directory, cycles=cycles)
            thread = threading.Thread(target=site.run, kwargs={"sockets": [listener]})
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(setattr, site, "should_exit", True)
            return listen.url()

        yield serve


@pytest.fixture
def page(browser) -> Iterator[object]:
    """A page whose scripts must not complain."""
    found = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield found
    found.close()
    # That the server was away is for the browser to say.
    assert not [each for each in complaints if "ERR_" not in each]
