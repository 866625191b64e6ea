"""What happens to a router. Each event leaves the hosts' ways to each other as it found them; the rest may stay."""

import signal
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

from bise.bench.namespaces import veth
from tests.namespaces import Port
from tests.oracle.peer import Peer
from tests.product.router import wait_until
from tests.soak.trial import NODE, PATIENCE_S, PORTS, Trial
from tests.wire import broken

_FIRST4, _FIRST6 = int(IPv4Address("20.0.0.0")), int(IPv6Address("2001:db8:2000::"))
_PLACES = 4096  # prefixes that come and go, in each family
_NEIGHBOURS = range(100, 116)  # last parts of the addresses of hosts that come and go
_AGAIN = 3  # times that something goes on and off within one event
_PACKETS = 500


def destination(trial: Trial, family: int) -> str:
    """An address that a route that comes and goes may lead to."""
    place = trial.chance.randrange(_PLACES)
    if family == 4:
        return str(IPv4Address(_FIRST4 + (place << 12) + trial.chance.randrange(1 << 12)))
    return str(IPv6Address(_FIRST6 + (place << 80) + trial.chance.getrandbits(80)))


def neighbour(trial: Trial, port: Port, family: int) -> str:
    """The address of a host that comes and goes."""
    number = trial.chance.choice(_NEIGHBOURS)
    return f"10.0.{port.number}.{number}" if family == 4 else f"2001:db8:{port.number}::{number}"


def _prefix(trial: Trial, family: int) -> str:
    place = trial.chance.randrange(_PLACES)
    if family == 4:
        return f"{IPv4Address(_FIRST4 + (place << 12))}/{trial.chance.choice((20, 22, 24, 25, 32))}"
    return f"{IPv6Address(_FIRST6 + (place << 80))}/{trial.chance.choice((48, 56, 64, 65, 128))}"


def _way(trial: Trial, family: int) -> str:
    """Where a route leads: a host, one that may be unknown, several, or nowhere."""
    one, other = trial.chance.sample(PORTS, 2)
    draw = trial.chance.random()
    if draw < 0.5:
        return f"via {one.host4 if family == 4 else one.host6}"
    if draw < 0.7:
        return f"via {neighbour(trial, one, family)}"
    first, second = ((each.host4 if family == 4 else each.host6) for each in (one, other))
    return f"nexthop via {first} weight 1 nexthop via {second} weight {trial.chance.randrange(1, 4)}"


def _route(trial: Trial) -> str:
    family, draw = trial.chance.choice((4, 6)), trial.chance.random()
    prefix = _prefix(trial, family)
    if draw < 0.35:
        return f"route del {prefix}"
    if draw < 0.45:
        return f"route replace {trial.chance.choice(('blackhole', 'unreachable', 'prohibit'))} {prefix}"
    return f"route replace {prefix} {_way(trial, family)}"


def routes(trial: Trial) -> str:
    """A batch of routes comes, changes and goes."""
    count = trial.chance.choice((1, 20, 300, 2000))
    trial.ip([_route(trial) for _ in range(count)])
    return f"{count} lines"


def next_hops(trial: Trial) -> str:
    """Next-hop objects and a group change under the routes that use them."""
    one, other = trial.chance.sample(PORTS, 2)
    trial.ip(
        [
            f"nexthop replace id 1 via {one.host4} dev {one.name}",
            f"nexthop replace id 2 via {other.host4} dev {other.name}",
            "nexthop replace id 9 group 1/2",
            f"route replace {_prefix(trial, 4)} nhid 9",
            f"route replace {_prefix(trial, 4)} nhid 1",
            trial.chance.choice(("nexthop del id 2", "nexthop del id 1", "nexthop del id 9", "link show lo")),
        ]
    )
    return f"{one.name}, {other.name}"


