"""Telling systemd how Bise is (sd_notify(3)): ready, its state in words, alive, stopping. Silent where nobody asked."""

import os
import socket
from collections.abc import Mapping


class Supervisor:
    """The supervisor that started this process, or nobody."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.address = environment.get("NOTIFY_SOCKET", "")
        """Where it listens, empty where it doesn't."""
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "")
        self.watchdog_ns = int(microseconds) * 1000 if meant and microseconds.isdigit() else None
        """How long the supervisor waits for `alive` before it acts; None if it doesn't. Call twice in that time."""

    def ready(self, status: str) -> None:
        """Bise forwards."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """The control thread still turns."""
        self._send("WATCHDOG=1")

    def succeeded_by(self, pid: int) -> None:
        """Another process is the service from now on; the end of this one is none of it."""
        self._send(f"MAINPID={pid}")

    def stopping(self) -> None:
        """The interfaces are going back to the kernel."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as end:
            try:
                end.sendto(message.encode(), address)
            except OSError:
                return  # sd_notify(3): a supervisor that doesn't listen is no reason to fail
