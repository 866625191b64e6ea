"""BIRD in a namespace, its files in a folder of the test's."""

import subprocess
from pathlib import Path
from typing import Any, Self

from bise.bench.namespaces import Namespace

PROGRAM = "/usr/sbin/bird"


class Bird:
    """BIRD with this configuration, until the block ends."""

    def __init__(self, namespace: Namespace, folder: Path, configuration: str) -> None:
        self._namespace = namespace
        self._socket = folder / f"{namespace.name}.ctl"
        path = folder / f"{namespace.name}.conf"
        path.write_text(configuration)
        self._command = (PROGRAM, "-f", "-c", str(path), "-s", str(self._socket))

    def __enter__(self) -> Self:
        self._process = self._namespace.start(*self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *ended: Any) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    def says(self, question: str) -> str:
        """What `birdc` answers; empty while nobody does."""
        command = ("/usr/sbin/birdc", "-s", str(self._socket), *question.split())
        return subprocess.run(command, capture_output=True, text=True).stdout
