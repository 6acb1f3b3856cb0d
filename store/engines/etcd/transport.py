"""The way to each member: one connection that is made when needed, a token when etcd wants one, and the network's cuts.

Must not decide whom to ask, nor ask twice, but for one thing: a request refused for its token is sent again with a
new one. A member whose machine the cluster's network is cut from is not dialled, and its connection is reset.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from cluster.config import Etcd
from cluster.errors import UsageError
from cluster.world.host import Links
from store.engines.etcd import messages
from store.engines.etcd.channel import Channel, Duplex, dial
from store.engines.etcd.endpoints import Endpoint, endpoints
from store.engines.etcd.http2 import header_block
from store.engines.etcd.refusals import PRECONDITION, UNAVAILABLE, Failure, wants_sign_in

DIAL = 1.0
"""Seconds for connecting, TLS and the server's first words."""


def tls_context(config: Etcd) -> ssl.SSLContext:
    """UsageError names the file that cannot be used."""
    place = "--etcd-cacert"
    try:
        context = ssl.create_default_context(cafile=config.cacert or None)
        if config.cert:
            place = "--etcd-cert"
            context.load_cert_chain(config.cert, config.key or None)
    except (OSError, ssl.SSLError) as error:
        named = config.cacert if place == "--etcd-cacert" else f"{config.cert} and {config.key or 'no key'}"
        raise UsageError(f"{named}: {error}", place=place, remedy="a PEM file that can be read") from None
    context.set_alpn_protocols(["h2"])
    return context


def password_of(config: Etcd) -> str:
    """The file's first line; UsageError if there is none."""
    if not config.user:
        return ""
    try:
        lines = Path(config.password_file).read_text().splitlines()
    except OSError as error:
        raise UsageError(str(error), place="--etcd-password-file", remedy="a file with the password in it") from None
    if not lines or not lines[0]:
        raise UsageError("is empty", place=f"--etcd-password-file {config.password_file}")
    return lines[0]


