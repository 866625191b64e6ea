"""Somebody else's XDP program."""

import subprocess
from pathlib import Path

_SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int theirs(struct xdp_md *packet) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";
"""


def program(folder: Path) -> Path:
    """The object file, made in `folder`; its section is `xdp`."""
    source, built = folder / "theirs.c", folder / "theirs.o"
    source.write_text(_SOURCE)
    include = "-I/usr/include/x86_64-linux-gnu"
    subprocess.run(["clang", "-O2", "-target", "bpf", include, "-c", str(source), "-o", str(built)], check=True)
    return built
