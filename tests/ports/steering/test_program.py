"""Attaching: what is refused and why, what is replaced, and what is left behind (nothing)."""

import ctypes
import dataclasses
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bise.ports.errors import PortError, VerdictsFull
from bise.ports.steering import ethtool, libbpf, netlink, program
from bise.ports.steering.build import object_path
from bise.ports.steering.interface import Answer, XdpMode, read_interface
from bise.ports.steering.layout import DOUBT_BITS, Gate
from bise.ports.steering.occupant import read_occupant
from bise.ports.steering.program import Steering, Tags, steer, succeed
from bise.ports.steering.verdicts import KERNEL, Verdicts, doubt
from tests.namespaces import CLIENT, Port, Topology

pytestmark = pytest.mark.root

Maps = tuple[Verdicts, Verdicts]
HOLD = """
import sys, time
from bise.ports.steering.program import steer
from bise.ports.steering.verdicts import Verdicts
steering = steer("c", (Verdicts(4), Verdicts(6)))
print("holding", flush=True)
time.sleep(600)
"""


@pytest.fixture
def topology() -> Iterator[Topology]:
    with Topology([CLIENT]) as made, made.router.inside():
        yield made


@pytest.fixture
def verdicts() -> Iterator[Maps]:
    maps = Verdicts(4, 4096), Verdicts(6, 4096)
    yield maps
    for each in maps:
        each.close()


@pytest.fixture
def holder(topology: Topology) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the port."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"holding\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_it_attaches_natively_and_goes_without_a_trace(topology: Topology, verdicts: Maps):
    steering = steer("c", verdicts)
    found = read_interface("c")
    occupant = read_occupant(found)
    assert found.xdp_mode is XdpMode.NATIVE
    assert occupant is not None
    assert occupant.is_ours
    assert occupant.process == os.getpid()
    assert steering.words[0] == Gate.PASS_ALL
    steering.close()
    assert read_occupant(read_interface("c")) is None


def test_looking_at_an_interface_leaves_it_as_it_was(topology: Topology):
    before = netlink.link("c")[2]
    interface = read_interface("c")
    assert (interface.native, interface.kind, interface.queues) == (Answer.YES, "veth", 1)
    assert read_occupant(interface) is None
    assert netlink.link("c")[2].keys() == before.keys()


def test_veth_is_asked_for_tags(topology: Topology, verdicts: Maps):
    interface = read_interface("c")
    if interface.vlan_metadata is not Answer.YES:
        pytest.skip("this kernel can't tell tags on veth")
    steering = steer("c", verdicts)
    assert steering.tags is Tags.ASKED
    steering.close()


def test_every_descriptor_is_close_on_exec(topology: Topology, verdicts: Maps):
    before = set(os.listdir("/proc/self/fd"))
    steering = steer("c", verdicts)
    fresh = set(os.listdir("/proc/self/fd")) - before
    alive = [int(name) for name in fresh if os.path.exists(f"/proc/self/fd/{name}")]
    assert alive
    assert not any(os.get_inheritable(descriptor) for descriptor in alive)
    steering.close()
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1  # the listing's own


def test_there_is_no_such_interface(verdicts: Maps):
    with pytest.raises(PortError, match="nowhere: no such interface"):
        steer("nowhere", verdicts)


def test_the_drivers_own_words_are_shown(topology: Topology, verdicts: Maps):
    interface = dataclasses.replace(read_interface("lo"), native=Answer.UNKNOWN)
    loaded = libbpf.BpfObject(object_path("steer"))
    loaded.select("bise_steer")
    loaded.load()
    steering = Steering(interface, Tags.LEFT_IN, loaded, "bise_steer")
    with pytest.raises(PortError, match="nderlying driver does not support XDP in native mode"):
        steering.attach()
    steering.close()


def test_an_interface_without_native_xdp_is_refused(topology: Topology, verdicts: Maps):
    with pytest.raises(PortError, match="no native XDP in its driver"):
        steer("lo", verdicts)


def test_a_veth_with_fewer_queues_than_its_peer_is_refused_in_words(verdicts: Maps):
    with Topology([Port("c", 1, queues=2)]) as narrow, narrow.router.inside():
        subprocess.run(["ethtool", "-L", "c", "rx", "1"], check=True)
        with narrow.hosts["c"].inside():
            subprocess.run(["ethtool", "-L", "c0", "tx", "2"], check=True)
        with pytest.raises(PortError, match=r"receives on 1 queue\(s\) and its peer sends on more"):
            steer("c", verdicts)
        assert read_occupant(read_interface("c")) is None


