"""`bise run` where it can't: it says why, and leaves everything as it was."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bise.bench.namespaces import Namespace
from tests.product.foreign import program
from tests.product.router import BISE, Router, ping
from tests.product.traces import traces

pytestmark = pytest.mark.root


def refused(namespace: Namespace, *words: str, before: tuple[str, ...] = ()) -> str:
    """What `bise run` says that can't run."""
    process = namespace.start(*before, BISE, "run", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.terminate()
        process.wait()
    assert process.returncode in (1, 2), said
    lines = [line for line in said.decode().splitlines() if line.startswith("bise: ")]
    assert len(lines) == 1, said.decode()
    return lines[0]


@pytest.fixture
def unharmed(router: Router) -> Iterator[Router]:
    """The Bise that runs goes on, and no other leaves a trace."""
    before = traces(router.namespace)
    yield router
    assert traces(router.namespace) == before
    with router.natively("s", 20):
        assert ping(router.host("c"), router.port("s").host4, 20) == 20


@pytest.fixture
def spare(router: Router) -> Iterator[str]:
    """An interface of the router's that is nobody's port."""
    router.namespace.ip("link add spare0 type veth peer name spare1", "link set spare0 up", "link set spare1 up")
    yield "spare0"
    router.namespace.ip("link del spare0")


def other_name(router: Router) -> str:
    return f"{router.bise.name}-other"


def test_an_interface_that_does_not_exist(unharmed: Router) -> None:
    assert "no interface 'nosuch0'" in refused(unharmed.namespace, "--name", other_name(unharmed), "--port", "nosuch0")


def test_a_port_that_another_bise_has(unharmed: Router, spare: str) -> None:
    said = refused(unharmed.namespace, "--name", other_name(unharmed), "--port", spare, "--port", "s")
    assert f"s: Bise already runs on it (process {unharmed.pid})" in said


def test_a_name_that_another_bise_has(unharmed: Router, spare: str) -> None:
    said = refused(unharmed.namespace, "--name", unharmed.bise.name, "--port", spare)
    assert f"a bise named '{unharmed.bise.name}' runs already" in said


@pytest.fixture
def foreign_program(router: Router, spare: str, tmp_path: Path) -> None:
    router.namespace.ip(f"link set dev {spare} xdpdrv obj {program(tmp_path)} sec xdp")


def test_a_port_with_a_foreign_xdp_program(unharmed: Router, spare: str, foreign_program: None) -> None:
    said = refused(unharmed.namespace, "--name", other_name(unharmed), "--port", spare)
    assert "spare0: " in said
    assert "is attached and is not ours" in said


def test_nobody_but_root(unharmed: Router) -> None:
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if not os.access(BISE, os.X_OK):
        pytest.skip("bise is not installed")
    assert "needs root" in refused(unharmed.namespace, "--name", other_name(unharmed), "--port", "s", before=as_nobody)
