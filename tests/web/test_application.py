"""The addresses, asked over HTTP by Python's own client."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from bise.errors import BiseError
from bise.web.server import Listen, WrongAddress, bind, parse
from tests.control.serving import serving
from tests.monitor.instance import Instance


@contextmanager
def asked(url: str, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", path, headers=headers)
    yield connection.getresponse()
    connection.close()


def events(response: http.client.HTTPResponse) -> Iterator[tuple[str, object]]:
    """Server-sent events, read as the standard says."""
    kind = ""
    while line := response.readline().decode():
        field, _, value = line.rstrip("\n").partition(": ")
        if field == "event":
            kind = value
        elif field == "data":
            yield kind, json.loads(value)


def followed(url: str, name: str = "default") -> None:
    """Until it is."""
    for _ in range(200):
        with asked(url, f"/scene?name={name}") as response:
            if response.status == 200:
                return
            response.read()
    pytest.fail(f"{name} is not followed")


def test_events_begin_with_the_history_and_go_on_with_scenes(serve, directory):
    with serving(directory, Instance().verbs):
        url = serve("default")
        followed(url)
        with asked(url, "/events?name=default") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            found = events(response)
            kinds = [next(found) for _ in range(3)]
    assert [kind for kind, _ in kinds] == ["history", "scene", "scene"]
    first, second = kinds[1][1], kinds[2][1]
    assert second["point"]["at_ms"] > first["point"]["at_ms"]
    assert second["report"]["interval_ns"] >= 1_000_000_000
    assert second["report"]["ports"][0]["received"] == 1_000_000


def test_a_client_that_comes_late_gets_what_was_before(serve, directory):
    with serving(directory, Instance().verbs):
        url = serve("default")
        followed(url)
        with asked(url, "/events?name=default") as response:
            found = events(response)
            moments = [value["point"]["at_ms"] for _, value in (next(found) for _ in range(4)) if "point" in value]
        with asked(url, "/events?name=default") as response:
            _, history = next(events(response))
    assert [point["at_ms"] for point in history][: len(moments)] == moments


def test_nobody_there_is_trouble_and_not_an_error(serve, directory):
    url = serve("default")
    followed(url)
    with asked(url, "/scene?name=default") as response:
        scene = json.load(response)
    assert scene["report"] is None
    assert scene["trouble"].startswith("no bise named 'default' runs")


def test_all_that_run_are_followed_and_others_are_not_known(serve, directory):
    with serving(directory, Instance("edge").verbs, "edge"), serving(directory, Instance("core").verbs, "core"):
        url = serve()
        followed(url, "edge")
        followed(url, "core")
        with asked(url, "/scene?name=edge") as response:
            scene = json.load(response)
        assert (scene["name"], scene["instances"]) == ("edge", ["core", "edge"])
        with asked(url, "/scene?name=../../etc/passwd") as response:
            assert response.status == 404


@pytest.mark.parametrize("path", ["/", "/page/bise.js", "/events", "/scene", "/metrics", "/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "169.254.169.254"])
def test_a_foreign_name_that_points_here_reads_nothing(serve, path, host):
    with asked(serve("default"), path, Host=host) as response:
        assert response.status in (400, 403)


@pytest.mark.parametrize("host", ["localhost:8477", "127.0.0.1", "[::1]:8477"])
def test_this_machine_s_names_are_let_in_and_nothing_may_come_from_elsewhere(serve, host):
    with asked(serve("default"), "/", Host=host) as response:
        assert response.status == 200
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert b"://" not in response.read()


def test_nothing_can_be_written(serve):
    connection = http.client.HTTPConnection(urlsplit(serve("default")).netloc, timeout=20)
    for method in ("POST", "PUT", "DELETE"):
        connection.request(method, "/scene")
        response = connection.getresponse()
        response.read()
        assert response.status == 405
    connection.close()


@pytest.mark.parametrize(
    ("text", "listen", "loopback"),
    [
        ("127.0.0.1:80", Listen("127.0.0.1", 80), True),
        ("localhost:80", Listen("127.0.0.1", 80), True),
        ("[::1]:80", Listen("::1", 80), True),
        ("[2001:DB8::1]:0", Listen("2001:db8::1", 0), False),
        ("0.0.0.0:8477", Listen("0.0.0.0", 8477), False),
    ],
)
def test_addresses_are_read(text, listen, loopback):
    assert parse(text) == listen
    assert listen.loopback == loopback


@pytest.mark.parametrize(
    "text", ["", "80", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "eth0:80", "1.2.3.4:-1"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(WrongAddress, match="--listen"):
        parse(text)


def test_an_address_that_is_taken_is_said():
    with bind(Listen("127.0.0.1", 0)) as taken, pytest.raises(BiseError, match="Address already in use; choose"):
        bind(Listen("127.0.0.1", taken.getsockname()[1]))
