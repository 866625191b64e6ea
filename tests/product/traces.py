"""Everything by which a program could be noticed in a namespace after it has gone."""

import json
import subprocess
from pathlib import Path

from bise.bench.namespaces import Namespace

_SYSCTLS = Path("/proc/sys/net")
_VOLATILE = frozenset({"nf_conntrack_count", "tcp_fastopen_key", "gc_thresh"})


def traces(namespace: Namespace) -> dict[str, str]:
    """Links with their programs, queueing disciplines and filters, offloads, addresses, rules, sysctls, and control
    sockets named after the namespace."""
    found: dict[str, str] = {}
    links = json.loads(namespace.run_line("ip -d -j link show"))
    for link in links:
        name = link["ifname"]
        found[f"link {name}"] = json.dumps(link, sort_keys=True)
        found[f"offloads {name}"] = namespace.run_line(f"ethtool -k {name}")
        for direction in ("ingress", "egress"):
            found[f"filters {name} {direction}"] = _filters(namespace, name, direction)
    for what in ("ip -d address", "ip -d rule", "ip -6 rule", "tc qdisc", "nft list ruleset"):
        found[what] = namespace.run(*what.split())
    found["addresses"] = "\n".join(line for line in found.pop("ip -d address").splitlines() if "_lft" not in line)
    found.update(sysctls(namespace))
    found["sockets"] = str(sorted(path.name for path in Path("/run/bise").glob(f"{namespace.name}*")))
    return found


def _filters(namespace: Namespace, interface: str, direction: str) -> str:
    command = ["ip", "netns", "exec", namespace.name, "tc", "filter", "show", "dev", interface, direction]
    return subprocess.run(command, capture_output=True, text=True).stdout


def sysctls(namespace: Namespace) -> dict[str, str]:
    """Every network setting that can be read."""
    found = {}
    with namespace.inside():
        for path in _SYSCTLS.rglob("*"):
            if path.name in _VOLATILE or not path.is_file() or not path.stat().st_mode & 0o400:
                continue
            try:
                found[str(path)] = path.read_text()
            except OSError:
                continue
    return found
