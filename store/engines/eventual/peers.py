"""Telling the other replicas: new writes at once, hints for those that do not answer, and gossip about the rest.

Shell. Must not merge anything itself (replica.py), or make a client wait: an acknowledged write is durable here, and
here only, until this has spread it.

One task a peer. Keys to be told are sent as the records that they hold by then, so many writes of one key cost one.
A peer that does not answer is silent: its keys become hints, written to disk and handed over when it answers again
(Dynamo 4.6). Every `gossip` seconds the trees are compared, and what differs goes both ways (Dynamo 4.7).

On the bus: eventual.push [revision, records] -> [revision, settled]; eventual.tree [revision, nodes] ->
[revision, replies]; eventual.want [revision, keys] -> [revision, records]; eventual.settled [revision, names] ->
[revision, []].
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc
from store.engines.eventual import rows
from store.engines.eventual.config import Config
from store.engines.eventual.disk import read_hints, write_hints
from store.engines.eventual.merkle import Node
from store.engines.eventual.values import Record, Stamp

if TYPE_CHECKING:
    from store.engines.eventual.member import Member

NODES = 256
"""Nodes of the tree asked about in one message."""
KEYS = 1000
"""Keys asked for, or handed over, in one message at most."""


class Link:
    """What is owed to one peer. `keys`: not told yet, in order; while `silent` they are its hints."""

    def __init__(self, peer: str, keys: Sequence[bytes]) -> None:
        self.peer = peer
        self.keys: dict[bytes, None] = dict.fromkeys(keys)
        self.silent = False
        self.on_disk = bool(keys)
        self.changed = False
        """Are there keys that the file does not have?"""
        self.overflowed = 0
        """How often there were more hints than may be kept."""
        self.waker: asyncio.Event = asyncio.Event()


class Peers:
    def __init__(self, rpc: Rpc, config: Config, member: Member) -> None:
        self._rpc = rpc
        self._config = config
        self._member = member
        self._loop = asyncio.get_running_loop()
        self._links: dict[str, Link] = {}
        for peer in config.members:
            if peer != member.host.name:
                hints = read_hints(member.host.disk, peer)
                if hints is None:
                    member.host.note("hints-lost", {"peer": peer})
                self._links[peer] = Link(peer, hints or ())
        member.wrote = self.wrote
        member.hints = lambda: {link.peer: len(link.keys) for link in self._links.values()}
        rpc.serve_fast("eventual.push", self._pushed)
        rpc.serve_fast("eventual.tree", self._compared)
        rpc.serve_fast("eventual.want", self._wanted)
        rpc.serve_fast("eventual.settled", self._forgotten)

    def start(self) -> list[asyncio.Future[None]]:
        return [asyncio.ensure_future(self._keep_up(link)) for link in self._links.values()]

    def wrote(self, keys: Sequence[bytes]) -> None:
        """Written here, and durable: to be told."""
        for link in self._links.values():
            for key in keys:
                link.keys[key] = None
            link.changed = True
            if len(link.keys) > self._config.max_hints and link.silent:
                link.keys.clear()
                link.overflowed += 1
            if not link.silent:
                link.waker.set()

    # ── what peers ask ───────────────────────────────────────────────────────────────────────────────────────

    def _from_peer(self, request: Request) -> Any:
        """The body's second part. StatusError Forbidden or BadRequest."""
        link = self._links.get(request.src)
        if link is None:
            raise StatusError("Forbidden", f"{request.src} is no member")
        body = request.body
        if type(body) is not list or len(body) != 2 or type(body[0]) is not int:
            raise StatusError("BadRequest", "malformed: a revision and what is meant")
        self._heard(body[0])
        if link.silent:
            link.waker.set()  # it is back
        return body[1]

    def _heard(self, revision: int) -> None:
        self._member.replica.heard = max(self._member.replica.heard, revision)

    def _pushed(self, request: Request, answer: Answer) -> None:
        records, member = rows.records_of(self._from_peer(request)), self._member

        def merge() -> Callable[[], None]:
            settled = self._receive(records)
            return lambda: answer.ok([member.replica.space.revision, settled])

        member.change(merge)

    def _compared(self, request: Request, answer: Answer) -> None:
        nodes, peer = rows.nodes_of(self._from_peer(request)), request.src

        def look() -> None:
            replica = self._member.replica
            replies = replica.tree.answer(nodes)
            if not replies and any(node.level == 0 for node in nodes):
                replica.agreed(peer, replica.version)
            answer.ok([replica.space.revision, replies])

        self._member.look(look)

    def _wanted(self, request: Request, answer: Answer) -> None:
        keys = rows.keys_of(self._from_peer(request))

        def look() -> None:
            records = self._portion(keys)  # what is left out differs still in the next round
            answer.ok([self._member.replica.space.revision, records])

        self._member.look(look)

    def _forgotten(self, request: Request, answer: Answer) -> None:
        self._settled(rows.names_of(self._from_peer(request)))
        answer.ok([self._member.replica.space.revision, []])

    def _portion(self, keys: Sequence[bytes]) -> list[Record]:
        """The first of these keys' records, a message full. To be called where looking is allowed."""
        size, part = 0, list[Record]()
        for key in keys:
            record = self._member.replica.records.get(key)
            if record is None:
                continue
            size += rows.weight(record)
            if part and size > self._config.max_message_bytes:
                break
            part.append(record)
        return part

    # ── what peers are told ──────────────────────────────────────────────────────────────────────────────────

    async def _keep_up(self, link: Link) -> None:
        dice, config = self._member.host.rng, self._config
        due = self._loop.time() + config.gossip * dice.random()
        while True:
            if not link.keys or link.silent:
                await self._until(link, due)
            try:
                await self._hand_over(link)
                if self._loop.time() >= due or link.silent:
                    await self._reconcile(link)
                    due = self._loop.time() + config.gossip * dice.uniform(0.5, 1.0)
            except StatusError as error:
                if error.reason not in ("Timeout", "TooManyRequests", "MethodNotAllowed"):
                    self._member.host.note("peer-refuses", {"peer": link.peer, "error": str(error)})
                await self._fell_silent(link)
                due = self._loop.time() + config.retry
                continue
            if link.silent:
                link.silent = False
                self._member.host.note("peer", {"peer": link.peer, "silent": False})

    async def _until(self, link: Link, due: float) -> None:
        timer = self._loop.call_at(due, link.waker.set)
        await link.waker.wait()
        timer.cancel()
        link.waker.clear()

    async def _fell_silent(self, link: Link) -> None:
        if not link.silent:
            link.silent = True
            self._member.host.note("peer", {"peer": link.peer, "silent": True, "hints": len(link.keys)})
        link.waker.clear()
        if link.changed:
            link.changed, link.on_disk = False, bool(link.keys)
            await write_hints(self._member.host.disk, link.peer, list(link.keys))

    async def _ask(self, link: Link, kind: str, what: Any) -> Any:
        revision = self._member.replica.space.revision
        answer = await self._rpc.call(link.peer, kind, [revision, what], timeout=self._config.patience)
        if type(answer) is not list or len(answer) != 2 or type(answer[0]) is not int:
            raise StatusError("BadRequest", f"{link.peer} answers {kind} with something else")
        self._heard(answer[0])
        return answer[1]

    async def _hand_over(self, link: Link) -> None:
        """Tell what is owed now; a key is struck off when the peer has made it durable, if it was not written since."""
        records, keys = self._member.replica.records, list(link.keys)
        while keys:
            part = await self._member.looked(partial(self._portion, keys[:KEYS]))
            if part:
                self._settled(rows.names_of(await self._ask(link, "eventual.push", part)))
            told = {record.key: record.stamp for record in part}
            for key in keys[:KEYS]:
                record = records.get(key)
                if record is None or told.get(key) == record.stamp:
                    link.keys.pop(key, None)
            keys = [key for key in keys[:KEYS] if key in records and key not in told] + keys[KEYS:]
        if link.on_disk and not link.keys:
            link.on_disk = False
            await write_hints(self._member.host.disk, link.peer, [])

    def _settled(self, names: list[tuple[bytes, Stamp]]) -> None:
        if names:
            self._member.changed(lambda: self._member.replica.settled(names))

    async def _reconcile(self, link: Link) -> None:
        """Compare the trees from the top, and let what differs go both ways."""
        replica = self._member.replica
        want: dict[bytes, None] = {}
        give: dict[bytes, None] = {}
        nodes, version = await self._member.looked(lambda: (replica.tree.top(), replica.version))
        first = True
        while nodes:
            asked, nodes = nodes[:NODES], nodes[NODES:]
            replies = rows.replies_of(await self._ask(link, "eventual.tree", asked))
            if first and not replies:
                replica.agreed(link.peer, version)
            first = False
            found = await self._member.looked(partial(replica.tree.compare, replies))
            nodes += _below(found.nodes, asked)
            want.update(dict.fromkeys(found.want))
            give.update(dict.fromkeys(found.give))
        await self._fetch(link, list(want))
        for key in give:
            link.keys[key] = None
            link.changed = True
        await self._hand_over(link)
        peers = list(self._links)
        await self._member.changed(lambda: self._tidy(peers))

    def _tidy(self, peers: Sequence[str]) -> None:
        self._member.replica.reach()
        self._member.replica.forget(peers, self._loop.time())

    async def _fetch(self, link: Link, keys: list[bytes]) -> None:
        member = self._member
        while keys:
            records = rows.records_of(await self._ask(link, "eventual.want", keys[:KEYS]))
            if not records:
                return
            settled = await member.changed(partial(self._receive, records))
            if settled:
                await self._ask(link, "eventual.settled", settled)
            got = {record.key for record in records}
            keys = [key for key in keys if key not in got] if len(keys) <= KEYS else keys[KEYS:]

    def _receive(self, records: list[Record]) -> list[tuple[bytes, Stamp]]:
        return self._member.replica.receive(records, self._member.host.clock.now())


def _below(nodes: list[Node], asked: Sequence[Node]) -> list[Node]:
    """Only what lies deeper than what was asked about: a peer cannot keep us walking in circles."""
    level = min(node.level for node in asked)
    return [node for node in nodes if node.level > level]