def link(trial: Trial) -> str:
    """A link goes down and comes up, some times in a row."""
    port = trial.drawn_port()
    for _ in range(trial.chance.randrange(1, _AGAIN + 1)):
        trial.ip([f"link set dev {port.name} down"])
        time.sleep(trial.chance.choice((0, 0.05, 0.5)))
        trial.ip([f"link set dev {port.name} up"])
    _restore(trial, port)
    return port.name


def _restore(trial: Trial, port: Port) -> None:
    """What Linux forgets when a link goes down, in the router and at the host."""
    trial.ip([line.replace("route add", "route replace") for line in port.routes])
    host = trial.topology.hosts[port.name]
    host.ip(
        f"address replace {port.host6}/64 dev {port.far} nodad",
        f"route replace default via {port.router4}",
        f"route replace ::/0 via {port.router6}",
    )


def neighbours(trial: Trial) -> str:
    """Hosts come, go, and change their MACs."""
    port, lines = trial.drawn_port(), []
    for _ in range(trial.chance.choice((1, 8, 40))):
        address = neighbour(trial, port, trial.chance.choice((4, 6)))
        mac = f"02:00:00:00:{port.number:02x}:{trial.chance.randrange(16, 256):02x}"
        state = trial.chance.choice(("permanent", "permanent", "reachable", "stale"))
        change = f"neighbour replace {address} lladdr {mac} dev {port.name} nud {state}"
        lines.append(trial.chance.choice((change, change, f"neighbour del {address} dev {port.name}")))
    trial.ip(lines)
    return f"{len(lines)} lines on {port.name}"


def host_mac(trial: Trial) -> str:
    """The host behind a port gets another MAC, and says so."""
    port = trial.drawn_port()
    host, mac = trial.topology.hosts[port.name], f"02:00:00:01:{port.number:02x}:{trial.chance.randrange(256):02x}"
    host.sysctl({f"net/ipv4/conf/{port.far}/arp_notify": 1, f"net/ipv6/conf/{port.far}/ndisc_notify": 1})
    host.ip(f"link set dev {port.far} address {mac}")
    _restore(trial, port)
    return f"{port.far} {mac}"


def addresses(trial: Trial) -> str:
    """The router gets more addresses, and loses them."""
    port, number = trial.drawn_port(), trial.chance.randrange(32, 64)
    ours = [f"10.0.{port.number}.{number}/24", f"10.9.{number}.1/24", f"2001:db8:{port.number}::{number}/64"]
    chosen = trial.chance.sample(ours, trial.chance.randrange(1, 4))
    suffix = {address: " nodad" if ":" in address else "" for address in chosen}
    trial.ip([f"address add {address} dev {port.name}{suffix[address]}" for address in chosen])
    time.sleep(trial.chance.choice((0, 0.2)))
    trial.ip([f"address del {address} dev {port.name}" for address in chosen])
    return f"{', '.join(chosen)} on {port.name}"


def size(trial: Trial) -> str:
    """A port takes smaller packets for a while."""
    port = trial.drawn_port()
    trial.ip([f"link set dev {port.name} mtu 1400"])
    time.sleep(trial.chance.choice((0, 0.2)))
    trial.ip([f"link set dev {port.name} mtu 1500"])
    return port.name


def interface(trial: Trial) -> str:
    """A port's interface is deleted, and made again."""
    port = trial.drawn_port()
    host = trial.topology.hosts[port.name]
    trial.ip([f"link del dev {port.name}"])
    time.sleep(trial.chance.choice((0, 0.2)))
    veth(host, port.far, trial.namespace, port.name, port.queues)
    host.ip(
        f"link set dev {port.far} address {port.host_mac} up",
        f"address add {port.host4}/24 dev {port.far}",
        f"address add {port.host6}/64 dev {port.far} nodad",
    )
    trial.prepare(port)
    trial.ip(
        [
            f"link set dev {port.name} address {port.router_mac} up",
            f"address add {port.router4}/24 dev {port.name}",
            f"address add {port.router6}/64 dev {port.name} nodad",
        ]
    )
    _restore(trial, port)
    return port.name


