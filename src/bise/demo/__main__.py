"""`python -m bise.demo`: tells the story on this machine, and leaves nothing behind."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from bise.bench import script
from bise.bench.generator import Sample
from bise.bench.machine import VHOST_USER, Rates, bise_forwards
from bise.bench.topology import Cores
from bise.bench.veth import Road, two_cores
from bise.demo import picture
from bise.demo.screen import Screen, millions
from bise.demo.story import Step, Story

_PURPOSE = "bisedemo"


def main() -> int:
    """The exit status: 0 if all of it was shown."""
    wanted = _arguments()
    console = Console(stderr=wanted.json)
    return script.run(console, "demo", _PURPOSE, lambda: _show(console, wanted))


def _show(console: Console, wanted: Any) -> int:
    cores = two_cores()
    steps, samples = _between_veths(console, cores, wanted)
    rates = None if wanted.no_machine else _for_a_machine(console, cores, wanted, steps)
    console.print()
    _show_pictures(console, wanted.picture, steps, samples)
    if wanted.json:
        print(json.dumps(_figures(steps, rates, wanted.picture), indent=2))
    return 0


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="script/demo", description="A Linux router, with and without Bise.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the table goes to stderr")
    parser.add_argument("--picture", type=Path, default=Path("demo.png"), help="where the PNG goes (demo.png)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each rate is measured (4)")
    parser.add_argument("--no-machine", action="store_true", help="leave out the virtual machine")
    return parser.parse_args()


def _between_veths(console: Console, cores: Cores, wanted: Any) -> tuple[list[Step], list[Sample]]:
    screen = Screen(console)
    with Road(cores, _PURPOSE) as road, screen.live():
        screen.meter = road.meter
        story = Story(road, wanted.seconds, screen.begun, screen.told)
        return list(story.tell()), road.meter.samples


def _for_a_machine(console: Console, cores: Cores, wanted: Any, steps: list[Step]) -> Rates:
    console.print()
    with console.status("the same router between two vhost-user ports, dpdk-testpmd as the virtual machine"):
        rates = bise_forwards(VHOST_USER, cores, 5, max(0.5, wanted.seconds / 4), _PURPOSE)
    kernel = steps[0].packets_per_second
    low, high = min(rates.windows), max(rates.windows)
    console.print(
        f"For a virtual machine, between two vhost-user ports, Bise forwards [bold]{millions(rates.median)}[/] "
        f"packets/s ({millions(low)} to {millions(high)}): "
        f"{rates.median / kernel:.0f} times what the kernel does between veths."
    )
    return rates


def _show_pictures(console: Console, path: Path, steps: list[Step], samples: list[Sample]) -> None:
    for line in picture.bars(samples, max(20, console.width - 24)):
        console.print(line, highlight=False, no_wrap=True)
    try:
        picture.draw(path, samples, steps)
    except ImportError:
        console.print("no PNG: matplotlib is not installed")
    else:
        console.print(f"The rates over time: {path}", highlight=False)


def _figures(steps: list[Step], rates: Rates | None, path: Path) -> dict[str, Any]:
    """Documented in README: rows as every bench prints them, steps in order, where the picture lies."""
    kernel, bise = (
        next(step.packets_per_second for step in steps if step.forwarder == who) for who in ("kernel", "Bise")
    )
    rows = [_row("veth", bise, kernel, 0.0)]
    if rates:
        rows.append(_row("vhost-user", rates.median, kernel, (max(rates.windows) - min(rates.windows)) / rates.median))
    return {"rows": rows, "steps": [asdict(step) for step in steps], "picture": str(path)}


def _row(name: str, ours: float, yardstick: float, spread: float) -> dict[str, Any]:
    return {
        "name": name,
        "unit": "packets/s",
        "ours": ours,
        "yardstick": yardstick,
        "ratio": ours / yardstick,
        "spread": spread,
    }


if __name__ == "__main__":
    sys.exit(main())
