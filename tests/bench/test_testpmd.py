"""The yardstick measures what it says, takes turns on a core, and leaves nothing."""

import os
import shutil
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from bise.bench import testpmd
from bise.bench.testpmd import Testpmd, TestpmdFailed, Windows, forwarder, tsc_hz

pytestmark = pytest.mark.timeout(120)


def folders() -> list[Path]:
    return sorted(path for root in ("/var/run/dpdk", "/tmp/dpdk") for path in Path(root).glob("testpmd-*"))


@pytest.mark.slow
def test_it_takes_turns_and_leaves_nothing(tmp_path: Path) -> None:
    wrpcap(str(tmp_path / "in.pcap"), [Ether(bytes(60))] * 64)
    core, before = max(os.sched_getaffinity(0)), folders()
    with forwarder(tmp_path / "in.pcap", "mac", min(os.sched_getaffinity(0)), core, huge_pages=False) as yardstick:
        for _ in range(2):
            found = yardstick.measure(windows=3, window_s=0.1)
            assert len(found.cycles) == 3
            assert 5 < found.minimum <= found.median < 1e6
        forwarded = yardstick.counts(1)[1]
        assert forwarded > 1000
        assert yardstick.counts(1)[1] == forwarded  # stopped is stopped
        process = Path(f"/proc/{yardstick.process_id}")
        assert process.exists()
    assert not process.exists()
    assert folders() == before


@pytest.mark.slow
def test_a_device_that_does_not_open_is_an_error_that_says_why() -> None:
    with pytest.raises(TestpmdFailed, match=r"did not open net_pcap0(.|\n)*no-such-file"):
        Testpmd(["net_pcap0,rx_pcap=/no-such-file"], [0, 0], huge_pages=False)


@pytest.mark.slow
def test_one_that_died_is_an_error() -> None:
    with Testpmd(["net_null0"], [0, 0], huge_pages=False, packets=2047) as other:
        other.kill()
        with pytest.raises(TestpmdFailed, match="has ended"):
            other.start()


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(TestpmdFailed, match="install the package dpdk-dev"):
        Testpmd([], [0, 0])


def test_windows_know_their_minimum_and_median() -> None:
    windows = Windows((40.0, 30.0, 80.0))
    assert (windows.minimum, windows.median) == (30.0, 40.0)


def test_the_time_stamp_counter_has_one_rate() -> None:
    first = tsc_hz()
    testpmd.tsc_hz.cache_clear()
    assert abs(tsc_hz() / first - 1) < 0.01
