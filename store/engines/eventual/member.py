"""A replica's loop: all that has arrived in a turn is one batch; one journal record, one sync, and only then is any of
it shown to anybody.

Must not decide anything that the pure replica decides, or know requests (face.py) and peers (peers.py).

Nothing unsynced may be seen: a crash would take it back, and its revision, dot and stamp would be given once more, to
something else. So while a batch is on its way to the disk, whatever looks at the replica waits for its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.wire import WireError
from cluster.world.host import Host
from store.engines.eventual.config import Config
from store.engines.eventual.disk import Journal, Recovered
from store.engines.eventual.face import Face
from store.engines.eventual.peers import Peers
from store.engines.eventual.replica import COMMIT, Replica
from store.refusal import halting
from store.snapshot import SnapshotError

__all__ = ["Config", "Member", "run"]

T = TypeVar("T")
Change = Callable[[], Callable[[], None]]
"""Changes the replica, and answers what is to be done once that is durable."""


async def run(host: Host, config: Config) -> None:
    """Runs until its disk fails, or what is on it cannot be trusted; then raises DiskFailedError, WalError or
    SnapshotError."""
    with halting(host, "refused-to-start"):
        journal, recovered = await Journal.open(host.disk, config.wal_segment_bytes)
        member = Member(host, config, journal, recovered)
    rpc = Rpc(host, keepalive=config.keepalive)
    Face(rpc, config, member)
    peers = Peers(rpc, config, member)
    tasks = [asyncio.ensure_future(member.work()), *peers.start()]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for task in done:
        with halting(host, "disk-failed"):
            task.result()


class Member:
    """Face and Peers talk to `change`, `look`, `replica`; they hook themselves into `publish`, `wrote` and `hints`."""

    def __init__(self, host: Host, config: Config, journal: Journal, recovered: Recovered) -> None:
        self.host = host
        self.config = config
        self.replica = Replica(config.rules(host.name))
        self.publish: Callable[[], None] = lambda: None
        self.wrote: Callable[[Sequence[bytes]], None] = lambda keys: None
        self.hints: Callable[[], dict[str, int]] = dict
        self._loop = asyncio.get_running_loop()
        self._journal = journal
        self._changes: list[Change] = []
        self._looks: list[Callable[[], None]] = []
        self._busy = True
        self._waker: asyncio.Future[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._recover(recovered)
        if not self.replica.identity:
            self.replica.begin(f"{host.name}.{host.boot}")

    def _recover(self, recovered: Recovered) -> None:
        replica, place = self.replica, f"snapshot/{self._journal.saved}"
        try:
            if recovered.state is not None:
                replica.load(recovered.state)
            place = "wal/"
            for items in recovered.batches:
                for item in items:
                    replica.redo(item)
        except (WireError, StatusError, TypeError, ValueError, IndexError, KeyError) as error:
            raise SnapshotError(place, f"it makes no sense ({type(error).__name__}: {error})") from error
        replica.collect()  # what was owed was owed to watchers of the boot before
        self.host.note(
            "recovered",
            {
                "identity": replica.identity,
                "revision": replica.space.revision,
                "keys": len(replica.space),
                "batches": len(recovered.batches),
                "torn": recovered.torn,
            },
        )

    @property
    def batches(self) -> int:
        """How many batches are durable."""
        return self._journal.number

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────

    def change(self, change: Change) -> None:
        """Do it in the next batch. StatusError TooManyRequests at once. What it raises as a StatusError is lost:
        `change` answers for itself."""
        if len(self._changes) >= self.config.max_pending:
            raise StatusError("TooManyRequests", f"{self.config.max_pending} changes are under way")
        self._changes.append(change)
        self._wake()

    def look(self, look: Callable[[], None]) -> None:
        """Call it as soon as all that is to be seen is durable: now, if nothing is on its way to the disk."""
        if self._busy:
            self._looks.append(look)
        else:
            look()

    def looked(self, look: Callable[[], T]) -> asyncio.Future[T]:
        """What `look` answers, then."""
        future: asyncio.Future[T] = self._loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(look())

        self.look(settle)
        return future

    def changed(self, change: Callable[[], T]) -> asyncio.Future[T]:
        """What `change` answers, once it is durable. StatusError TooManyRequests at once."""
        future: asyncio.Future[T] = self._loop.create_future()

        def work() -> Callable[[], None]:
            result = change()

            def settle() -> None:
                if not future.done():
                    future.set_result(result)

            return settle

        self.change(work)
        return future

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────

    async def work(self) -> None:
        while True:
            self._busy = True
            changes, self._changes = self._changes, []
            outcomes = [change() for change in changes]
            self.replica.shrink()
            items = self.replica.take()
            if items:
                await self._journal.append(items)
            self._busy = False
            for outcome in outcomes:
                outcome()
            if items:
                self._shown(items)
            looks, self._looks = self._looks, []
            for look in looks:
                look()
            self._maintain()
            if not self._changes:
                self._waker = self._loop.create_future()
                await self._waker
                self._waker = None

    def _shown(self, items: Sequence[Any]) -> None:
        keys = [key for item in items if item[0] == COMMIT for key, _ in item[6]]
        if keys:
            self.wrote(keys)
        self.publish()

    def _maintain(self) -> None:
        if self._saving is not None and self._saving.done():
            self._saving.result()
            self._saving = None
        if self._saving is None and self._journal.number - self._journal.saved >= self.config.snapshot_batches:
            self._saving = self._loop.create_task(self._save(self._journal.number, self.replica.dump()))
            self._saving.add_done_callback(lambda _: self._wake())

    async def _save(self, number: int, state: bytes) -> None:
        """Beside the loop, so that requests are served while the file is written."""
        await self._journal.save(number, state)
        self.host.note("snapshot", {"batches": number, "bytes": len(state)})