def test_a_foreign_program_is_named_and_left_alone(topology: Topology, verdicts: Maps, tmp_path: Path):
    source = tmp_path / "other.c"
    source.write_text('__attribute__((section("xdp"))) int foreign(void *packet) { return 2; }\n')
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", tmp_path / "other.o"], check=True)
    loaded = libbpf.BpfObject(tmp_path / "other.o")
    loaded.load()
    link = libbpf.attach_xdp(loaded.program("foreign"), read_interface("c").ifindex)
    number = read_interface("c").xdp_program
    with pytest.raises(PortError, match=rf"'foreign' \(id {number}, native\) is attached"):
        steer("c", verdicts)
    assert read_interface("c").xdp_program == number
    os.close(link)
    loaded.close()


def test_a_living_bise_is_named_and_left_alone(holder: subprocess.Popen[bytes], verdicts: Maps):
    number = read_interface("c").xdp_program
    with pytest.raises(PortError, match=f"Bise already runs on it .process {holder.pid}"):
        steer("c", verdicts)
    assert read_interface("c").xdp_program == number


def link_of(name: str) -> int:
    occupant = read_occupant(read_interface(name))
    assert occupant is not None
    return occupant.link


def test_a_successor_comes_in_the_place_of_another(holder: subprocess.Popen[bytes], verdicts: Maps):
    before = read_interface("c").xdp_program
    steering = succeed("c", verdicts, link_of("c"))
    assert read_interface("c").xdp_program == before
    steering.attach()
    own = read_interface("c").xdp_program
    assert own not in (0, before)
    holder.kill()
    holder.wait()
    assert read_interface("c").xdp_program == own
    steering.close()
    assert read_occupant(read_interface("c")) is None


def test_a_successor_that_gives_up_leaves_the_program_there(holder: subprocess.Popen[bytes], verdicts: Maps):
    before = read_interface("c").xdp_program
    succeed("c", verdicts, link_of("c")).close()
    assert read_interface("c").xdp_program == before


def test_what_the_one_before_left_stays_while_a_successor_holds_it(holder: subprocess.Popen[bytes], verdicts: Maps):
    before = read_interface("c").xdp_program
    steering = succeed("c", verdicts, link_of("c"))
    holder.kill()
    holder.wait()
    assert read_interface("c").xdp_program == before
    steering.close()
    assert read_occupant(read_interface("c")) is None


def test_a_link_that_leads_elsewhere_is_no_predecessors(topology: Topology, verdicts: Maps):
    steering = steer("c", verdicts)
    topology.router.ip("link add other type veth peer name other0")
    with pytest.raises(PortError, match="other: the Bise to replace runs on another interface"):
        succeed("other", verdicts, steering.link)
    with pytest.raises(PortError, match="c: the program to replace is gone"):
        succeed("c", verdicts, 1 << 30)
    steering.close()


def test_a_successor_inherits_that_tags_are_taken_out_at_the_end(blind: Steering):
    blind.interface = dataclasses.replace(blind.interface, kind="")
    blind.leave_tags_in()
    assert blind.leave_to_successor()
    blind.close()
    assert not read_interface("c").strips_tags
    ethtool.set_strips_tags("c", True)


def test_the_next_start_follows_a_kill_at_once(holder: subprocess.Popen[bytes], verdicts: Maps):
    before = read_interface("c").xdp_program
    holder.send_signal(signal.SIGKILL)
    steering = steer("c", verdicts)
    assert read_interface("c").xdp_program not in (0, before)
    steering.close()


def test_a_killed_process_leaves_nothing(holder: subprocess.Popen[bytes]):
    holder.kill()
    holder.wait()
    assert read_occupant(read_interface("c")) is None


def test_what_was_attached_without_a_link_is_replaced(topology: Topology, verdicts: Maps):
    leftover = libbpf.BpfObject(object_path("steer"))
    leftover.select("bise_steer")
    leftover.load()
    netlink.set_xdp(read_interface("c").ifindex, leftover.program("bise_steer"), libbpf.XDP_DRIVER_MODE)
    leftover.close()
    steering = steer("c", verdicts)
    occupant = read_occupant(read_interface("c"))
    assert occupant is not None
    assert occupant.link
    steering.close()


