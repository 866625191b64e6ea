"""What would run natively if Bise took these ports: the features' own judgement of all that Linux wants, with no port
taken, no worker and no packet. Touches nothing."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bise.control.changes import Change, subjects
from bise.control.gates.lookout import Lookout
from bise.control.messages import Share
from bise.control.mirror import Mirror
from bise.control.objects import Link
from bise.features.feature import Feature, PortFacts, Surroundings
from bise.tables.retire import immediately


def forecast(ports: Sequence[str], make_features: Callable[[Surroundings], list[Feature]]) -> dict[str, Share]:
    """By kind of object, how many would be native. Raises BiseError where Linux doesn't tell."""
    with ExitStack() as opened:
        mirror = Mirror()
        opened.callback(mirror.close)
        lookout = Lookout(ports)
        opened.callback(lookout.close)
        features = make_features(Surroundings(mirror, immediately, len(ports)))
        for feature in features:
            opened.callback(feature.close)
        lookout.look()
        for feature in features:
            feature.set_settings(lookout.settings)
        mirror.subscribe(lambda changes: _follow(features, ports, changes))
        mirror.load()
        shares = {what: share for feature in features for what, share in feature.shares().items()}
    return {what: {"native": native, "punted": punted} for what, (native, punted) in shares.items()}


def _follow(features: Sequence[Feature], ports: Sequence[str], changes: Sequence[Change]) -> None:
    for link, is_there in subjects(changes):
        if isinstance(link, Link) and is_there and link.name in ports:
            facts = PortFacts(ports.index(link.name), link.name, link.index, link.mac or 0, link.mtu, link.mtu)
            for feature in features:
                feature.set_port(facts)
    for feature in features:
        feature.follow(changes)
