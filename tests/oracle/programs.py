"""BPF programs at a tc hook: tags beside packets (made without the 8021q module), and a filter that drops."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from bise.bench.namespaces import Namespace

_SOURCE = """
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int program(struct __sk_buff *packet)
{
	%s
}
char _license[] SEC("license") = "GPL";
"""
DROP = "return TC_ACT_SHOT;"


@cache
def compiled(body: str) -> Path:
    """The object file of a tc program with this body."""
    folder = Path(mkdtemp(prefix="bisetest-program-"))
    source, built = folder / "program.c", folder / "program.o"
    source.write_text(_SOURCE % body)
    include = "-I/usr/include/x86_64-linux-gnu"
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", include, "-c", str(source), "-o", str(built)], check=True)
    return built


def attach(interface: str, direction: str, body: str) -> str:
    """The command that puts a program there; `tc qdisc del dev … clsact` takes it away."""
    program = f"bpf direct-action object-file {compiled(body)} section tc"
    filtering = f"tc filter add dev {interface} {direction} {program}"
    return f"sh -c 'tc qdisc add dev {interface} clsact && {filtering}'"


def detach(interface: str) -> str:
    return f"tc qdisc del dev {interface} clsact"


@contextmanager
def tagged(host: Namespace, interface: str, vlan: int) -> Iterator[None]:
    """Everything that `host` sends through its queueing discipline carries a tag while the block runs."""
    push = f"bpf_skb_vlan_push(packet, bpf_htons(0x8100), {vlan}); return TC_ACT_OK;"
    host.run_line(attach(interface, "egress", push))
    try:
        yield
    finally:
        host.run_line(detach(interface))
