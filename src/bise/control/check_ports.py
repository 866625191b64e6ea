"""What `bise run` would meet on kernel-owned ports, and the gates that stand there already. Reads only."""

from collections.abc import Iterator

from bise.control import machine
from bise.control.findings import Finding, Verdict
from bise.control.gates.gate import BOTH, EVERYWHERE, Detection, Gate
from bise.control.gates.lookout import Lookout
from bise.control.port_specs import KernelPort, PortSpec
from bise.ports.steering.interface import Answer, Interface, no_native_xdp, read_interface
from bise.ports.steering.occupant import read_occupant

_ONE_BUFFER = 3498  # greatest MTU whose packets fit a page beside XDP's headroom and the kernel's trailer


def port_findings(ports: tuple[PortSpec, ...]) -> Iterator[Finding]:
    """What there is to say about each port."""
    for port in ports:
        if not isinstance(port, KernelPort):
            yield Finding(f"port {port.name}", Verdict.GOOD, f"a port of Bise's own ({port.kind}); tried at the start")
        elif not machine.interface_exists(port.name):
            yield Finding(f"port {port.name}", Verdict.STOPS, machine.unknown_interface(port.name))
        else:
            yield from _interface_findings(read_interface(port.name), port.untagged)


def standing_gates(ports: tuple[PortSpec, ...]) -> tuple[Gate, ...]:
    """The gates that Bise would find on those of `ports` that exist."""
    names = [port.name for port in ports if machine.interface_exists(port.name)]
    try:
        lookout = Lookout(names)
    except PermissionError as error:
        reason = f"only root can look for it ({error.filename or error.strerror})"
        return (Gate("unseen", "filters, policies and hooks", BOTH, EVERYWHERE, Detection.POLLED, reason),)
    try:
        for name in names:
            interface = read_interface(name)
            occupant = read_occupant(interface)
            if occupant is not None and occupant.is_ours:
                lookout.steered(name, occupant.program)
        lookout.look()
        return lookout.gates
    finally:
        lookout.close()


def _interface_findings(interface: Interface, untagged: bool) -> Iterator[Finding]:
    subject = f"port {interface.name}"
    what = interface.driver or interface.kind or "no driver"
    yield Finding(subject, Verdict.GOOD, f"{what}, {interface.queues} receive queues, MTU {interface.mtu}")
    if not interface.up:
        advice = f"ip link set {interface.name} up"
        yield Finding(subject, Verdict.COSTS, "is down: no packet comes or goes", advice)
    yield _native(subject, interface)
    if (occupied := _occupied(subject, interface)) is not None:
        yield occupied
    if interface.several_buffers is Answer.NO and interface.mtu > _ONE_BUFFER:
        advice = f"ip link set {interface.name} mtu {_ONE_BUFFER}"
        yield Finding(subject, Verdict.STOPS, f"its driver takes no XDP program at MTU {interface.mtu}", advice)
    if not untagged and (tags := _tags(subject, interface)) is not None:
        yield tags


def _native(subject: str, interface: Interface) -> Finding:
    match interface.native:
        case Answer.YES:
            return Finding(subject, Verdict.GOOD, "native XDP")
        case Answer.NO:
            return Finding(subject, Verdict.STOPS, no_native_xdp(interface))
    return Finding(subject, Verdict.GOOD, "native XDP: this kernel can't say beforehand; `bise run` tries")


def _occupied(subject: str, interface: Interface) -> Finding | None:
    occupant = read_occupant(interface)
    if occupant is None:
        return None
    if not occupant.is_ours:
        advice = f"ip link set dev {interface.name} xdp off, if nobody needs it"
        return Finding(subject, Verdict.STOPS, f"busy: {occupant} is attached", advice)
    if occupant.process:
        advice = "stop that first, or --replace it"
        return Finding(subject, Verdict.STOPS, f"busy: Bise runs on it (process {occupant.process})", advice)
    return Finding(subject, Verdict.GOOD, f"{occupant} of a Bise that ended; the next start replaces it")


def _tags(subject: str, interface: Interface) -> Finding | None:
    """VLAN tags that are not in the packet must be seen elsewhere, or tagged traffic would be forwarded untagged."""
    if interface.vlan_metadata is Answer.YES:
        return None
    if interface.kind == "veth":
        found = "this kernel can't tell which packets carry a VLAN tag (veth before Linux 6.8)"
        advice = f"a newer kernel, or --port {interface.name},untagged=yes if no tagged packet can come"
        return Finding(subject, Verdict.STOPS, found, advice)
    if interface.strips_tags:
        found = "its hardware takes VLAN tags out; `bise run` switches that off (rxvlan) and back on at its end"
        return Finding(subject, Verdict.COSTS, found)
    return None
