"""What Prometheus reads, by its own parser; the page of docs and the dashboard name only what there is."""

import json
import re
import urllib.request

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bise.web.metrics import families, registry
from tests.control.serving import serving
from tests.monitor.instance import Instance
from tests.structure.sources import ROOT

DOCS = (ROOT / "docs" / "metrics.md").read_text()
DASHBOARD = ROOT / "contrib" / "grafana" / "bise.json"
SAMPLES = {f"{family.name}_total" if family.type == "counter" else family.name for family in families({})}


def samples(text: str) -> dict[tuple[str, ...], float]:
    """By name and the values of its labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def instance(directory):
    found = Instance("edge")
    found.cycles = {"nodes": [{"node": "ipv4.input", "packets": 0, "cycles": 0, "costs": 12}]}
    found.status["gates"] = [{"name": "tc"}, {"name": "netfilter"}, {"name": "tc"}]
    with serving(directory, found.verbs, "edge"):
        yield found


def scraped(directory, *names: str) -> dict[tuple[str, ...], float]:
    return samples(generate_latest(registry(names, directory)).decode())


def test_figures_are_the_instance_s_own(instance, directory):
    found = scraped(directory)
    assert found["bise_up", "edge"] == 1
    assert found["bise_port_received_packets_total", "edge", "eth0"] == 1_000_000
    assert found["bise_port_transmitted_bytes_total", "edge", "eth0"] == 63_936_000
    assert found["bise_port_left_packets_total", "edge", "eth0", "multicast"] == 17
    assert found["bise_dropped_packets_total", "edge", "ipv4.version"] == 70_000
    assert found["bise_worker_packets_total", "edge", "0"] == 1_234_567_890
    assert found["bise_worker_busy_rounds_total", "edge", "0"] == 3007
    assert (found["bise_gates", "tc", "edge"], found["bise_gates", "netfilter", "edge"]) == (2, 1)
    assert found["bise_state", "edge", "forwarding"] == 1
    assert found["bise_state", "edge", "gated"] == 0
    assert found["bise_objects_punted", "routes", "edge"] == 3


def test_a_scrape_asks_each_question_once_and_nothing_that_may_be_large(instance, directory):
    wanted = registry((), directory)
    assert instance.asked == []
    generate_latest(wanted)
    assert sorted(instance.asked) == ["drops", "ports", "punts", "status"]


def test_what_nodes_cost_is_asked_for_where_that_is_wanted(instance, directory):
    found = samples(generate_latest(registry((), directory, cycles=True)).decode())
    assert found["bise_node_cycles_total", "edge", "ipv4.input"] == 1200
    assert found["bise_node_packets_total", "edge", "ipv4.input"] == 100


def test_one_that_does_not_answer_is_down(directory):
    assert scraped(directory, "gone") == {("bise_up", "gone"): 0}


def test_an_instance_that_begins_has_no_counters_yet(directory):
    instance = Instance()
    with serving(directory, {"status": instance.verbs["status"]}):
        found = scraped(directory)
    assert found["bise_up", "default"] == 1
    assert not [key for key in found if key[0].startswith("bise_port_received")]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0; charset=utf-8"])
def test_the_page_speaks_both_formats(serve, instance, accept):
    request = urllib.request.Request(f"{serve('edge')}metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=20) as response:
        kind, text = response.headers["content-type"], response.read().decode()
    assert kind.startswith("application/openmetrics-text" if accept else "text/plain; version=")
    assert text.endswith("# EOF\n") == bool(accept)
    assert 'bise_up{name="edge"} 1.0' in text


def test_names_keep_prometheus_s_conventions():
    for family in families({}):
        assert re.fullmatch(r"bise(_[a-z]+)+", family.name)
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ns|ms|octets|total|count)\b", family.name)


def test_the_page_of_docs_lists_exactly_these():
    assert set(re.findall(r"^\| `(bise_\w+)`", DOCS, re.MULTILINE)) == SAMPLES


def expressions(value: object) -> list[str]:
    """All that a dashboard asks Prometheus for."""
    if isinstance(value, dict):
        own = [value["expr"]] if "expr" in value else []
        own += [value["query"]] if isinstance(value.get("query"), str) and "bise" in value["query"] else []
        return own + [found for each in value.values() for found in expressions(each)]
    return [found for each in value for found in expressions(each)] if isinstance(value, list) else []


def test_each_metric_that_the_dashboard_asks_for_is_there():
    asked = expressions(json.loads(DASHBOARD.read_text()))
    names = {name for expression in asked for name in re.findall(r"\bbise_\w+", expression)}
    assert len(asked) > 8
    assert not names - SAMPLES
    counters = {name for name in names if name.endswith("_total")}
    rated = {name for expression in asked for name in re.findall(r"rate\((bise_\w+)", expression)}
    assert counters == rated, "a counter says nothing without its rate, and a gauge has none"
