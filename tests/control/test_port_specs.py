import re

import pytest

from bise.control.port_specs import (
    KernelPort,
    MemifPort,
    MemoryPort,
    PcapPort,
    PciPort,
    VhostUserPort,
    parse,
    resource,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("eth0", KernelPort("eth0")),
        ("enp3s0f1.v-x", KernelPort("enp3s0f1.v-x")),
        ("kernel:eth0", KernelPort("eth0")),
        ("eth0,untagged=yes", KernelPort("eth0", untagged=True)),
        ("eth0,untagged=no", KernelPort("eth0")),
        ("vhost-user:/run/vm0.sock", VhostUserPort("vm0", "/run/vm0.sock")),
        ("vhost-user:/run/x,name=vm1,queues=2,role=client", VhostUserPort("vm1", "/run/x", 2, client=True)),
        ("memif:/run/m.sock,id=7", MemifPort("m7", "/run/m.sock", 7)),
        ("memif:/run/m.sock,role=server", MemifPort("m", "/run/m.sock", 0, server=True)),
        ("pci:0000:03:00.0", PciPort("pci-03-00.0", "0000:03:00.0")),
        ("pci:0001:AF:1f.7", PciPort("p0001-af-1f.7", "0001:af:1f.7")),
        ("pcap:in=/tmp/a.pcap,out=b.pcap", PcapPort("a", "/tmp/a.pcap", "b.pcap")),
        ("pcap:out=b.pcap,name=sink", PcapPort("sink", None, "b.pcap")),
        ("memory:", MemoryPort("memory")),
        ("memory:m0,size=1500", MemoryPort("m0", 1500)),
    ],
)
def test_a_port_is_read_as_meant(text, meant):
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "interface's name"),
        ("..", "interface's name"),
        ("a/b", "interface's name"),
        ("sixteen-octets-x", "interface's name"),
        ("eth0,untagged=perhaps", "untagged is yes or no"),
        ("eth0,mtu=9000", "kernel takes no 'mtu=9000'"),
        ("eth0,eth1", "'eth1' is not an option"),
        ("vhost:/run/x", "no port kind 'vhost'"),
        ("vhost-user:", "absolute path"),
        ("vhost-user:vm0.sock", "absolute path"),
        ("vhost-user:/run/x,queues=0", "queues is a number from 1 to 64"),
        ("vhost-user:/run/x,queues=²", "queues is a number from 1 to 64"),
        ("vhost-user:/run/x,rôle=client", "takes no 'rôle=client'"),
        ("vhost-user:/run/x,role=both", "role is server or client"),
        ("vhost-user:/run/x,name", "not an option of the form key=value"),
        ("vhost-user:/run/x,name=a,name=b", "name is given twice"),
        ("vhost-user:/run/a-name-that-is-too-long.sock", "interface's name"),
        ("memif:/run/m,id=-1", "id is a number"),
        ("pci:03:00.0", "PCI address"),
        ("pci:0000:03:00.9", "PCI address"),
        ("pcap:", "in=FILE, out=FILE"),
        ("pcap:a.pcap", "in=FILE"),
        ("memory:m,size=9", "size is a number from 60"),
    ],
)
def test_what_no_port_is_meant_by_is_said(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)) as caught:
        parse(text)
    assert repr(text) in str(caught.value)


def test_ports_of_one_socket_are_told_apart_by_their_id():
    first, second, again = (parse(f"memif:/run/m,{words}") for words in ("id=0", "id=1", "id=0,name=other"))
    assert resource(first) != resource(second)
    assert resource(first) == resource(again)
