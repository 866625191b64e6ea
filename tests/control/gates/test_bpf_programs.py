"""BPF programs on ports and at netfilter hooks: attached by tools, by links, by bpf(2) alone."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bise.bench.namespaces import Namespace
from bise.control.gates import Where
from bise.control.gates.gate import IPV4, IPV6, entering, leaving
from tests.control.gates import programs
from tests.control.gates.programs import Program
from tests.control.gates.watching import PATIENCE_S, Watched, run, watched

pytestmark = pytest.mark.root
IP, IP6 = 2, 10

SOURCE = """
__attribute__((section("{section}"), used)) int program(void *packet) {{ return {result}; }}
char allowed[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """xdp.o, which passes all packets, and tc.o, a classifier that matches none."""
    folder = tmp_path_factory.mktemp("programs")
    for section, result in (("xdp", 2), ("tc", 0)):
        source = SOURCE.format(section=section, result=result)
        command = ["clang", "-target", "bpf", "-O2", "-x", "c", "-c", "-", "-o", str(folder / f"{section}.o")]
        subprocess.run(command, input=source, text=True, check=True)
    return folder


def standing(seen: Watched, name: str) -> Callable[[], bool]:
    return lambda: any(gate.name == name for gate in seen.gates)


def gone(seen: Watched, name: str) -> Callable[[], bool]:
    return lambda: not standing(seen, name)()


async def seen_and_cleared(
    seen: Watched, name: str, on: Callable[[], Awaitable[None]], off: Callable[[], Awaitable[None]]
) -> tuple[Where, str]:
    """Where the gate stood, and the delays in words."""
    appeared = await seen.delay(on, standing(seen, name))
    (gate,) = (gate for gate in seen.gates if gate.name == name)
    vanished = await seen.delay(off, gone(seen, name))
    assert max(appeared, vanished) < PATIENCE_S
    return gate.where, f"{name:22} seen {appeared * 1e3:5.1f} ms, cleared {vanished * 1e3:5.1f} ms"


def at_once(action: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        action()

    return act


@contextmanager
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    lines: list[str] = []
    yield lines.append
    with capsys.disabled():
        print("", *lines, sep="\n")


@pytest.mark.parametrize("mode", ["xdp", "xdpgeneric"])
def test_an_xdp_program_set_by_ip(
    mode: str, router: Namespace, objects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on = f"ip link set dev p0 {mode} obj {objects}/xdp.o sec xdp"

    async def scenario() -> None:
        with watched(router) as seen, told(capsys) as tell:
            way = lambda: run(on), lambda: run(f"ip link set dev p0 {mode} off")
            where, words = await seen_and_cleared(seen, "foreign-xdp", *way)
            tell(f"{words}: ip link set p0 {mode}")
            assert where == entering("p0")

    asyncio.run(scenario())


def test_an_xdp_program_attached_by_a_link(router: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        with watched(router) as seen, Program(programs.XDP, programs.AT_XDP, 2) as program, told(capsys) as tell:
            index = socket.if_nametoindex("p1")
            way = at_once(lambda: program.link(index, programs.AT_XDP)), at_once(program.let_go)
            where, words = await seen_and_cleared(seen, "foreign-xdp", *way)
            tell(f"{words}: an XDP link")
            assert where == entering("p1")

    asyncio.run(scenario())


def test_our_own_program_is_no_gate_until_another_takes_its_place(router: Namespace, objects: Path) -> None:
    async def scenario() -> None:
        with watched(router) as seen:
            await run(f"ip link set dev p0 xdp obj {objects}/xdp.o sec xdp")
            await seen.until(standing(seen, "foreign-xdp"))
            (gate,) = seen.gates
            seen.watch.steered("p0", int(gate.subject.split()[-1]))
            assert seen.gates == ()
            await run(f"ip -force link set dev p0 xdp obj {objects}/xdp.o sec xdp")
            await seen.until(standing(seen, "foreign-xdp"))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("hook", "where"), [(programs.AT_TCX_INGRESS, entering("p0")), (programs.AT_TCX_EGRESS, leaving("p0"))]
)
@pytest.mark.parametrize("by_link", [True, False])
def test_a_tcx_program(
    hook: int, where: Where, by_link: bool, router: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        with watched(router) as seen, Program(programs.SCHED_CLS, hook, -1) as program, told(capsys) as tell:
            index = socket.if_nametoindex("p0")
            if by_link:
                way = at_once(lambda: program.link(index, hook)), at_once(program.let_go)
            else:
                way = at_once(lambda: program.attach(index, hook)), at_once(lambda: program.detach(index, hook))
            found, words = await seen_and_cleared(seen, "tcx", *way)
            tell(f"{words}: {'a link' if by_link else 'BPF_PROG_ATTACH'}")
            assert found == where

    asyncio.run(scenario())


def test_a_classifier_set_by_tc(router: Namespace, objects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = f"tc qdisc add dev p1 clsact && tc filter add dev p1 egress bpf da obj {objects}/tc.o sec tc"

    async def scenario() -> None:
        with watched(router) as seen, told(capsys) as tell:
            way = lambda: run(on), lambda: run("tc filter del dev p1 egress")
            where, words = await seen_and_cleared(seen, "tc-filter", *way)
            tell(f"{words}: tc filter add … bpf")
            assert where == leaving("p1")

    asyncio.run(scenario())


@pytest.mark.parametrize(("family", "families"), [(IP, IPV4), (IP6, IPV6)])
def test_a_netfilter_program(
    family: int, families: frozenset[int], router: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        held: list[Program] = []
        with watched(router) as seen, told(capsys) as tell:
            on = at_once(lambda: held.append(programs.netfilter(family, 2)))
            appeared = await seen.delay(on, standing(seen, "netfilter-bpf"))
            assert {gate.families for gate in seen.gates} == {families}
            vanished = await seen.delay(at_once(held[0].let_go), gone(seen, "netfilter-bpf"))
            tell(f"netfilter-bpf          seen {appeared * 1e3:5.1f} ms, cleared {vanished * 1e3:5.1f} ms")

    asyncio.run(scenario())


def test_looking_leaves_no_descriptor_behind(router: Namespace) -> None:
    async def scenario() -> None:
        with watched(router) as seen, programs.netfilter(IP, 2):
            await seen.until(standing(seen, "netfilter-bpf"))
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                seen.watch.follow(("p0", "p1"))
            assert len(os.listdir("/proc/self/fd")) == before

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(scenario())
    assert len(os.listdir("/proc/self/fd")) == before
