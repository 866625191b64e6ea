"""A control socket's server in a thread with its own loop, so that clients may block."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bise.control.socket import ControlServer, Verb


@contextmanager
def serving(directory: Path, verbs: Mapping[str, Verb], name: str = "default") -> Iterator[None]:
    """A server that answers until the block is left."""
    loop = asyncio.new_event_loop()
    server = ControlServer(name, directory)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(verbs), loop).result(5)
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
