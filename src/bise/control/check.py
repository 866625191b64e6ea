"""What `bise run` would meet on this machine and these ports, found without touching anything."""

import ctypes.util
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bise.control import kernel_features, machine
from bise.control.check_ports import port_findings, standing_gates
from bise.control.findings import Finding, Verdict
from bise.control.messages import Gate, gate_message
from bise.control.port_specs import PortSpec
from bise.ports import huge_pages
from bise.ports.errors import NotBuilt
from bise.ports.steering.build import object_path


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
    findings = (*_rights(), *_kernel(), *_memory(), *_built(), *port_findings(ports))
    return CheckReport(findings, tuple(gate_message(gate) for gate in standing_gates(ports)))


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
    if free := huge_pages.free_octets():
        yield Finding("huge pages", Verdict.GOOD, f"{free >> 20} MiB free")
    else:
        may_become = machine.has_transparent_huge_pages()
        found = "none reserved, " + ("plain memory may become huge" if may_become else "nor transparent ones")
        yield Finding("huge pages", Verdict.COSTS, f"{found}: up to twice the cycles", "sysctl vm.nr_hugepages=256")


def _built() -> Iterator[Finding]:
    library = ctypes.util.find_library("rte_ethdev")
    if library:
        yield Finding("DPDK", Verdict.GOOD, library)
    else:
        yield Finding("DPDK", Verdict.STOPS, "not installed", "apt-get install libdpdk-dev, then script/setup")
    try:
        yield Finding("steering program", Verdict.GOOD, f"built: {object_path('steer').name}")
    except NotBuilt as error:
        yield Finding("steering program", Verdict.STOPS, error.reason)
