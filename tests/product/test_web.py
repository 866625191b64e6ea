"""`bise web` beside a real router: what a browser sees is what the router says."""

import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.product.router import BISE, Router, ping

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.fixture
def url(router: Router) -> Iterator[str]:
    """Where the page is; its process ends cleanly."""
    command = [BISE, "web", "--listen", "127.0.0.1:0", "--name", router.bise.name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    words = process.stdout.readline().split()
    yield words[2]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")


def test_the_page_counts_the_packets_that_went_through(router: Router, url: str, browser: object) -> None:
    from playwright.sync_api import expect

    page = browser.new_page()  # type: ignore[attr-defined]
    page.goto(f"{url}?name={router.bise.name}")
    expect(page.locator("#state")).to_have_text("forwarding")
    assert ping(router.host("c"), router.port("s").host4, 50) == 50
    for name in ("c", "s", "t"):
        counters = router.counters(name)
        card = page.locator(f"#ports [data-key={name}]")
        for key in ("received", "transmitted", "punted"):
            expect(card.locator(f"[data-key={key}]")).to_have_attribute("data-value", str(counters[key]))
        expect(page.locator(f"#topology [data-port={name}]")).to_contain_text(counters["mac"])
    expect(page.locator(f"[data-neighbour='{router.port('s').host4}'] .dot.used")).to_have_count(1)
    page.close()


def test_the_metrics_are_the_router_s_own(router: Router, url: str) -> None:
    assert ping(router.host("c"), router.port("s").host4, 20) == 20
    with urllib.request.urlopen(f"{url}metrics", timeout=10) as response:
        text = response.read().decode()
    name = router.bise.name
    for port in router.bise.ask("ports"):
        line = f'bise_port_received_packets_total{{name="{name}",port="{port["name"]}"}} {float(port["received"])}'
        assert line in text.splitlines()


def test_nobody_but_root(router: Router) -> None:
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BISE, "web", "--listen", "127.0.0.1:0"]
    if subprocess.run([*command[:-3], "--help"], capture_output=True).returncode:
        pytest.skip("bise is nothing that others may run")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (1, "bise: may not look into /run/bise; try again as root\n")


def test_without_any_capability_it_still_reads(router: Router) -> None:
    """As its unit runs it: root's files, and nothing else of root's."""
    assert shutil.which("setpriv")
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", BISE, "top", "--once", "--json"]
    done = subprocess.run(
        [*command, "--interval", "0.1", "--name", router.bise.name], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert f'"name": "{router.bise.name}"' in done.stdout
