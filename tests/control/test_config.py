from pathlib import Path

import pytest

from bise.control.config import Configuration, ConfigurationError, Mode, Spread, configuration
from bise.control.port_specs import KernelPort, VhostUserPort

WHOLE = """
name = "edge"
ports = ["eth0", "vhost-user:/run/vm0.sock"]
cores = [2, 3]
mode = "poll"
memory = "1G"
queues = 2
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "bise.toml"
        path.write_text(text)
        return path

    return write


def complaint(path: Path | None, **flags: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        configuration(path, flags)
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_a_file_is_read_whole(written):
    assert configuration(written(WHOLE), {}) == Configuration(
        name="edge",
        ports=(KernelPort("eth0"), VhostUserPort("vm0", "/run/vm0.sock")),
        cores=(2, 3),
        mode=Mode.POLL,
        memory=1 << 30,
        queues=2,
    )


def test_nothing_is_spread_unless_something_is_said(written):
    assert configuration(None, {}).spread is Spread.NEVER
    assert configuration(written('spread = "always"'), {}).spread is Spread.ALWAYS
    assert "spread: auto, always, never: one of these, not 'yes'" in complaint(written('spread = "yes"'))


def test_nothing_said_is_the_default():
    flags = {"ports": [], "cores": None, "mode": None, "memory": None, "queues": None, "name": None, "confirm": None}
    assert configuration(None, flags) == Configuration()


def test_a_flag_replaces_what_the_file_says(written):
    wanted = configuration(written(WHOLE), {"ports": ["eth7"], "mode": "interrupt", "cores": "0,4-6", "confirm": 60})
    assert wanted.ports == (KernelPort("eth7"),)
    assert wanted.mode is Mode.INTERRUPT
    assert wanted.cores == (0, 4, 5, 6)
    assert wanted.confirm_ns == 60_000_000_000
    assert wanted.name == "edge"


@pytest.mark.parametrize(
    ("text", "octets"),
    [("256M", 256 << 20), ("1G", 1 << 30), ("64MiB", 64 << 20), ("131072K", 128 << 20), ("134217728", 128 << 20)],
)
def test_an_amount_of_memory_is_read(text, octets):
    assert configuration(None, {"memory": text}).memory == octets


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('name = "a"\ncore = [0]\n', 2, "core: no such key; there are name, ports, cores"),
        ("\n\ncores = 1\n", 3, "cores: a list of core numbers"),
        ('cores = ["0"]', 1, "cores: a list of core numbers"),
        ("cores = [0, 0]", 1, "cores: a core is given twice"),
        ("cores = [true]", 1, "cores: a list of core numbers"),
        ("queues = 0", 1, "queues: a number from 1 to 64, not 0"),
        ('queues = "2"', 1, "queues: a number from 1 to 64, not '2'"),
        ('mode = "fast"', 1, "mode: poll, adaptive, interrupt: one of these, not 'fast'"),
        ('mode = ["poll"]', 1, "mode: poll, adaptive, interrupt: one of these"),
        ('memory = "12 parsecs"', 1, "memory: an amount like 256M"),
        ('memory = "1M"', 1, "memory: 1M is too little"),
        ("memory = true", 1, "memory: an amount"),
        ('name = "../x"', 1, "name: a name is 1 to 32 letters"),
        ('ports = "eth0"', 1, "ports: a list of strings"),
        ("ports = [\n  'eth0',\n  'eth1:1',\n]", 3, "ports: 'eth1:1': no port kind 'eth1'"),
        ("ports = [\n  'eth0',\n  'eth0',\n]", 2, "ports: 'eth0' is the same port as 'eth0'"),
        ('"queues" = -1', 1, "queues: a number"),
        ("name = 'a'\n[port]\nname = 'b'\n", 2, "port: no such key"),
        ("name = 'a'\nport.name = 'b'\n", 2, "port: no such key"),
        ("confirm = 60", 1, "confirm: no such key"),
        ("name = 'a'\nports = [", 2, "Invalid value"),
        ("name = 'a'\nname = 'b'", 2, "Cannot overwrite a value"),
        ("name = 'a'\nmode poll", 2, "Expected '='"),
        (f"queues = {'9' * 5000}", 1, "Exceeds the limit"),
        (f"queues = {'[' * 5000}", 1, "maximum recursion depth exceeded"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_line_and_key(written, text, line, words):
    path = written(text)
    assert complaint(path).startswith(f"{path}:{line}: {words}")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"ports": ["eth0", "eth0"]}, "--port: 'eth0' is the same port"),
        ({"ports": ["memif:/a,name=x", "memif:/a,name=y"]}, "--port: 'memif:/a,name=y' is the same port as 'x'"),
        ({"ports": ["memory:eth0", "eth0"]}, "--port: 'eth0' is the same port"),
        ({"cores": "0,"}, "--cores: core numbers like 0,1"),
        ({"cores": "3-1"}, "--cores: core numbers like 0,1"),
        ({"cores": ""}, "--cores: core numbers like 0,1"),
        ({"name": ""}, "--name: a name is"),
        ({"confirm": 0}, "--confirm: a number from 1"),
        ({"queues": 65}, "--queues: a number from 1 to 64"),
    ],
)
def test_what_is_wrong_in_a_flag_is_named(flags, words):
    assert complaint(None, **flags).startswith(words)


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    assert complaint(tmp_path / "none.toml").endswith("No such file or directory")
    assert complaint(tmp_path).endswith("Is a directory")
    latin = tmp_path / "latin.toml"
    latin.write_bytes("name = 'é'".encode("latin-1"))
    assert complaint(latin).endswith("not UTF-8 (octet 8)")


def test_a_path_of_a_node_is_meant_from_where_it_is_written(written, tmp_path):
    path = written('nodes = ["mine.py", "/etc/bise/other.py"]')
    assert configuration(path, {}).nodes == (tmp_path / "mine.py", Path("/etc/bise/other.py"))
    assert configuration(path, {"nodes": [Path("here.py")]}).nodes == (Path("here.py"),)


def test_two_nodes_of_one_name_are_refused():
    said = complaint(None, nodes=[Path("a/mine.py"), Path("b/mine.py")])
    assert said.startswith("--node: two files of the same name")
