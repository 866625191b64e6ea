"""`python -m tests.soak`: everything happens to a running Bise, in an order drawn by chance. See `--help`."""

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from bise.bench import script
from bise.bench.namespaces import Namespace
from bise.errors import BiseError
from tests.namespaces import PURPOSE, Topology
from tests.product.traces import traces
from tests.soak.events import EVENTS
from tests.soak.flows import Flows
from tests.soak.screen import Screen
from tests.soak.trial import PORTS, Trial, trial
from tests.soak.watch import Watch

_HUGE = Path("/dev/hugepages")


def main() -> int:
    """The exit status: 0 if nothing was found, 130 where it was interrupted."""
    wanted = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 140)
    return script.run(console, "soak", PURPOSE, lambda: _run(wanted, Screen(console)))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="script/soak", description="Everything happens to a running Bise.")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="what the order is drawn from")
    parser.add_argument("--without", action="append", default=[], help="an event that must not happen; repeatable")
    parser.add_argument("--spread", action="store_true", help="workers hand each other what they receive")
    return parser.parse_args()


def _run(wanted: Any, screen: Screen) -> int:
    screen.console.print(f"seed {wanted.seed}: the same again with --seed {wanted.seed}", highlight=False)
    huge = _huge_files()
    with Topology(PORTS, hosts="answering") as topology:
        router = topology.router
        router.sysctl({f"net/ipv6/conf/{port.name}/keep_addr_on_down": 1 for port in PORTS})
        before = _traces(router)
        with Flows(topology) as flows:
            with trial(topology, flows, random.Random(wanted.seed), wanted.spread) as running:
                watch = Watch(running)
                _happen(running, watch, screen, wanted)
                screen.record.findings += [line for life in watch.lives for line in life.findings()]
            left = _left(before, _traces(router), router.name, topology)
    left += [f"left behind: {path}" for path in _huge_files() - huge]
    screen.table(watch, flows, left)
    return int(bool(screen.record.findings or left))


def _happen(running: Trial, watch: Watch, screen: Screen, wanted: Any) -> None:
    begun = time.monotonic()
    chosen = {event: weight for event, weight in EVENTS.items() if event.__name__ not in wanted.without}
    step(running, watch, screen, begun, lambda _: "nothing yet")
    while time.monotonic() - begun < 60 * wanted.minutes:
        (event,) = running.chance.choices(list(chosen), list(chosen.values()))
        step(running, watch, screen, begun, event)


def step(running: Trial, watch: Watch, screen: Screen, begun: float, event: Callable[[Trial], str]) -> None:
    """One event, and what is found after it. Where Bise has died of it, another is started."""
    start, lost = time.monotonic(), watch.lost
    what, findings = "failed", []
    try:
        what = event(running)
    except (AssertionError, BiseError, OSError) as error:
        findings.append(f"{type(error).__name__}: {error}")
    findings += watch.checked()
    name = event.__name__ if event.__name__ != "<lambda>" else "start"
    screen.happened(time.monotonic() - begun, name, what, time.monotonic() - start, watch.lost - lost, findings)
    if running.bise.process.poll() is not None:
        running.start()


def _traces(router: Namespace) -> dict[str, str]:
    """Without what an interface that was made again has otherwise: its number, and its place in lists."""
    found = traces(router)
    found["tc qdisc"] = "\n".join(sorted(found["tc qdisc"].splitlines()))
    found.pop("addresses")
    return {place: re.sub(r'"(ifindex|link_index)": \d+', "", words) for place, words in found.items()}


def _left(before: dict[str, str], after: dict[str, str], name: str, topology: Topology) -> list[str]:
    """What is otherwise in the router than before Bise was first started, now that it has ended."""
    places = sorted(place for place in before.keys() | after.keys() if before.get(place) != after.get(place))
    found = [f"left behind: {place}: {after.get(place)} (before: {before.get(place)})" for place in places]
    pids = subprocess.run(["ip", "netns", "pids", topology.router.name], capture_output=True, text=True).stdout
    found += [f"left behind: process {pid} in {name}" for pid in pids.split()]
    return found + [f"left behind: {path}" for path in Path("/run/bise").glob(f"{name}*")]


def _huge_files() -> set[Path]:
    """Memory that outlives who has mapped it: a mapping without a file goes with its process."""
    return set(_HUGE.glob("*"))


if __name__ == "__main__":
    sys.exit(main())
