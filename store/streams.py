"""The watch streams that one member serves: opened, fed with what watchers are owed, ended by a compaction.

Must not know where events come from, nor when they may be shown (store/service.py, engines/eventual/face.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cluster.rpc import Sender
from store.commands import WatchRequest
from store.mvcc.space import compacted_error
from store.mvcc.watchers import Collected, Watcher, Watchers, portions

MAX_BATCH_BYTES = 8 << 20
"""Keys and values of one batch; what is more goes into the next, split between revisions."""


class Streams:
    def __init__(self, watchers: Watchers) -> None:
        self._watchers = watchers
        self._open: dict[int, tuple[Sender, asyncio.Future[int]]] = {}
        self._number = 0

    async def serve(self, asked: WatchRequest, start: int, sender: Sender, publish: Callable[[], None]) -> None:
        """Until the reader leaves; StatusError Compacted when its watch is cancelled. `publish` sees to it that what is
        owed is sent."""
        self._number += 1
        number = self._number
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._open[number] = (sender, done)
        self._watchers.add(Watcher(number, asked.key, asked.end, start, *asked[3:]))
        try:
            publish()
            raise compacted_error(start, await done)
        finally:
            self._watchers.remove(number)
            del self._open[number]

    def send(self, collected: Collected) -> None:
        """Whoever has left while it was on its way is passed over."""
        streams = self._open
        for numbers, batch in collected.batches:
            senders = [streams[number][0] for number in numbers if number in streams]
            for part in portions(batch, MAX_BATCH_BYTES):
                Sender.send_all(senders, part)
        for number, compacted in collected.cancelled:
            if number in streams and not streams[number][1].done():
                streams[number][1].set_result(compacted)
