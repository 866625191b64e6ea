"""What a daemon could answer, one reply a verb."""

from typing import Any

from bise.control import messages

STATUS: messages.Status = {
    "name": "default",
    "state": "forwarding",
    "version": "0.1.0",
    "pid": 4711,
    "uptime_ns": 3_723_000_000_000,
    "mode": "adaptive",
    "memory": {"pool_octets": 256 << 20, "huge_pages": False, "note": "up to twice the cycles a packet"},
    "workers": [
        {"core": 0, "packets": 1_234_567_890, "busy": 0.97, "epoch": 3100, "busy_rounds": 3007, "handed": 17},
        {"core": 1, "packets": 0, "busy": 0.0, "epoch": 3100, "busy_rounds": 0, "handed": 0},
    ],
    "ports": [
        {"name": "eth0", "ifindex": 2, "kind": "kernel", "state": "up", "gate": None},
        {"name": "eth1", "ifindex": 3, "kind": "kernel", "state": "up", "gate": "nft table inet [filter]"},
    ],
    "gates": [
        {
            "name": "netfilter",
            "subject": "nft table inet [filter]",
            "families": [4, 6],
            "where": "received on eth1",
            "effect": "the kernel forwards all traffic received on eth1",
            "detection": "announced",
            "reason": "rules aren't mirrored",
        }
    ],
    "native": {"routes": {"native": 10_000, "punted": 3}, "neighbours": {"native": 12, "punted": 0}},
    "mirror": {"clean": True, "resyncs": 1, "divergences": 0},
    "confirm_deadline_ns": None,
    "notes": ["tcpdump (4711) listens on eth0"],
}

PORTS: list[messages.PortCounters] = [
    {
        "name": "eth0",
        "kind": "kernel",
        "ifindex": 2,
        "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "up": True,
        "queues": 2,
        "spread": False,
        "received": 1_000_000,
        "transmitted": 999_000,
        "received_octets": 64_000_000,
        "transmitted_octets": 63_936_000,
        "punted": 900,
        "dropped": 100,
        "steering": {"multicast": 17, "vlan": 0},
    }
]

ROUTES: list[messages.Route] = [
    {
        "family": 4,
        "destination": f"10.{number >> 8}.{number & 255}.0/24",
        "table": 254,
        "kind": "unicast",
        "paths": [{"via": "192.0.2.1", "port": "eth0", "weight": 1}],
        "state": "native",
        "why": "",
    }
    for number in range(2500)
]
ROUTES[0]["paths"].append({"via": None, "port": "eth1", "weight": 3})
ROUTES[1].update(state="punted", why="leaves by wlan0, no port of ours")

NEIGHBOURS: list[messages.Neighbour] = [
    {
        "port": "eth0",
        "family": 6,
        "address": "fe80::1",
        "mac": "02:00:00:00:00:02",
        "state": "reachable",
        "used_ns_ago": 1_500_000_000,
    },
    {"port": "eth1", "family": 4, "address": "192.0.2.9", "mac": None, "state": "incomplete", "used_ns_ago": None},
]

DROPS: list[messages.Reason] = [
    {"reason": "ipv4.checksum", "packets": 0, "meaning": "header checksum wrong"},
    {"reason": "ipv4.martian-source", "packets": 5, "meaning": "source address that no host may have"},
    {"reason": "ipv4.version", "packets": 70_000, "meaning": "version is not 4"},
]


NODES: list[messages.UserNode] = [
    {
        "name": "dns_guard",
        "path": "/etc/bise/dns_guard.py",
        "digest": "0123456789abcdef",
        "changed": True,
        "nodes": [
            {
                "name": "dns_guard.guard",
                "behind": ["ipv4.input VALID"],
                "leads": {"ON": "ipv4.look_up", "BLOCKED": "drop dns_guard.blocked"},
            }
        ],
        "state": {"Counts.queries": [1200, 34], "Counts.blocked": [0, 7]},
    }
]
CHANGED: messages.NodeChanged = {"name": "dns_guard", "action": "changed", "took_ns": 3_200_000_000}

GRAPH: messages.Graph = {
    "nodes": [
        {"name": "a.one", "edges": [{"edge": "ON", "to": "a.two"}, {"edge": "BAD", "to": "drop a.<bad>"}]},
        {"name": "a.two", "edges": [{"edge": "OUT", "to": "transmit"}]},
    ],
    "sinks": [
        {"name": "transmit", "kind": "transmit", "meaning": ""},
        {"name": "drop a.<bad>", "kind": "drop", "meaning": "less & more"},
    ],
    "timers": [],
}

PIPELINE: messages.Pipeline = {"source": "def burst():\n    return 0\n", "path": "/var/cache/bise/x/pipeline_1.py"}


def state(arguments: dict[str, Any]) -> messages.StatePage:
    """Three pages: the head and a list, routes and their ways, more of both."""
    number = arguments.get("after", 0)
    head = {"format": "bise-state", "version": 1, "name": "default"} if number == 0 else {}
    lists: dict[str, list[Any]] = [
        {"links": [{"index": 1}, {"index": 2}]},
        {"neighbours": [{"link": 1}], "routes": [["10.0.0.0/8", 254, [0]]], "ways": [{"kind": "unicast"}]},
        {"routes": [["11.0.0.0/8", 254, [1]]], "ways": [{"kind": "blackhole"}]},
    ][number]
    return {"head": head, "lists": lists, "next": number + 1 if number < 2 else None}


def routes(arguments: dict[str, Any]) -> messages.RoutesPage:
    """Pages of ROUTES; the cursor is where to go on."""
    first, limit = int(arguments.get("after", 0)), arguments["limit"]
    found = [route for route in ROUTES if route["family"] == arguments.get("family", route["family"])]
    following = first + limit
    return {
        "routes": found[first:following],
        "total": len(found),
        "next": str(following) if following < len(found) else None,
    }


VERBS = {
    "status": lambda _: STATUS,
    "ports": lambda _: PORTS,
    "routes": routes,
    "neighbours": lambda _: NEIGHBOURS,
    "drops": lambda _: DROPS,
    "punts": lambda _: DROPS[:1],
    "nodes": lambda _: NODES,
    "node-add": lambda given: {**CHANGED, "name": given["path"], "action": "added"},
    "node-reload": lambda given: {**CHANGED, "name": given["name"]},
    "node-remove": lambda given: {**CHANGED, "name": given["name"], "action": "removed"},
    "graph": lambda _: GRAPH,
    "pipeline": lambda _: PIPELINE,
    "state": state,
    "confirm": lambda _: {"was_waiting": True},
}
