"""Gates: what in the kernel could change or forbid forwarding and isn't run natively, found and followed.

General layout: each kind of thing has a file with the typed observation of it, the pure function from observation to
gates, and the observer that asks the kernel: `settings` and `sysctls`, `netconf`, `netfilter` with `nftables`,
`xtables` and `hooks`, `xfrm`, `rules`, `traffic`, `links`. `lookout` looks at all of them, `watch` when.

What forwarded packets meet, in the order of the kernel's own way, and what became of it:

Reception (net/core/dev.c). Native XDP programs: gate (`foreign-xdp`), generic ones too. Packet sockets: they get
copies, no gate. tc ingress and tcx: gates. netfilter ingress of the device: gate. Tagged packets: the kernel's in any
case. The receive handler of a master (bridge, bond, team, Open vSwitch) and VRF: gate (`enslaved`); of devices on top
(macvlan that takes more than its own MAC, ipvlan, MACsec, unknown ones): gates. One whose upper device was moved to
another namespace can't be seen from here. RPS, RFS, GRO, busy polling: change no packet. NIC filters and offloaded
flower rules act before either of us.

IPv4 input (ip_input.c). Packets for others' MACs, broadcast, multicast, `drop_unicast_in_l2_multicast`: the kernel's.
PREROUTING, defragmentation, conntrack: gates. Early demultiplexing finds sockets of local addresses only, or of
addresses that routes make local. Options (source routes, router alert): punted, so accept_source_route is the
kernel's affair. Multicast routing (mc_forwarding), IGMP, `bootp_relay` (never implemented), `tag`, `medium_id`,
all arp_* knobs, proxy_arp: not about transit.

Routing (route.c, fib_frontend.c, fib_rules.c). forwarding, rp_filter, accept_local, route_localnet, bc_forwarding,
log_martians, send_redirects (and with it shared_media, secure_redirects): Settings. src_valid_mark and fwmark_reflect
need marks, which only gated things set. Policy rules: gates where they can match. Redirects accepted would bend routes
by exceptions: gate (`sysctl-redirects`). Path MTU exceptions matter to transit with ip_forward_use_pmtu: gate; below
min_pmtu, which an attacker of a local socket could bring about, they hold for transit even without it: not seen.
Realms are counted only. Multipath: policy, fields and seed in Settings; a BPF flow dissector changes the path among
equals only; use_neigh: gate. ignore_routes_with_linkdown: gate unless native. Routes with an encapsulation (lwtunnel,
seg6, MPLS, BPF) are a matter of each route.

Forwarding (ip_forward.c). xfrm policies: gates. IPsec states alone, disable_xfrm and disable_policy: touch nothing
without policies. TTL, MTU, redirects: punted. ip_forward_update_priority sets a priority that only queueing disciplines
read. FORWARD: gate. LSMs (SELinux, AppArmor) look at labels there, which only netfilter rules or labelled networking
set; the latter isn't seen.

Output (ip_output.c, dev.c). POSTROUTING: gate. Programs on cgroups act on sockets' packets, sk_lookup and sk_msg too.
netfilter egress, tc egress, tcx, queueing disciplines: gates on what leaves there. XDP on the way out exists only as a
step of a redirect.

IPv6 (ip6_input.c, ip6_output.c). As IPv4; forwarding of the whole namespace or force_forwarding of the port;
disable_ipv6: gate; the IPv6 MTU: Settings. proxy_ndp: Settings, neighbour discovery in transit is punted. Hop-by-hop
options (so ioam6_enabled, router alert) and a routing header that we are the next stop of (seg6_enabled,
rpl_seg_enabled, accept_source_route): the kernel's. ILA translates in a hook that only the hook dump shows.
accept_ra, autoconf and the rest of conf/* make routes and addresses, which are mirrored.

Elsewhere. IPVS: gate. Flowtables: gate. bridge-nf-*: bridged packets only. net.mpls.*: other EtherTypes. neigh/*: the
kernel resolves. icmp_*, tcp_*, igmp_*: what the machine itself sends and answers.
"""

from bise.control.gates.gate import Detection, Gate, Where, Word, gate_words, gated_egress
from bise.control.gates.lookout import Lookout
from bise.control.gates.settings import NATIVE, Multipath, PortSettings, Settings
from bise.control.gates.watch import PERIOD, Watch

__all__ = [
    "NATIVE",
    "PERIOD",
    "Detection",
    "Gate",
    "Lookout",
    "Multipath",
    "PortSettings",
    "Settings",
    "Watch",
    "Where",
    "Word",
    "gate_words",
    "gated_egress",
]
