"""The addresses: `/` the page, `/events` its live side, `/scene` the present moment as JSON, `/metrics` for Prometheus.

Read-only, and without a password: whoever reaches the socket may read. On a loopback address the name that a browser
asked for has to be one of this machine's, or a foreign page could have its name point here and read along.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bise.web.hub import Hub

PAGE = Path(__file__).parent / "page"
_HEADERS = {
    # Nothing from elsewhere, nothing inline, in nobody's frame.
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",
}


def application(hub: Hub, registry: CollectorRegistry, hosts: Collection[str] = ()) -> Starlette:
    """`hosts`: names that browsers may ask for; none: any."""
    answers = _Answers(hub, registry)
    return Starlette(
        routes=[
            Route("/", answers.page),
            Route("/events", answers.events),
            Route("/scene", answers.scene),
            Route("/metrics", answers.metrics),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(_Doorman, hosts=frozenset(hosts))],
        lifespan=answers.lifespan,
    )


class _Answers:
    def __init__(self, hub: Hub, registry: CollectorRegistry) -> None:
        self._hub, self._registry = hub, registry

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(self._hub.run())
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    async def page(self, _: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def events(self, request: Request) -> Response:
        stream = self._stream(request.query_params.get("name"))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def scene(self, request: Request) -> Response:
        name = self._hub.find(request.query_params.get("name"))
        if not name:
            return PlainTextResponse("no bise of that name is followed here\n", 404)
        async for scene in self._hub.scenes(name):
            return JSONResponse(scene)
        return PlainTextResponse("closing\n", 503)

    async def metrics(self, request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(await asyncio.to_thread(encode, self._registry), headers={"content-type": kind})

    async def _stream(self, wanted: str | None) -> AsyncIterator[bytes]:
        if not self._hub.find(wanted):
            yield _event("nobody", self._hub.instances())
        name = await self._hub.appears(wanted)
        yield _event("history", self._hub.history(name))
        async for scene in self._hub.scenes(name):
            yield _event("scene", scene)


class _Doorman:
    """Sends away who asks for a name that isn't this machine's; puts the headers on all that leaves."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        asked = Request(scope).url.hostname or ""
        if self._hosts and asked not in self._hosts:
            refusal = PlainTextResponse(f"{asked!r} is no name of this page: {', '.join(sorted(self._hosts))}\n", 403)
            await refusal(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


def _event(kind: str, value: object) -> bytes:
    """Server-sent (WHATWG HTML, 9.2.6); `retry` is after how long the browser asks again, in ms."""
    return f"event: {kind}\nretry: 1000\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
