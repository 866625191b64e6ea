"""What the kernel's sysctls ask of a router's fast path, typed; and gates for what the fast path doesn't follow.

A knob that the fast path follows natively is a field of `Settings`; its word in NATIVE says so. Leave a word out and
the knob gates wherever it is set. See the package's docstring for those that are neither.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bise.control.gates.gate import EVERYWHERE, IPV4, IPV6, Detection, Gate, Where, crossing, entering, leaving

# What the fast path is expected to do itself:
# rp-filter, accept-local, route-localnet: source and destination checks as the settings say.
# log-martians: martians are punted, not dropped, so that the kernel logs them.
# send-redirects: a packet that would leave by the port it came in by is punted.
# bc-forwarding: directed broadcasts (in the local table) are the kernel's.
# proxy-ndp: neighbour discovery in transit (ICMPv6 133 to 137) is punted; link-local destinations are, anyway.
# mtu6: IPv6 is sized by the interface's IPv6 MTU.
NATIVE = frozenset(
    {"rp-filter", "accept-local", "route-localnet", "log-martians", "send-redirects", "bc-forwarding", "proxy-ndp",
     "mtu6"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Multipath:
    """How the kernel hashes a flow onto equal paths. `seed` 0: a secret one, so that its choice can't be foretold."""

    policy: int = 0
    fields: int = 7
    seed: int = 0
    use_neigh: bool = False


@dataclass(frozen=True, slots=True)
class PortSettings:
    """A port's effective values: what `conf/all` and the port's own file come to together, as ingress device.

    `ipv4`, `ipv6`: the family runs there at all. `accept_redirects4/6`: ICMP redirects would bend routes.
    `mtu6`: the IPv6 MTU, 0 where the family doesn't run.
    """

    ipv4: bool = True
    ipv6: bool = True
    forwarding4: bool = True
    forwarding6: bool = True
    rp_filter: int = 0
    accept_local: bool = False
    route_localnet: bool = False
    log_martians: bool = False
    send_redirects: bool = True
    bc_forwarding: bool = False
    accept_redirects4: bool = False
    accept_redirects6: bool = False
    mtu6: int = 1500


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the ports that are there, by name, and the namespace's own.

    `ignore_linkdown4/6`: interfaces ("all" too) where routes without a carrier are passed over in look-ups.
    """

    ports: Mapping[str, PortSettings] = field(default_factory=dict)
    multipath4: Multipath = field(default_factory=Multipath)
    multipath6: Multipath = field(default_factory=Multipath)
    use_pmtu: bool = False
    update_priority: bool = True
    proxy_ndp: bool = False
    ignore_linkdown4: frozenset[str] = frozenset()
    ignore_linkdown6: frozenset[str] = frozenset()


def settings_gates(settings: Settings, native: frozenset[str] = NATIVE) -> Iterator[Gate]:
    """Gates of the whole namespace and of each port."""
    yield from _namespace_gates(settings, native)
    for name, port in settings.ports.items():
        yield from _family_gates(name, port)
        yield from _redirect_gates(name, port)
        yield from _check_gates(name, port, native)


def _gate(name: str, knob: str, families: frozenset[int], where: Where, why: str, announced: bool = False) -> Gate:
    detection = Detection.ANNOUNCED if announced else Detection.POLLED
    return Gate(name, knob, families, where, detection, f"{why} (sysctl {knob})")


def _namespace_gates(settings: Settings, native: frozenset[str]) -> Iterator[Gate]:
    if settings.use_pmtu and "use-pmtu" not in native:
        why = "learnt path MTUs size forwarded packets, and only the kernel knows them"
        yield _gate("sysctl-use-pmtu", "net.ipv4.ip_forward_use_pmtu", IPV4, EVERYWHERE, why)
    if settings.multipath4.use_neigh and "use-neigh" not in native:
        why = "the state of neighbours chooses among equal paths"
        yield _gate("sysctl-use-neigh", "net.ipv4.fib_multipath_use_neigh", IPV4, EVERYWHERE, why)
    if settings.proxy_ndp and "proxy-ndp" not in native:
        why = "the kernel answers for proxied neighbours"
        yield _gate("sysctl-proxy-ndp", "net.ipv6.conf.all.proxy_ndp", IPV6, EVERYWHERE, why)
    if "ignore-linkdown" not in native:
        yield from _linkdown_gates("ipv4", settings.ignore_linkdown4, IPV4)
        yield from _linkdown_gates("ipv6", settings.ignore_linkdown6, IPV6)


def _linkdown_gates(tree: str, interfaces: Iterable[str], families: frozenset[int]) -> Iterator[Gate]:
    why = "routes without a carrier are passed over in look-ups"
    for name in interfaces:
        knob = f"net.{tree}.conf.{name}.ignore_routes_with_linkdown"
        yield _gate("sysctl-linkdown", knob, families, EVERYWHERE, why, announced=True)


def _family_gates(name: str, port: PortSettings) -> Iterator[Gate]:
    """Forwarding is asked of the ingress device; without the family a device neither takes nor sends its packets."""
    if not port.ipv4:
        why = "IPv4 doesn't run on this interface, its MTU is below 68"
        yield _gate("ipv4-disabled", f"net.ipv4.conf.{name}", IPV4, crossing(name), why)
    elif not port.forwarding4:
        why = "a host, not a router, for what comes in here"
        yield _gate("sysctl-forwarding", f"net.ipv4.conf.{name}.forwarding", IPV4, entering(name), why, True)
    if not port.ipv6:
        why = "IPv6 is disabled on this interface, or its MTU is below 1280"
        yield _gate("ipv6-disabled", f"net.ipv6.conf.{name}.disable_ipv6", IPV6, crossing(name), why)
    elif not port.forwarding6:
        why = f"neither this nor net.ipv6.conf.{name}.force_forwarding is set"
        yield _gate("sysctl-forwarding", "net.ipv6.conf.all.forwarding", IPV6, entering(name), why, True)


def _redirect_gates(name: str, port: PortSettings) -> Iterator[Gate]:
    # a redirect bends routes through the device it was received on
    why = "ICMP redirects received here would bend the kernel's routes, unannounced"
    if port.ipv4 and port.forwarding4 and port.accept_redirects4:
        yield _gate("sysctl-redirects", f"net.ipv4.conf.{name}.accept_redirects", IPV4, leaving(name), why)
    if port.ipv6 and port.forwarding6 and port.accept_redirects6:
        yield _gate("sysctl-redirects", f"net.ipv6.conf.{name}.accept_redirects", IPV6, leaving(name), why)


def _check_gates(name: str, port: PortSettings, native: frozenset[str]) -> Iterator[Gate]:
    """Only where the fast path doesn't follow a knob."""
    knobs = {
        "rp-filter": ("rp_filter", port.rp_filter, "sources are checked against the routes"),
        "accept-local": ("accept_local", port.accept_local, "our own addresses are accepted as sources"),
        "route-localnet": ("route_localnet", port.route_localnet, "loopback addresses are routed"),
        "log-martians": ("log_martians", port.log_martians, "the kernel wants to log martians"),
        "send-redirects": ("send_redirects", port.send_redirects, "the kernel wants to send redirects"),
        "bc-forwarding": ("bc_forwarding", port.bc_forwarding, "directed broadcasts are forwarded"),
    }
    for word, (knob, value, why) in knobs.items():
        if value and word not in native:
            announced = word in ("rp-filter", "bc-forwarding")
            yield _gate(f"sysctl-{word}", f"net.ipv4.conf.{name}.{knob}", IPV4, entering(name), why, announced)