def test_a_full_map_says_how_many_were_left_out():
    small = Verdicts(4, 10)
    with pytest.raises(VerdictsFull, match="10 addresses did not fit"):
        small.update(dict.fromkeys(range(20), 1))
    assert len(small) == 10
    small.close()


@pytest.mark.parametrize("family", [4, 6])
def test_bits_stand_for_the_addresses_that_are_held(family: int):
    """Four times as many addresses as bits: each bit stands for several."""
    held = Verdicts(family, 1 << 15)
    addresses = [number * 7919 for number in range(1 << 14)]
    held.update(dict.fromkeys(addresses, KERNEL))
    octets = 4 if family == 4 else 16
    remaining = addresses[::64]
    held.remove(set(addresses) - set(remaining))
    wanted = {doubt(address.to_bytes(octets, "big")) for address in remaining}
    assert set_bits(held) == wanted
    held.remove(addresses)
    assert not set_bits(held)
    held.close()


def test_addresses_that_do_not_fit_leave_no_bits():
    small = Verdicts(4, 10)
    with pytest.raises(VerdictsFull):
        small.update(dict.fromkeys(range(20), KERNEL))
    assert len(set_bits(small)) == 10
    small.close()


def set_bits(verdicts: Verdicts) -> set[int]:
    """The bits of `doubts`, as a program would find them."""
    found = ctypes.create_string_buffer((1 << DOUBT_BITS) // 8)
    key = ctypes.c_uint32(0)
    libbpf.call("bpf_map_lookup_elem", verdicts.doubts.descriptor, ctypes.byref(key), found)
    words = struct.unpack(f"<{len(found) // 8}Q", found.raw)
    return {64 * place + bit for place, word in enumerate(words) for bit in range(64) if word >> bit & 1}


def test_replacing_addresses_makes_room_first():
    small = Verdicts(6, 10)
    small.replace(dict.fromkeys(range(10), 1))
    small.replace(dict.fromkeys(range(100, 110), 1))
    assert len(small) == 10
    small.close()


@pytest.mark.parametrize("mtu", [1500, 3400, 9000])
def test_any_mtu_will_do(mtu: int, verdicts: Maps):
    with Topology([Port("c", 1, mtu=mtu)]) as made, made.router.inside():
        steering = steer("c", verdicts)
        assert (read_interface("c").mtu, read_interface("c").xdp_mode) == (mtu, XdpMode.NATIVE)
        steering.close()


@pytest.fixture
def blind(topology: Topology) -> Iterator[Steering]:
    """A program that can't ask for tags, not attached."""
    loaded = libbpf.BpfObject(object_path("steer"))
    loaded.select("bise_steer")
    loaded.load()
    interface = dataclasses.replace(read_interface("c"), vlan_metadata=Answer.NO)
    steering = Steering(interface, Tags.LEFT_IN, loaded, "bise_steer")
    yield steering
    steering.close()


def test_veth_is_refused_where_the_kernel_cannot_tell_tags(blind: Steering):
    with pytest.raises(PortError, match="can't tell which packets carry a VLAN tag"):
        blind.leave_tags_in()


def test_hardware_that_strips_tags_is_told_not_to_until_the_end(blind: Steering):
    assert read_interface("c").strips_tags
    blind.interface = dataclasses.replace(blind.interface, kind="")
    blind.leave_tags_in()
    assert not read_interface("c").strips_tags
    blind.close()
    assert read_interface("c").strips_tags


@pytest.mark.parametrize("untagged", [True, False])
def test_only_the_operator_can_vouch_that_there_are_no_tags(
    topology: Topology, verdicts: Maps, monkeypatch: pytest.MonkeyPatch, untagged: bool
):
    old_kernel = dataclasses.replace(read_interface("c"), vlan_metadata=Answer.NO)
    monkeypatch.setattr(program, "read_interface", lambda name: old_kernel)
    if untagged:
        steering = steer("c", verdicts, untagged=True)
        assert steering.tags is Tags.VOUCHED
        steering.close()
    else:
        with pytest.raises(PortError, match="VLAN tag"):
            steer("c", verdicts)
    assert read_occupant(read_interface("c")) is None
