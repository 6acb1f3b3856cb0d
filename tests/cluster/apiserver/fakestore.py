"""A store without raft: hosts that answer the store's kinds from one key space, and can be told to fail.

Must not be clever: what it stands in for has tests of its own. It is here so that tests can freeze a member's watch,
refuse reads or lose an answer, on purpose and at a certain moment.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc, Sender
from cluster.world.host import Host
from store import commands, requests
from store.mvcc.space import Space
from store.mvcc.watchers import Watcher, Watchers, portions


@dataclass
class FakeStore:
    """`frozen`: members whose watches tell nothing. `mute`: writes are done, but not answered. `refuse`: reads and
    writes are refused, definitely. `txns` counts the writes that arrived."""

    space: Space = field(default_factory=Space)
    frozen: set[str] = field(default_factory=set)
    mute: bool = False
    refuse: bool = False
    txns: int = 0
    members: list[FakeMember] = field(default_factory=list)

    async def run(self, host: Host) -> None:
        self.members.append(FakeMember(self, host))
        await asyncio.get_running_loop().create_future()

    def publish(self) -> None:
        for member in self.members:
            member.publish()

    def thaw(self) -> None:
        self.frozen.clear()
        self.publish()


class FakeMember:
    def __init__(self, store: FakeStore, host: Host) -> None:
        self.store = store
        self.host = host
        self.watchers = Watchers()
        self.senders: dict[int, Sender] = {}
        self.ended: dict[int, asyncio.Future[None]] = {}
        self.count = 0
        rpc = Rpc(host)
        rpc.serve_fast("store.range", self.range)
        rpc.serve_fast("store.txn", self.txn)
        rpc.serve_fast("store.update", self.txn)
        rpc.serve_stream("store.watch", self.watch)

    def range(self, request: Request, answer: Answer) -> None:
        if self.store.refuse:
            raise StatusError("NoQuorum", "told to refuse")
        query, revision, _ = requests.range_of(request.body)
        answer.ok(requests.range_answer(self.store.space.range(query, revision)))

    def txn(self, request: Request, answer: Answer) -> None:
        if self.store.refuse:
            raise StatusError("NoQuorum", "told to refuse")
        self.store.txns += 1
        txn = requests.txn_of(request.kind, request.body)
        result = self.store.space.txn(txn.compares, txn.success, txn.failure)
        if not self.store.mute:
            answer.ok(requests.answer_of(request.kind, result))
        self.store.publish()

    async def watch(self, request: Request, sender: Sender) -> None:
        asked = commands.watch_of(request.body)
        self.count += 1
        number = self.count
        self.senders[number] = sender
        self.ended[number] = asyncio.get_running_loop().create_future()
        self.watchers.add(Watcher(number, asked.key, asked.end, asked.revision, asked.prev, asked.progress))
        self.publish()
        try:
            await self.ended[number]
        finally:
            self.watchers.remove(number)
            del self.senders[number]

    def publish(self) -> None:
        if self.host.name in self.store.frozen:
            return
        try:
            collected = self.watchers.collect(self.store.space)
        except StatusError as error:  # it was frozen, and what comes next is compacted
            for ended in self.ended.values():
                ended.set_exception(error)
            self.ended.clear()
            return
        for numbers, batch in collected.batches:
            for part in portions(batch, 1 << 20):
                for number in numbers:
                    self.senders[number].send(part)
        for number, revision in collected.cancelled:
            self.ended[number].set_exception(StatusError("Compacted", "compacted", {"compacted": revision}))
