"""The shim is compiled for this machine, once, and says what is missing."""

import shutil
from pathlib import Path

import pytest

from bise.ports.dpdk import build, shim
from bise.ports.errors import NotBuilt


def test_what_is_built_is_used_again() -> None:
    first = build.library()
    stamp = first.stat().st_mtime_ns
    assert build.library() == first
    assert first.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("changed", [*build.SOURCES, build.HEADER])
def test_a_change_of_a_source_gets_another_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = build.library()
    for name in (*build.SOURCES, build.HEADER):
        shutil.copy(build.HERE / name, tmp_path)
    with (tmp_path / changed).open("a") as file:
        file.write("\n")
    monkeypatch.setattr(build, "HERE", tmp_path)
    build._name.cache_clear()
    try:
        after = build.library()
    finally:
        build._name.cache_clear()
    assert after.name != before.name
    assert after.parent == tmp_path / "build"


@pytest.mark.parametrize("missing", ["gcc", "pkg-config"])
def test_a_missing_tool_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in (missing, "cc") else which(name))
    with pytest.raises(NotBuilt, match=f"install the package {missing}"):
        build.build()


def test_missing_headers_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", "/nonexistent")
    with pytest.raises(NotBuilt, match="install the package libdpdk-dev"):
        build.build()


def test_the_shim_has_every_function_that_hot_code_asks_for() -> None:
    for symbol in ("bise_receive", "bise_transmit", "bise_pool_get", "bise_pool_put", "bise_cycles", "bise_clock"):
        assert shim.library()[symbol]
