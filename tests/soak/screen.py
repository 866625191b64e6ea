"""What is shown as it goes, a line an event, and the table at the end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.soak.flows import Flows
from tests.soak.watch import Watch

_MIB = 1 << 20


@dataclass
class Record:
    """What has happened. `took_s` and `lost` by event; losses while it happened and until all flowed again."""

    took_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lost: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


class Screen:
    """Lines on a console; a terminal also shows what is under way."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.record = Record()

    def happened(self, at_s: float, name: str, what: str, took_s: float, lost: int, findings: Sequence[str]) -> None:
        self.record.took_s[name].append(took_s)
        self.record.lost[name] += lost
        self.record.findings += [f"at {at_s:.0f} s, after {name} ({what}): {finding}" for finding in findings]
        mark = "[bold red]found[/]" if findings else "[green]well[/]"
        words = f"{at_s:7.1f} s  {name:14} {what:40.40} {took_s:6.1f} s  lost {lost:6}  "
        self.console.print(escape(words) + mark, highlight=False)
        for finding in findings:
            self.console.print(f"[red]{escape(finding)}[/]", highlight=False)

    def table(self, watch: Watch, flows: Flows, left: Sequence[str]) -> None:
        """Events, then each life's sizes, then what was found."""
        record = self.record
        drawn = Table(title="What happened", title_style="bold")
        for name, justify in (("event", "left"), ("times", "right"), ("longest", "right"), ("packets lost", "right")):
            drawn.add_column(name, justify=justify)  # type: ignore[arg-type]
        for name, took in sorted(record.took_s.items()):
            drawn.add_row(name, str(len(took)), f"{max(took):.1f} s", f"{record.lost[name]:,}")
        self.console.print(drawn)
        self.console.print(_lives(watch))
        sent = flows.sent()
        probes = ", ".join(f"{count:,} {kind}" for kind, count in sorted(watch.probes.items()))
        self.console.print(
            f"{sent:,} packets sent, {watch.lost:,} lost; compared with Linux: {probes}", highlight=False
        )
        for finding in [*record.findings, *left]:
            self.console.print(f"[bold red]found:[/] {escape(finding)}", highlight=False)
        self.console.print("[bold red]not all is well[/]" if record.findings or left else "[bold green]all is well[/]")


def _lives(watch: Watch) -> Table:
    drawn = Table(title="Each process, once warm and at last", title_style="bold")
    for name in ("life", "memory, warm", "memory, at last", "descriptors, warm", "descriptors, at last"):
        drawn.add_column(name, justify="right")
    for life in watch.lives:
        memory, descriptors = life.first or ("", "")
        warm = f"{int(memory) // _MIB} MiB" if memory else "never"
        drawn.add_row(str(life.life), warm, f"{life.last[0] // _MIB} MiB", str(descriptors), str(life.last[1]))
    return drawn
