"""Compacting a real etcd, which nobody else does: to the revision of one interval ago, by one of all apiservers.

Must not hold on to a failure: what was not compacted now is compacted an interval later. As kube-apiserver does it
(Kubernetes: storage/etcd3/compact.go): a key whose version tells whether another one was faster.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from cluster.errors import StatusError
from store.engines.etcd.client import EtcdClient
from store.mvcc.values import Compare, Put, Range, RangeResult

KEY = b"/capstan/compaction"
EVERY = 300.0
"""Seconds between two compactions: so long an event can be watched from, at least."""


class Round(NamedTuple):
    """What was known at the end of the last round. `version` is `KEY`'s, `revision` the store's (0: there was none)."""

    version: int = 0
    revision: int = 0


async def keep_compacting(store: EtcdClient, every: float = EVERY) -> None:
    """For ever."""
    last = Round()
    while True:
        try:
            last = await compact_once(store, last)
        except StatusError:
            last = Round(last.version)  # whatever it was, the next round begins anew
        await asyncio.sleep(every)


async def compact_once(store: EtcdClient, last: Round) -> Round:
    """Compact to what was the newest revision in the `last` round, unless another apiserver has been here since."""
    mine = await store.txn([Compare(KEY, "version", "=", last.version)], [Put(KEY, b"")], [Range(KEY)])
    if not mine.succeeded:
        (found,) = mine.responses
        assert isinstance(found, RangeResult)
        return Round(found.kvs[0].version if found.kvs else 0, mine.revision)
    if last.revision:
        try:
            await store.compact(last.revision)
        except StatusError as error:
            if error.reason != "Compacted":
                raise
    return Round(last.version + 1, mine.revision)
