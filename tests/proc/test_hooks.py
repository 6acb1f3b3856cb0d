"""Webhooks over real HTTPS: who is trusted, what a Service's name is for, and what is said when nothing answers."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cluster.apiserver.admission.webhooks import Place
from cluster.apiserver.rest.hooks import MOST_BYTES, Hooks
from cluster.pki.authority import Pair, Subject, authority, issue

pytestmark = pytest.mark.proc

HEARD = {"heard": True}
NOW = datetime.now(UTC)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """A webhook's, on a port of its own; its certificate is for `name` and the address."""

    def __init__(self, folder: Path, ca: Pair, name: str) -> None:
        pair = issue(ca, Subject("hook"), NOW, 1, (name,))
        (folder / "hook.pem").write_bytes(pair.cert + pair.key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "hook.pem")
        self.asked: list[Any] = []
        self.port = 0

    async def __call__(self, handler: Handler | None, ask: Callable[[int], Awaitable[Any]]) -> Any:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            self.asked.append((request.path_qs, request.headers["Host"], json.loads(await request.read())))
            return web.json_response({"heard": True}) if handler is None else await handler(request)

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.context)
        await site.start()
        port = runner.addresses[0][1]
        try:
            return await ask(port)
        finally:
            await runner.cleanup()


@pytest.fixture
def ca() -> Pair:
    return authority("hooks", NOW, 1)


def called(server: Server, place: Callable[[int], Place], handler: Handler | None = None, seconds: float = 5.0) -> Any:
    async def ask(port: int) -> Any:
        hooks = Hooks()
        try:
            return await hooks.call(place(port), {"kind": "AdmissionReview"}, seconds)
        finally:
            await hooks.close()

    return asyncio.run(server(handler, ask))


def test_a_url_and_a_service(tmp_path: Path, ca: Pair) -> None:
    server = Server(tmp_path, ca, "127.0.0.1")
    assert called(server, lambda port: Place(f"https://127.0.0.1:{port}/check?timeout=5s", ca=ca.cert)) == HEARD
    assert server.asked[0][0] == "/check?timeout=5s"
    assert server.asked[0][2] == {"kind": "AdmissionReview"}
    named = Server(tmp_path, ca, "hook.team.svc")
    service = "https://hook.team.svc:443/check?timeout=5s"
    assert called(named, lambda port: Place(service, ("127.0.0.1", port), "hook.team.svc", ca.cert)) == HEARD
    assert named.asked[0][:2] == ("/check?timeout=5s", "hook.team.svc")


def test_a_certificate_of_another_authority_or_name(tmp_path: Path, ca: Pair) -> None:
    server = Server(tmp_path, ca, "127.0.0.1")
    other = authority("others", NOW, 1).cert
    with pytest.raises(ValueError, match=r'Post "https://127.*tls: failed to verify certificate'):
        called(server, lambda port: Place(f"https://127.0.0.1:{port}/", ca=other))
    with pytest.raises(ValueError, match="failed to verify certificate"):
        called(server, lambda port: Place("https://a.b.svc:443/", ("127.0.0.1", port), "a.b.svc", ca.cert))
    with pytest.raises(ValueError, match="unable to load root certificates"):
        called(server, lambda port: Place("https://a.b.svc:443/", ("127.0.0.1", port), "a.b.svc", b"nonsense"))
    assert server.asked == []


def test_nobody_there(tmp_path: Path, ca: Pair) -> None:
    server = Server(tmp_path, ca, "127.0.0.1")
    with pytest.raises(ValueError, match=r"dial tcp 127\.0\.0\.1:9: connect: connection refused"):
        called(server, lambda _: Place("https://127.0.0.1:9/", ca=ca.cert))


def test_answers_that_are_none(tmp_path: Path, ca: Pair) -> None:
    async def never(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=500, text="out of order")

    async def text(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="yes")

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"0" * (MOST_BYTES + 1))

    server = Server(tmp_path, ca, "127.0.0.1")
    cases: tuple[tuple[Handler, str], ...] = (
        (never, "context deadline exceeded"),
        (broken, "the server answered 500: out of order"),
        (text, "the answer is no JSON"),
        (endless, "the answer has more than"),
    )
    for handler, told in cases:
        with pytest.raises(ValueError, match=told):
            called(server, lambda port: Place(f"https://127.0.0.1:{port}/", ca=ca.cert), handler, 1.0)
