"""What `bise run` would meet on this machine, found without touching anything."""

import ctypes.util
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bise.control import kernel_features, machine
from bise.control.messages import Gate
from bise.control.port_specs import KernelPort, PortSpec


class Verdict(StrEnum):
    """What a finding means for `bise run`: nothing, a price, or that it can't."""

    GOOD = "good"
    COSTS = "costs"
    STOPS = "stops"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice`: what to do about it, empty if nothing is to be done."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True)
class CheckReport:
    """Everything found, in the order to read it."""

    findings: tuple[Finding, ...]
    gates: tuple[Gate, ...]

    @property
    def can_run(self) -> bool:
        """Whether nothing found stops `bise run`."""
        return all(finding.verdict is not Verdict.STOPS for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The keys that docs/json.md explains."""
        findings = [asdict(finding) for finding in self.findings]
        return {"can_run": self.can_run, "findings": findings, "gates": list(self.gates)}


def report(ports: tuple[PortSpec, ...]) -> CheckReport:
    """Looks at the machine and at these ports."""
    findings = (*_rights(), *_kernel(), *_memory(), *_dpdk(ports), *_ports(ports))
    return CheckReport(findings, ())


def _rights() -> Iterator[Finding]:
    lacking = machine.lacking_capabilities()
    if os.geteuid() != 0:
        yield Finding("root", Verdict.STOPS, "not root; some of what follows can't be seen", "try again with sudo")
    elif lacking:
        yield Finding("root", Verdict.STOPS, f"root without {', '.join(lacking)}", "grant them (a container?)")
    else:
        yield Finding("root", Verdict.GOOD, "yes")


def _kernel() -> Iterator[Finding]:
    for feature in kernel_features.features():
        if feature.present:
            yield Finding(feature.name, Verdict.GOOD, "there")
        else:
            problem = os.strerror(feature.failure)
            yield Finding(feature.name, Verdict.STOPS, f"missing ({problem})", f"a kernel with {feature.option}")


def _memory() -> Iterator[Finding]:
    limit = machine.locked_memory_limit()
    if limit is None:
        yield Finding("locked memory", Verdict.GOOD, "unlimited")
    else:
        yield Finding("locked memory", Verdict.STOPS, f"{limit >> 10} KiB at most", "ulimit -l unlimited")
    pages = machine.huge_pages()
    if pages.free_octets:
        yield Finding("huge pages", Verdict.GOOD, f"{pages.free_octets >> 20} MiB free")
    else:
        found = "none reserved, " + ("plain memory may become huge" if pages.transparent else "nor transparent ones")
        yield Finding("huge pages", Verdict.COSTS, f"{found}: up to twice the cycles", "sysctl vm.nr_hugepages=256")


def _dpdk(ports: tuple[PortSpec, ...]) -> Iterator[Finding]:
    library = ctypes.util.find_library("rte_ethdev")
    if library:
        yield Finding("DPDK", Verdict.GOOD, library)
    else:
        yield Finding("DPDK", Verdict.STOPS, "not installed", "apt-get install libdpdk-dev, then script/setup")


def _ports(ports: tuple[PortSpec, ...]) -> Iterator[Finding]:
    for port in ports:
        if isinstance(port, KernelPort) and not machine.interface_exists(port.name):
            yield Finding(f"port {port.name}", Verdict.STOPS, machine.unknown_interface(port.name))
        elif isinstance(port, KernelPort):
            yield Finding(f"port {port.name}", Verdict.GOOD, "interface is there")
