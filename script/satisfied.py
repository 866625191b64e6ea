"""Exits with 0 if .venv holds Bise, editable and as pyproject.toml describes it, and everything that it asks for."""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def satisfied() -> bool:
    """False, too, where nothing is installed yet, not even what reads requirements."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return False
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["test"]]
    try:
        installed = distribution("bise")
        wanted = all(version(requirement.name) in requirement.specifier for requirement in requirements)
    except PackageNotFoundError:
        return False
    commands = {entry.name: entry.value for entry in installed.entry_points if entry.group == "console_scripts"}
    here = ROOT.as_uri() in (installed.read_text("direct_url.json") or "")
    return wanted and here and commands == project["scripts"] and installed.version == project["version"]


if __name__ == "__main__":
    sys.exit(not satisfied())
