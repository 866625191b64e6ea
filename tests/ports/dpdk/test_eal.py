"""Starting DPDK leaves no trace on the machine and none on the thread that started it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bise.ports.dpdk import eal, shim
from bise.ports.errors import PortError

ALONE = """
import os, sys
from bise.ports.dpdk import eal
from bise.ports.dpdk.pool import Pool
before = os.sched_getaffinity(0)
eal.start({name!r}, cores={cores!r}, huge_pages=False)
pool = Pool(1023, huge_pages=False)
print(os.sched_getaffinity(0) == before, pool.available(), flush=True)
for task in os.listdir("/proc/self/task"):
    name = open(f"/proc/self/task/{{task}}/comm").read().strip()
    print("thread", name, sorted(os.sched_getaffinity(int(task))), flush=True)
print("ready", flush=True)
sys.stdin.read()
"""


def alone(name: str, cores: tuple[int, ...] = ()) -> "subprocess.Popen[str]":
    """An instance in a process of its own, which ends when its input does."""
    text = ALONE.format(name=name, cores=cores)
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def until_ready(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line == "ready\n":
            return lines
        lines.append(line.strip())
    raise AssertionError(f"ended too early: {lines}")


def folders() -> list[Path]:
    roots = [Path("/var/run/dpdk"), Path("/tmp/dpdk"), Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / "dpdk"]
    return sorted(path for root in roots for path in root.glob("bise-*"))


def test_a_second_start_returns_what_runs(environment: eal.Eal) -> None:
    assert eal.start("another") is environment


def test_a_pci_device_can_not_come_late(environment: eal.Eal) -> None:
    with pytest.raises(PortError, match=r"0000:99:00\.0.*named when DPDK is started"):
        eal.start("test", pci=["0000:99:00.0"])


def test_two_instances_of_one_name_run_side_by_side_and_leave_nothing() -> None:
    before = folders()
    with alone("twin") as first, alone("twin") as second:
        for process in (first, second):
            assert until_ready(process)[0] == "True 1023"
        assert folders() == before
        first.kill()
        second.communicate("")
    assert second.returncode == 0
    assert folders() == before


def test_threads_of_dpdk_stay_off_the_cores_of_workers() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("needs two processors")
    with alone("cores", cores=(allowed[-1],)) as process:
        lines = until_ready(process)
        process.communicate("")
    threads = [line for line in lines if line.startswith(("thread eal-", "thread dpdk-"))]
    assert threads
    assert all(line.endswith(str(allowed[:-1])) for line in threads)


def test_what_dpdk_complains_of_goes_to_the_log(environment: eal.Eal, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(shim.DpdkRefused, match="no-such-file") as refused:
        shim.call("eth9", "bise_port_attach", b"net_pcap_x,rx_pcap=/no-such-file")
    assert refused.value.port == "eth9"
    assert "no-such-file" in caplog.text


def test_more_complaints_than_anybody_reads_are_lost_and_block_nothing(environment: eal.Eal) -> None:
    for _ in range(1000):
        shim.attempt("bise_port_attach", b"net_pcap_x,rx_pcap=/no-such-file")
    while shim.log().drain():
        pass
    with pytest.raises(shim.DpdkRefused, match="the-last-one"):
        shim.call("eth9", "bise_port_attach", b"net_pcap_x,rx_pcap=/the-last-one")


def test_a_registered_thread_gives_its_packets_back(environment: eal.Eal) -> None:
    lanes = []

    def work() -> None:
        lanes.append(shim.call("worker", "bise_thread_register"))
        shim.attempt("bise_thread_unregister")

    for _ in range(300):  # more than DPDK has room for at a time
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert all(lane > 0 for lane in lanes)