def forwarding(trial: Trial) -> str:
    """The router is none for a moment."""
    name = trial.chance.choice(("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"))
    trial.namespace.sysctl({name: 0})
    try:
        time.sleep(trial.chance.choice((0, 0.2)))
    finally:
        trial.namespace.sysctl({name: 1})
    return name


def gate(trial: Trial) -> str:
    """A firewall's rules come and go: the kernel forwards meanwhile."""
    family = trial.chance.choice(("ip", "ip6", "inet"))
    for _ in range(trial.chance.randrange(1, _AGAIN + 1)):
        trial.namespace.run("nft", f"table {family} soak {{ chain f {{ type filter hook forward priority 0; }}; }}")
        trial.namespace.run("nft", f"add rule {family} soak f counter accept")
        wait_until("a gate stands", lambda: trial.ask("status")["gates"], PATIENCE_S)
        time.sleep(trial.chance.choice((0, 0.2)))
        trial.namespace.run("nft", f"delete table {family} soak")
    return family


def reload(trial: Trial) -> str:
    """The user's node is changed, under traffic."""
    for variant in trial.chance.sample((0, 1), 2):
        trial.write_node(variant)
        trial.ask("node-reload", name=NODE)
    return NODE


def come_and_go(trial: Trial) -> str:
    """The user's node goes, and comes again."""
    trial.ask("node-remove", name=NODE)
    trial.ask("node-add", path=str(trial.node))
    return NODE


def odd_packets(trial: Trial) -> str:
    """Packets that are broken in every way, into a port."""
    port = trial.drawn_port()
    packets = [_odd(trial, port) for _ in range(_PACKETS)]
    with Peer(trial.topology.hosts[port.name], port.far) as peer:
        peer.send(packets)
    return f"{len(packets)} into {port.name}"


def _odd(trial: Trial, port: Port) -> bytes:
    version, packet = broken.packet(trial.chance)
    if trial.chance.random() < 0.5:  # for somebody whom routes lead to
        packet = _aimed(trial, version, packet)
    kind = 0x0800 if version == 4 else 0x86DD
    if trial.chance.random() < 0.05:
        kind = trial.chance.randrange(1 << 16)
    ethernet = bytes.fromhex((port.router_mac + port.host_mac).replace(":", "")) + kind.to_bytes(2, "big")
    return ethernet + packet[:1400]


def _aimed(trial: Trial, version: int, packet: bytes) -> bytes:
    if version == 4:
        return packet[:16] + IPv4Address(destination(trial, 4)).packed + packet[20:]
    return packet[:24] + IPv6Address(destination(trial, 6)).packed + packet[40:]


def terminate(trial: Trial) -> str:
    """Bise is ended as systemd ends it, and started again."""
    trial.end(kill=False)
    trial.start()
    return f"life {trial.life}"


def kill(trial: Trial) -> str:
    """Bise is killed, and started again."""
    trial.end(kill=True)
    links = trial.namespace.run_line("ip -br link show") + trial.namespace.run_line("ip link show")
    assert "xdp" not in links, links
    assert "bise-" not in links, links
    trial.start()
    return f"life {trial.life}"


def stop(trial: Trial) -> str:
    """Bise gets no time at all for a moment."""
    trial.bise.signal(signal.SIGSTOP)
    try:
        time.sleep(trial.chance.choice((0.01, 0.2, 1.0)))
    finally:
        trial.bise.signal(signal.SIGCONT)
    return "SIGSTOP, SIGCONT"


EVENTS: Mapping[Callable[[Trial], str], int] = {
    routes: 40,
    next_hops: 12,
    link: 16,
    neighbours: 20,
    host_mac: 8,
    addresses: 16,
    size: 8,
    interface: 6,
    forwarding: 6,
    gate: 16,
    reload: 12,
    come_and_go: 6,
    odd_packets: 24,
    stop: 6,
    terminate: 1,
    kill: 1,
}
"""How often each happens, beside the others."""
