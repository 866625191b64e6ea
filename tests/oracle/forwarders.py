"""Who forwards for the router in question: the kernel again, Bise, or something broken on purpose."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bise.errors import BiseError
from tests.namespaces import Topology

_BISE = str(Path(sys.executable).with_name("bise"))
_READY_S, _STOP_S, _POLL_S = 120.0, 20.0, 0.05
FOLLOWS_WITHIN_S = 0.1  # the promise: a change of Linux's configuration acts within 100 ms


def bise_exists() -> bool:
    return find_spec("bise.daemon") is not None


class NotForwarding(BiseError):
    """`bise run` did not get as far as forwarding."""


class Bise:
    """A `bise run` in the router's namespace, on all of its ports."""

    def __init__(self, topology: Topology, options: Sequence[str] = ()) -> None:
        self.name = topology.router.name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        ports = [word for port in topology.ports for word in ("--port", port.name)]
        command = (_BISE, "run", "--name", self.name, *ports, *options)
        self.process = topology.router.start(*command, stdout=self._log, stderr=subprocess.STDOUT)

    def ask(self, verb: str) -> Any:
        """What `bise <verb> --json` would say, asked of the control socket; None while nobody answers."""
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(f"/run/bise/{self.name}.sock")
                asking.sendall(json.dumps({"verb": verb, "arguments": {}}).encode() + b"\n")
                answer = json.loads(asking.makefile().readline() or "{}")
            except (FileNotFoundError, ConnectionError):
                return None
        return answer.get("reply")

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def wait_until_forwarding(self) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotForwarding(f"bise run ended with {self.process.returncode}:\n{self.log()}")
            status = self.ask("status")
            if status and status["state"] == "forwarding":
                return
            time.sleep(_POLL_S)
        raise NotForwarding(f"bise run is not forwarding after {_READY_S:.0f} s:\n{self.log()}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise NotForwarding(f"bise run did not end within {_STOP_S:.0f} s:\n{self.log()}") from None
        finally:
            self._log.close()


@contextmanager
def bise(topology: Topology, options: Sequence[str] = ()) -> Iterator[Bise]:
    """Bise forwards for the router while the block runs."""
    running = Bise(topology, options)
    try:
        running.wait_until_forwarding()
        yield running
    finally:
        running.stop()
