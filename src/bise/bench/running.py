"""A `bise run` that something else watches: started in a namespace, asked, killed, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self

from bise.bench.namespaces import Namespace
from bise.errors import BiseError

PROGRAM = str(Path(sys.executable).with_name("bise"))
_READY_S, _STOP_S, _POLL_S = 300.0, 20.0, 0.02


class NotForwarding(BiseError):
    """`bise run` did not get as far as forwarding, or did not end."""


class RunningBise:
    """`bise run` on `ports` inside of `namespace`, until the block ends. `options` are further words of the command."""

    def __init__(
        self,
        namespace: Namespace,
        ports: Sequence[str],
        options: Sequence[str] = (),
        *,
        cores: Collection[int] = (),
        cache: str | None = None,
    ) -> None:
        """`cores` that it may use, and the folder of compiled code, if not those of the caller."""
        self.name = namespace.name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `stop`)
        words = [word for port in ports for word in ("--port", port)]
        allowed = ",".join(map(str, cores or os.sched_getaffinity(0)))
        command = ("taskset", "--cpu-list", allowed, PROGRAM, "run", "--name", self.name, *words, *options)
        streams = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": subprocess.STDOUT}
        variables = os.environ if cache is None else os.environ | {"BISE_CACHE": cache}
        # A session of its own: Ctrl-C at the terminal is not meant for it, and Linux weighs it by itself.
        self.process = namespace.start(*command, **streams, env=variables, start_new_session=True)

    def __enter__(self) -> Self:
        try:
            self.wait_until_forwarding()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *ended: Any) -> None:
        self.stop()

    def ask(self, verb: str) -> Any:
        """What `bise <verb> --json` would say, asked of the control socket; None while nobody answers."""
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(f"/run/bise/{self.name}.sock")
                asking.sendall(json.dumps({"verb": verb, "arguments": {}}).encode() + b"\n")
                with asking.makefile() as answers:
                    answer = json.loads(answers.readline() or "{}")
            except (FileNotFoundError, ConnectionError):
                return None
        return answer.get("reply")

    def log(self) -> str:
        """What it has printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def is_forwarding(self) -> bool:
        """Whether it says that it forwards. Raises NotForwarding if it has ended."""
        if self.process.poll() is not None:
            raise NotForwarding(f"bise run ended with {self.process.returncode}:\n{self.log()}")
        status = self.ask("status")
        return bool(status) and status["state"] == "forwarding"

    def wait_until_forwarding(self, patience_s: float = _READY_S) -> None:
        """Raises NotForwarding."""
        deadline = time.monotonic() + patience_s
        while not self.is_forwarding():
            if time.monotonic() > deadline:
                raise NotForwarding(f"bise run is not forwarding after {patience_s:.0f} s:\n{self.log()}")
            time.sleep(_POLL_S)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it without a word, and take away the socket that it can't."""
        self.process.kill()
        self.process.wait()
        Path(f"/run/bise/{self.name}.sock").unlink(missing_ok=True)
        self._log.close()

    def stop(self) -> None:
        """End it as Ctrl-C does. Raises NotForwarding if it doesn't."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            said = self.log()
            self.kill()
            raise NotForwarding(f"bise run did not end within {_STOP_S:.0f} s:\n{said}") from None
        finally:
            self._log.close()
