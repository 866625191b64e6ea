"""The page in Chromium, against the instance's own numbers."""

import re
from contextlib import ExitStack

import pytest

from tests.control.serving import serving
from tests.monitor.instance import Instance

pytestmark = pytest.mark.slow


def expect(found):
    """Assertions that ask again until they hold."""
    from playwright.sync_api import expect

    return expect(found)


@pytest.fixture
def instance(directory):
    """It runs while the test does."""
    found = Instance()
    with serving(directory, found.verbs):
        yield found


@pytest.fixture
def shown(page, serve, instance):
    """The page, as soon as it has rates."""
    page.goto(serve("default"))
    expect(page.locator("#tiles [data-key=received] .value")).to_have_text("0")
    return page


def test_it_shows_what_the_instance_says(shown):
    expect(shown.locator("#state")).to_have_text("forwarding")
    expect(shown.locator("#about")).to_contain_text("mode adaptive · version 0.1.0 · process 4711")
    port = shown.locator("#ports [data-key=eth0]")
    expect(port).to_contain_text("received 1 000 000")
    expect(port).to_contain_text("transmitted 999 000")
    expect(port).to_contain_text("punted 900")
    expect(port.locator("[data-key=dropped]")).to_have_attribute("data-value", "100")
    expect(shown.locator("#workers [data-key='0']")).to_contain_text("1 234 567 890 in all")
    expect(shown.locator("#drops tbody tr")).to_have_count(2)
    expect(shown.locator("#drops [data-key='ipv4.version'] td").nth(3)).to_have_text("70 000")
    expect(shown.locator("#punts")).to_be_hidden()
    expect(shown.locator("#left")).to_contain_text("multicast")
    expect(shown.locator("#gates")).to_contain_text("no gates")
    expect(shown.locator("#mirror [data-key=routes]")).to_contain_text("10 000 native")
    expect(shown.locator("#nodes-section")).to_be_hidden()


def test_the_topology_has_linux_bise_its_ports_and_who_is_there(shown):
    picture = shown.locator("#topology svg")
    for words in ("Linux kernel", "bise default", "eth0", "02:00:00:00:00:01 · mtu 1500", "fe80::1"):
        expect(picture).to_contain_text(words)
    expect(shown.locator("[data-neighbour='fe80::1'] .dot.used")).to_have_count(1)


def test_it_follows_by_itself(shown, instance):
    instance.ports[0]["received"] += 250
    expect(shown.locator("#ports [data-key=eth0] [data-key=received]")).to_have_text("received 1 000 250")
    instance.drops[0]["packets"] = 41
    expect(shown.locator("#drops tbody tr")).to_have_count(3)
    expect(shown.locator("#drops [data-key='ipv4.checksum'] td").nth(3)).to_have_text("41")
    gate = {"name": "netfilter", "subject": "nft table inet [filter]", "families": [4], "where": "everywhere"}
    instance.status["gates"] = [{**gate, "effect": "all is the kernel's", "detection": "announced", "reason": "rules"}]
    instance.status["state"] = "gated"
    expect(shown.locator("#gates")).to_contain_text("all is the kernel's (announced)")
    expect(shown.locator("#state")).to_have_text("gated")
    expect(shown.locator("#topology")).to_contain_text("1 gate stands")


def test_a_rate_is_what_the_counter_grew_by(shown, instance):
    """A thousand more from look to look is about a thousand a second, looks being a little more than a second apart."""
    instance.grows = 1000
    tile = shown.locator("#tiles [data-key=received] .value")
    expect(tile).not_to_have_text("0")
    assert 300 < float(tile.get_attribute("data-value")) <= 1000
    expect(shown.locator("#ports .chart .line.in").first).to_be_visible()


def test_a_chart_is_read_where_one_points(shown, instance):
    instance.grows = 1000
    expect(shown.locator("#tiles [data-key=received] .value")).not_to_have_text("0")
    chart = shown.locator("#ports .chart").first
    width = chart.evaluate("chart => chart.clientWidth")
    chart.hover(position={"x": width - 2, "y": 40})
    expect(shown.locator("#ports .chart + .figures").first).to_have_text(re.compile("in [0-9.]+( k)? · out 0$"))


