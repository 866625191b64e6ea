"""The routers of the oracle's tests, each made once for every way in which it is forwarded for (ways.py)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import Port
from tests.oracle.pair import Pair
from tests.oracle.routes import STANDARD
from tests.oracle.ways import ALL, Way, drawn, goes, paired

# Different everywhere, so that each crossing of the router has an MTU edge.
PORTS = (Port("c", 1, mtu=2000), Port("s", 2, mtu=1500), Port("t", 3, mtu=1400))
JUMBO_PORTS = (Port("c", 1, mtu=9000), Port("s", 2, mtu=9000), Port("t", 3, mtu=1500))
_PATIENCE_S = 600  # whichever test comes first, it waits until all that the router needs is compiled
_DRAWN = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_DRAWN] = config.getoption("ways") or drawn()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves each test the ways that it goes this time."""
    left_out = {item for item in items if not goes(item, config.stash[_DRAWN])}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(_PATIENCE_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what was drawn, for whoever wants the same again."""
    terminalreporter.write_line(f"ways of the oracle's tests: the same again with --ways {config.stash[_DRAWN]}")


@pytest.fixture(scope="session", autouse=True)
def errors_at_any_rate() -> Iterator[None]:
    """Unreachable destinations are told as often as they are asked for: this limit knows no namespaces."""
    limit = Path("/proc/sys/net/ipv4/route/error_cost")
    before = limit.read_text()
    limit.write_text("0")
    yield
    limit.write_text(before)


@pytest.fixture(scope="session", params=ALL, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """How the other router is forwarded for."""
    found: Way = request.param
    return found


@pytest.fixture(scope="session")
def pair(way: Way) -> Iterator[Pair]:
    """Three ports, silent hosts, the standard routes."""
    with paired(way, PORTS, STANDARD) as two:
        yield two


@pytest.fixture(scope="session")
def jumbo_pair(way: Way) -> Iterator[Pair]:
    """Ports with an MTU of 9000."""
    with paired(way, JUMBO_PORTS) as two:
        yield two


@pytest.fixture(scope="session")
def living_pair(way: Way) -> Iterator[Pair]:
    """Hosts that are ordinary Linux hosts: they resolve, and are resolved."""
    with paired(way, PORTS, hosts="answering") as two:
        yield two


@pytest.fixture
def fresh(way: Way) -> Iterator[Pair]:
    """Routers for one test, which it may leave as it likes."""
    with paired(way, PORTS, STANDARD) as two:
        yield two
