"""Tags beside packets, made without the 8021q module: a BPF program at the host's egress pushes them."""

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
SEC("tc") int tag(struct __sk_buff *packet)
{
	bpf_skb_vlan_push(packet, bpf_htons(0x8100), VLAN);
	return TC_ACT_OK;
}
char _license[] SEC("license") = "GPL";
"""


@cache
def _built(vlan: int) -> Path:
    folder = Path(mkdtemp(prefix="bisetest-tag-"))
    source, built = folder / "tag.c", folder / "tag.o"
    source.write_text(_SOURCE)
    include = "-I/usr/include/x86_64-linux-gnu"
    command = ["clang", "-O2", "-g", "-target", "bpf", include, f"-DVLAN={vlan}", "-c", str(source), "-o", str(built)]
    subprocess.run(command, check=True)
    return built


@contextmanager
def tagged(host: Namespace, interface: str, vlan: int) -> Iterator[None]:
    """Everything that `host` sends through its queueing discipline carries the tag while the block runs."""
    host.run("tc", "qdisc", "add", "dev", interface, "clsact")
    try:
        program = ("bpf", "direct-action", "object-file", str(_built(vlan)), "section", "tc")
        host.run("tc", "filter", "add", "dev", interface, "egress", *program)
        yield
    finally:
        host.run("tc", "qdisc", "del", "dev", interface, "clsact")
