"""One running Bise. The only file that lists the features; everything else takes what it is given."""

import asyncio
import logging
import sys
from collections.abc import Iterable

from bise.control.config import Configuration
from bise.engine.graph import Graph, build
from bise.engine.node import NOWHERE, Part
from bise.errors import BiseError
from bise.features.ethernet.control import Control as Ethernet
from bise.features.feature import Feature, Surroundings
from bise.features.ipv4.control import Control as IPv4
from bise.features.ipv6.control import Control as IPv6
from bise.features.nexthop.control import Control as NextHop
from bise.features.offload.control import Control as Offload
from bise.instance.instance import Instance

# In the order in which they are made and told of changes: who offers something stands before who needs it.
FEATURES: tuple[type[Feature], ...] = (Ethernet, Offload, NextHop, IPv4, IPv6)
START = "ethernet.input"


def make_features(surroundings: Surroundings) -> list[Feature]:
    """The control side of every feature."""
    return [feature(surroundings) for feature in FEATURES]  # type: ignore[call-arg]


def graph(users: Iterable[Part] = ()) -> Graph:
    """The graph of all features and these parts."""
    return build(START, [*(feature.part for feature in FEATURES), *users], always=(NOWHERE,))


def run(configuration: Configuration) -> int:
    """Forwards until SIGINT or SIGTERM, then gives the ports back. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    instance = Instance(configuration, make_features, START)
    try:
        asyncio.run(instance.run())
    except BiseError as error:
        print(f"bise: {error}", file=sys.stderr)
        return getattr(error, "exit_status", 1)
    return 0
