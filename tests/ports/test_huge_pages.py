"""Huge pages of several sizes count with their octets."""

from pathlib import Path

import pytest

from bise.ports import huge_pages


def test_what_is_free_of_each_size_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, free in (("hugepages-2048kB", 3), ("hugepages-1048576kB", 1), ("hugepages-64kB", 0)):
        (tmp_path / size).mkdir()
        (tmp_path / size / "free_hugepages").write_text(f"{free}\n")
        (tmp_path / size / "nr_hugepages").write_text("9\n")
    monkeypatch.setattr(huge_pages, "_SIZES", tmp_path)
    assert huge_pages.free_octets() == (1 << 30) + (6 << 20)


def test_a_kernel_without_them_has_none_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_pages, "_SIZES", tmp_path / "none")
    assert huge_pages.free_octets() == 0