class Transport:
    """`links`: the host's."""

    def __init__(self, config: Etcd, links: Links) -> None:
        loop = asyncio.get_running_loop()
        if type(loop).create_connection is asyncio.AbstractEventLoop.create_connection:
            raise UsageError(
                "engine etcd speaks TCP to servers outside of the cluster, and simulated time has neither",
                place="cluster.engine",
                remedy="`up --store etcd` with real processes, or engine raft in the simulator",
            )
        self.endpoints: Sequence[Endpoint] = endpoints(config.endpoints)
        self._tls = tls_context(config) if self.endpoints[0].tls else None
        self._user, self._password = config.user, password_of(config)
        self._links = links
        self._channels: dict[int, Channel] = {}
        self._dialling: dict[int, asyncio.Task[Channel]] = {}
        self._blocks: dict[tuple[int, str, bool], bytes] = {}
        self._token = b""
        self._anonymous = not config.user
        """Nobody asks who we are."""
        self._signing: asyncio.Task[None] | None = None
        links.on_change(self._links_changed)

    async def unary(self, at: int, method: str, message: bytes, timeout: float, *, led: bool = False) -> bytes:
        """The answer of the `at`-th member, or a Failure. `led`: it is to refuse when it knows no leader."""

        async def call(left: float) -> bytes:
            channel = await self._channel(at, left)
            block = self._block(at, method, led) + _deadline(left)
            return await channel.unary(block, message, left)

        return await self._signed(at, timeout, call)

    async def duplex(self, at: int, method: str, message: bytes, timeout: float, *, led: bool = False) -> Duplex:
        """An open stream to the `at`-th member; `timeout` is for the opening."""

        async def call(left: float) -> Duplex:
            channel = await self._channel(at, left)
            return channel.duplex(self._block(at, method, led), message)

        if not self._anonymous and not self._token:
            await self._sign_in(at, timeout)
        return await call(timeout)

    @property
    def signed_in(self) -> bool:
        """Do requests carry a token?"""
        return bool(self._token) or not self._anonymous

    def forget_token(self) -> None:
        """It was refused: the next request gets another."""
        self._set_token(b"")

    def close(self) -> None:
        """No connection is left, nor comes to be."""
        for task in self._dialling.values():
            task.cancel()
        for channel in self._channels.values():
            channel.abort(Failure(UNAVAILABLE, "closed here"))
        self._channels.clear()

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────

    async def _channel(self, at: int, timeout: float) -> Channel:
        channel = self._channels.get(at)
        if channel is not None and channel.usable:
            return channel
        self._refuse_if_cut(at)
        task = self._dialling.get(at)
        if task is None:
            task = self._dialling[at] = asyncio.create_task(self._dial(at))
            task.add_done_callback(lambda done: self._dialled(at, done))
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Failure(UNAVAILABLE, f"{self.endpoints[at].url} cannot be reached", acted=False) from None

    async def _dial(self, at: int) -> Channel:
        channel = await dial(self.endpoints[at], self._tls, DIAL)
        self._channels[at] = channel
        self._cut_if_cut(at)  # the network may have changed meanwhile
        return channel

    def _dialled(self, at: int, done: asyncio.Task[Channel]) -> None:
        del self._dialling[at]
        _looked_at(done)

    def _cut_off(self, at: int) -> bool:
        machine = self.endpoints[at].machine
        return bool(machine) and not self._links.connected(machine)

    def _refuse_if_cut(self, at: int) -> None:
        if self._cut_off(at):
            where = self.endpoints[at]
            raise Failure(UNAVAILABLE, f"the network is cut between here and {where.machine}", acted=False)

    def _cut_if_cut(self, at: int) -> None:
        if self._cut_off(at):
            machine = self.endpoints[at].machine
            self._channels.pop(at).abort(Failure(UNAVAILABLE, f"the network was cut between here and {machine}"))

    def _links_changed(self) -> None:
        for at in list(self._channels):
            self._cut_if_cut(at)

    # ── headers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _block(self, at: int, method: str, led: bool) -> bytes:
        block = self._blocks.get((at, method, led))
        if block is None:
            where = self.endpoints[at]
            headers = [
                (b":method", b"POST"),
                (b":scheme", b"https" if where.tls else b"http"),
                (b":path", method.encode()),
                (b":authority", where.authority.encode()),
                (b"content-type", b"application/grpc"),
                (b"te", b"trailers"),
                (b"user-agent", b"capstan"),
            ]
            if led:
                headers.append((b"hasleader", b"true"))
            if self._token and method != messages.AUTHENTICATE:
                headers.append((b"token", self._token))
            block = self._blocks[at, method, led] = header_block(headers)
        return block

    # ── who we are ───────────────────────────────────────────────────────────────────────────────────────────

    async def _signed(self, at: int, timeout: float, call: Callable[[float], Awaitable[bytes]]) -> bytes:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        if not self._anonymous and not self._token:
            await self._sign_in(at, timeout)
        used = self._token
        try:
            return await call(deadline - loop.time())
        except Failure as failure:
            if not self._user or not wants_sign_in(failure):
                raise
            self._anonymous = False  # it may have been enabled since
        if self._token == used:  # nobody else has got a new one meanwhile
            self._set_token(b"")
            await self._sign_in(at, deadline - loop.time())
        return await call(deadline - loop.time())

    async def _sign_in(self, at: int, timeout: float) -> None:
        if self._signing is None or self._signing.done():
            self._signing = asyncio.create_task(self._authenticate(at, timeout))
            self._signing.add_done_callback(_looked_at)
        await asyncio.shield(self._signing)

    async def _authenticate(self, at: int, timeout: float) -> None:
        channel = await self._channel(at, timeout)
        message = messages.authenticate_request(self._user, self._password)
        try:
            answer = await channel.unary(self._block(at, messages.AUTHENTICATE, False), message, timeout)
        except Failure as failure:
            if failure.code == PRECONDITION and "authentication is not enabled" in failure.message:
                self._anonymous = True
                return
            failure.acted = False  # the request itself has not been sent
            raise
        self._set_token(messages.token_of(answer))

    def _set_token(self, token: bytes) -> None:
        self._token = token
        self._blocks.clear()


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Whoever waited has what it raised; perhaps nobody waits any more."""
    if not task.cancelled():
        task.exception()


def _deadline(seconds: float) -> bytes:
    """gRPC's timeout header, so that the server gives up when we do."""
    return header_block(((b"grpc-timeout", b"%dm" % max(1, round(seconds * 1000))),))
