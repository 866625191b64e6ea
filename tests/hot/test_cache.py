"""The folder of compiled code: who may own it, who finds what in it, and when it is another one."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import bise
from bise.hot import MODE, Mode, cache
from bise.hot.cache import CacheError
from tests.modes import run

PACKAGE = Path(bise.__file__).parent
chooses = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="chooses its modes itself")
compiles = pytest.mark.skipif(MODE is Mode.INTERPRETED, reason="nothing is compiled")
root = pytest.mark.root


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where the cache would be, not made yet."""
    monkeypatch.setenv("BISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_is_the_users_alone(home):
    folder = cache.folder()
    for place in (home, folder):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert place.stat().st_uid == os.geteuid()
    assert folder.parent == home
    assert cache.folder() == folder


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707, 0o701, 0o710, 0o777, 0o1777])
def test_a_folder_that_others_may_enter_is_refused(home, mode):
    home.mkdir()
    home.chmod(mode)
    with pytest.raises(CacheError, match="0700") as error:
        cache.folder()
    assert str(home) in str(error.value)


def test_a_folder_of_old_code_that_others_may_enter_is_refused(home):
    cache.folder().chmod(0o750)
    with pytest.raises(CacheError, match="0700"):
        cache.folder()


@root
def test_a_folder_of_another_user_is_refused(home):
    home.mkdir(mode=0o700)
    os.chown(home, 12345, 12345)
    with pytest.raises(CacheError, match="has to be a folder of user 0"):
        cache.folder()


def test_a_link_is_refused(home, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="0700"):
        cache.folder()


def test_a_file_is_refused_with_its_name(home):
    home.write_text("no folder")
    with pytest.raises(CacheError, match=str(home)):
        cache.folder()


def test_a_place_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setenv("BISE_CACHE", "/proc/cannot/be")
    with pytest.raises(CacheError, match="/proc/cannot/be"):
        cache.folder()


@compiles
def test_refused_folders_stop_the_process_with_one_line(home):
    home.mkdir(mode=0o755)
    command = [sys.executable, "-c", "import bise.hot"]
    done = subprocess.run(
        command, env=os.environ | {"BISE_CACHE": str(home)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"CacheError: cache folder {home} has to be" in done.stderr


def test_folders_of_old_digests_go(home):
    cache.folder()
    ages = range(cache._KEPT + 4)
    for age in ages:
        old = home / f"{age:016x}"
        old.mkdir()
        os.utime(old, (1000 + age, 1000 + age))
    (home / "file").write_text("stays")
    current = cache.folder()
    left = {path.name for path in home.iterdir()}
    assert left == {current.name, "file", *(f"{age:016x}" for age in ages[4:])}


@chooses
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["compiled", "checked"])
def test_a_second_process_compiles_nothing(tmp_path, mode):
    first = run(mode, "tests.hot.cached_code", BISE_CACHE=str(tmp_path / "cache")).splitlines()
    second = run(mode, "tests.hot.cached_code", BISE_CACHE=str(tmp_path / "cache")).splitlines()
    assert first == ["saved product", "saved twice", "answers 42 42"]
    assert second == ["loaded product", "loaded twice", "answers 42 42"]


@chooses
@pytest.mark.slow
def test_each_mode_has_a_folder_of_its_own(tmp_path):
    for mode in ("compiled", "checked"):
        run(mode, "tests.hot.cached_code", BISE_CACHE=str(tmp_path / "cache"))
    run("interpreted", "tests.hot.cached_code", BISE_CACHE=str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.fixture
def copy(tmp_path):
    """The package elsewhere, with a callee and a caller that can be edited; returns what runs the caller."""
    shutil.copytree(
        PACKAGE, tmp_path / "src" / "bise", ignore=shutil.ignore_patterns("__pycache__", "build", "*.so", "*.o")
    )
    package = tmp_path / "src" / "bise"
    (package / "wire" / "callee.py").write_text("from bise.hot import hot\n\n@hot\ndef callee(a):\n    return a + 1\n")
    caller = "from bise.hot import cache, entry\nfrom bise.wire.callee import callee\n\n@entry(1)\ndef caller(a):\n"
    caller += "    return callee(a)\n\nprint(caller(1), cache.folder().name)\n"
    (package / "wire" / "caller.py").write_text(caller)
    environment = os.environ | {"BISE_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "src")}

    def call():
        command = [sys.executable, "-m", "bise.wire.caller"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    return package, call


@compiles
@pytest.mark.slow
def test_an_edited_callee_is_never_stale(copy):
    package, call = copy
    before, folder = call()
    assert before == "2"
    assert call() == [before, folder]
    (package / "wire" / "callee.py").write_text("from bise.hot import hot\n\n@hot\ndef callee(a):\n    return a + 9\n")
    after, other = call()
    assert after == "10"
    assert other != folder
    (package / "wire" / "callee.py").write_text("from bise.hot import hot\n\n@hot\ndef callee(a):\n    return a + 1\n")
    assert call() == [before, folder]