def test_a_restart_is_lived_through_and_said(page, serve, directory):
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(serving(directory, Instance().verbs))
        page.goto(serve("default"))
        expect(page.locator("#state")).to_have_text("forwarding")
        first.close()
        expect(page.locator("#trouble")).to_contain_text("no bise named 'default' runs")
        expect(page.locator("#state")).to_have_text("no answer")
        expect(page.locator("#ports")).to_contain_text("received 1 000 000")
        stack.enter_context(serving(directory, Instance(pid=4712).verbs))
        expect(page.locator("#about")).to_contain_text("process 4712 · restarted 1 time")
        expect(page.locator("#trouble")).to_be_hidden()


def test_several_instances_can_be_chosen_from(page, serve, directory):
    edge, core = Instance("edge", 1), Instance("core", 2)
    with serving(directory, edge.verbs, "edge"), serving(directory, core.verbs, "core"):
        url = serve()
        page.goto(f"{url}?name=edge")
        expect(page.locator("#about")).to_contain_text("edge · up")
        expect(page.locator("#instance option")).to_have_count(2)
        page.select_option("#instance", "core")
        expect(page.locator("#about")).to_contain_text("core · up")
        expect(page).to_have_url(re.compile("name=core"))


def test_a_port_whose_interface_is_gone_spoils_no_sum(shown, instance):
    gone = {"name": "eth7", "ifindex": 0, "kind": "kernel", "state": "gone", "gate": "its interface is gone"}
    instance.status["ports"].append(gone)
    expect(shown.locator("#ports [data-key=eth7]")).to_contain_text("the kernel's: its interface is gone")
    expect(shown.locator("#topology [data-port=eth7]")).to_contain_text("gone")
    expect(shown.locator("#tiles")).not_to_contain_text("NaN")


def test_a_page_that_was_there_first_finds_who_begins_later(page, serve, directory):
    page.goto(serve())
    expect(page.locator("#live")).to_contain_text("no Bise runs here yet")
    with serving(directory, Instance("edge").verbs, "edge"):
        expect(page.locator("#about")).to_contain_text("edge · up", timeout=10_000)


def test_one_that_was_never_there_is_said_and_nothing_is_shown(page, serve):
    page.goto(serve("default"))
    expect(page.locator("#trouble")).to_have_text(re.compile("^no bise named 'default' runs.*; asking again.$"))
    expect(page.locator("main")).to_be_hidden()


def test_what_is_worth_knowing_is_said(shown, instance):
    expect(shown.locator("#notes")).to_be_hidden()
    instance.status["notes"] = ["tcpdump on eth0 sees less"]
    expect(shown.locator("#notes")).to_have_text("tcpdump on eth0 sees less")


def test_names_from_outside_are_text(shown, instance):
    instance.drops[0].update(reason="<img src=x onerror=alert(1)>", packets=1)
    instance.status["gates"] = [
        {"name": "x", "subject": "<b>bold</b>", "families": [4], "where": "", "effect": "", "detection": "polled",
         "reason": "<script>alert(1)</script>"}
    ]  # fmt: skip
    expect(shown.locator("#gates")).to_contain_text("<b>bold</b>")
    expect(shown.locator("#drops")).to_contain_text("<img src=x")
    assert shown.locator("#gates b, #gates script, #drops img").count() == 0


def test_nodes_are_shown_where_the_instance_measures_them(page, serve, directory):
    instance = Instance()
    nodes = [{"node": "ipv4.input", "costs": 12.5}, {"node": "ipv4.look_up", "costs": 31}]
    instance.cycles = {"nodes": [{**node, "packets": 0, "cycles": 0} for node in nodes]}
    with serving(directory, instance.verbs):
        page.goto(serve("default", cycles=True))
        expect(page.locator("#nodes tbody tr").first).to_contain_text("ipv4.look_up31.0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_machine_is_until_one_chooses(browser, serve, instance, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(serve("default"))
    other = {"light": "dark", "dark": "light"}[scheme]
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.click("#theme")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == other
    page.close()


@pytest.mark.parametrize("wide", [360, 768, 1280])
def test_the_page_fits_any_width(shown, wide):
    shown.set_viewport_size({"width": wide, "height": 700})
    expect(shown.locator("#topology svg")).to_be_visible()
    shown.wait_for_function("document.documentElement.scrollWidth <= innerWidth")  # it is drawn anew a moment later
