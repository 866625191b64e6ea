"""A feature is its folder and its line in daemon.py: without both, what is left makes a graph and runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bise.hot import MODE, Mode
from tests.structure.sources import PACKAGE

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its mode itself")

LEFT = """
from bise import daemon
from bise.engine.graph import build
from bise.engine.writer import Driver, write
from bise.features.feature import Surroundings
from bise.tables.retire import immediately
from tests.features.network import Network

features = daemon.make_features(Surroundings(Network(), immediately, 8))
graph = build(daemon.START, [feature.part for feature in features])
write(graph, [Driver(0, "bise.ports.af_xdp.rings")])
print(graph.text())
"""


def without(feature: str, folder: Path) -> str:
    """The text of the graph that is left."""
    copy = folder / "bise"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "build"))
    shutil.rmtree(copy / "features" / feature)
    daemon = copy / "daemon.py"
    lines = daemon.read_text().splitlines(keepends=True)
    (line,) = [line for line in lines if f"bise.features.{feature}." in line]
    name = line.split()[-1]
    listed = re.sub(rf"\b{name}, |, {name}\b", "", "".join(one for one in lines if one != line))
    daemon.write_text(listed)
    path = os.pathsep.join([str(folder), str(PACKAGE.parents[1])])
    environment = os.environ | {"BISE_MODE": "interpreted", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", LEFT], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_ipv6_its_packets_are_linuxs(tmp_path):
    graph = without("ipv6", tmp_path)
    assert "ethernet.input IPV6 -> offload.complete_ipv6" in graph
    assert "offload.complete_ipv6 ON -> punt ethernet.protocol" in graph
    assert "ipv4.input VALID -> ipv4.look_up" in graph


def test_without_ipv4_its_packets_are_linuxs(tmp_path):
    graph = without("ipv4", tmp_path)
    assert "offload.complete_ipv4 ON -> punt ethernet.protocol" in graph
    assert "ipv6.input VALID -> ipv6.look_up" in graph


def test_without_offload_the_packets_go_straight_on(tmp_path):
    graph = without("offload", tmp_path)
    assert "ethernet.input IPV4 -> ipv4.input" in graph
    assert "ethernet.input IPV6 -> ipv6.input" in graph
