"""Where node files of tests lie: at the same place in each test and run, as what was compiled of a file is found by its
path, too."""

from pathlib import Path

from tests.structure.sources import ROOT


def folder(name: str) -> Path:
    """A folder of this name, which may have files of the last run in it."""
    place = ROOT / "build" / "node-files" / name
    place.mkdir(parents=True, exist_ok=True)
    return place
