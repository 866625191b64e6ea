"""The control socket, both ends."""

import asyncio
import json
import socket
from collections.abc import Callable

import pytest

from bise.control.socket import ControlClient, ControlServer, instances
from bise.errors import BiseError
from tests.control.serving import serving


async def _slow(arguments):
    await asyncio.sleep(0)
    return arguments


def _refused(arguments):
    raise BiseError("no such thing; try another")


OTHER_VERBS = {"status": lambda arguments: {"state": "starting"}}
VERBS = {"status": lambda arguments: {"state": "forwarding"}, "echo": _slow, "refuse": _refused}


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "run"


def raw(directory, line: bytes) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(5)
        end.connect(str(directory / "default.sock"))
        end.sendall(line)
        return json.loads(end.makefile().readline())


def test_a_verb_is_answered(directory):
    with serving(directory, VERBS), ControlClient("default", directory) as bise:
        assert bise.ask("status") == {"state": "forwarding"}


def test_one_conversation_holds_several_questions(directory):
    with serving(directory, VERBS), ControlClient("default", directory) as bise:
        assert [bise.ask("echo", number=number) for number in range(3)] == [{"number": number} for number in range(3)]


def test_a_large_reply_comes_whole(directory):
    large = {"routes": ["10.0.0.0/24"] * 100_000}
    with serving(directory, {"routes": lambda _: large}), ControlClient("default", directory) as bise:
        assert bise.ask("routes") == large


def test_what_a_verb_refuses_reaches_the_client(directory):
    with serving(directory, VERBS), ControlClient("default", directory) as bise:
        with pytest.raises(BiseError, match="no such thing; try another"):
            bise.ask("refuse")
        assert bise.ask("echo") == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hello\n", "one line of JSON"),
        (b"\xff\n", "one line of JSON"),
        (b"[]\n", 'a request is {"verb"'),
        (b'{"verb": 1}\n', 'a request is {"verb"'),
        (b'{"verb": "status", "arguments": []}\n', 'a request is {"verb"'),
        (b'{"verb": "explode"}\n', "no verb 'explode'; there are echo, refuse, status"),
    ],
)
def test_a_request_that_means_nothing_is_answered_with_an_error(directory, line, words):
    with serving(directory, VERBS):
        answer = raw(directory, line)
    assert answer["ok"] is False
    assert words in str(answer["error"])


def test_a_client_that_sends_no_line_end_harms_nobody(directory):
    with serving(directory, VERBS), ControlClient("default", directory) as bise:
        with socket.socket(socket.AF_UNIX) as endless:
            endless.settimeout(5)
            endless.connect(str(directory / "default.sock"))
            endless.sendall(b"x" * 100_000)
            assert endless.recv(1) == b""
        assert bise.ask("status") == {"state": "forwarding"}


def test_a_name_belongs_to_one_instance(directory):
    with serving(directory, VERBS), pytest.raises(BiseError, match="a bise named 'default' runs already"):
        ControlServer("default", directory)


def test_instances_of_several_names_live_side_by_side(directory):
    with serving(directory, VERBS, "a"), serving(directory, VERBS, "b"):
        assert instances(directory) == ["a", "b"]
        with pytest.raises(BiseError, match=r"no bise named 'c' runs; there is a, b \(--name\)"):
            ControlClient("c", directory)


def test_the_socket_of_a_dead_process_is_replaced(directory):
    directory.mkdir()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(directory / "default.sock"))
    dead.close()
    assert instances(directory) == []
    with pytest.raises(BiseError, match="died"):
        ControlClient("default", directory)
    with serving(directory, VERBS), ControlClient("default", directory) as bise:
        assert bise.ask("status") == {"state": "forwarding"}


def test_only_the_owner_may_open_the_socket(directory):
    with serving(directory, VERBS):
        assert directory.stat().st_mode & 0o777 == 0o700
        assert (directory / "default.sock").stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_behind(directory):
    with serving(directory, VERBS), ControlClient("default", directory):
        pass
    assert not directory.exists()


def test_no_instance_is_said_with_what_to_do(directory):
    with pytest.raises(BiseError, match="no bise named 'default' runs; start it with `bise run"):
        ControlClient("default", directory)


def test_an_instance_that_does_not_answer_is_said(directory):
    server = ControlServer("default", directory)  # claimed, and never started
    with ControlClient("default", directory, reply_within_s=0.05) as bise, pytest.raises(BiseError, match="no answer"):
        bise.ask("status")
    asyncio.run(server.close())


def test_an_instance_that_hangs_up_is_said(directory):
    with serving(directory, VERBS):
        bise = ControlClient("default", directory)
        bise.ask("status")
    with bise, pytest.raises(BiseError, match="hung up before it answered 'status'"):
        bise.ask("status")


def test_a_successor_takes_the_name_over_while_somebody_answers_to_it(directory):
    async def succeed(asked: Callable[[], object]) -> None:
        second = ControlServer("default", directory, succeeds=True)
        await second.start(OTHER_VERBS)
        assert await asyncio.to_thread(asked) == {"state": "forwarding"}
        await second.take_over()
        assert await asyncio.to_thread(asked) == {"state": "starting"}
        await first.close()
        assert await asyncio.to_thread(asked) == {"state": "starting"}
        await second.close()

    def asked() -> object:
        with ControlClient("default", directory) as bise:
            return bise.ask("status")

    async def run() -> None:
        await first.start(VERBS)
        await succeed(asked)

    first = ControlServer("default", directory)
    asyncio.run(run())
    assert not directory.exists()


def test_a_successor_that_gives_up_leaves_the_name_alone(directory):
    with serving(directory, VERBS):
        asyncio.run(ControlServer("default", directory, succeeds=True).close())
        assert instances(directory) == ["default"]
