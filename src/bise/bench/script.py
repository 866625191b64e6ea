"""A script for people: it makes network namespaces as root, says why it stopped, and leaves nothing behind."""

import os
import signal
import sys
from collections.abc import Callable

from rich.console import Console

from bise.bench.namespaces import remove_leftovers
from bise.errors import BiseError


def run(console: Console, name: str, purpose: str, show: Callable[[], int]) -> int:
    """The exit status: that of `show`, 1 where it can't go on, 130 where it was interrupted. `purpose`: of its
    namespaces."""
    if os.geteuid() != 0:
        console.print(f"the {name} needs root: it makes network namespaces and loads BPF programs")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return show()
    except BiseError as error:
        console.print(f"[bold red]stopped:[/] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    finally:
        remove_leftovers(purpose)
