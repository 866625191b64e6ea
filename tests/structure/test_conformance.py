"""docs/conformance.md against the code: the counters that it names are there, each is named, and so are its tests."""

import re

from tests.structure.sources import PACKAGE, ROOT

TEXT = (ROOT / "docs" / "conformance.md").read_text()
IN_CODE = {
    reason
    for path in (PACKAGE / "features").rglob("nodes.py")
    for reason in re.findall(r'\b(?:Drop|Punt)\("([a-z0-9.-]+)"', path.read_text())
}
NAMED = set(re.findall(r"`((?:ethernet|ipv4|ipv6|nexthop|offload)\.[a-z0-9-]+)`", TEXT))


def test_every_counter_that_the_page_names_is_there():
    assert not NAMED - IN_CODE


def test_every_way_out_of_the_graph_is_on_the_page():
    families = {reason for reason in IN_CODE if reason.split(".")[0] in ("ethernet", "ipv4", "ipv6", "offload")}
    assert not families - NAMED


def test_every_test_that_the_page_names_is_there():
    paths = set(re.findall(r"`(tests/[a-z0-9_/.]+)`", TEXT))
    assert not {path for path in paths if not (ROOT / path).exists()}
    assert len(paths) > 10
