"""Transactions that read lists and append to them, over several keys: what Elle's list-append looks at.

Must not check. The store has no append: a transaction reads the lists, and writes the longer ones guarded by the
versions that it read (as jepsen.etcd does); one that only reads is one read transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.experiments.workloads.register import name_of
from store.client import Compare, Put, RangeResult
from store.engines import Store
from store.mvcc.values import Op, Range

PER_KEY = 32
"""Appends to one key before the next one takes its place."""
Micro = tuple[str, str, int | None]
"""("r", key, None) or ("append", key, element)."""


async def play(player: Player) -> None:
    store = player.store()
    while True:
        await player.pace()
        steps = _drawn(player)
        await player.perform("txn", "", steps, partial(transact, store, steps))


def _drawn(player: Player) -> tuple[Micro, ...]:
    """A key that has had its appends gives way to a new one, so that lists stay short."""
    count = player.dice.randint(1, max(1, int(player.option("length", 4))))
    share = float(player.option("appends", 0.5))
    appended: dict[str, int] = player.shared
    steps: list[Micro] = []
    for _ in range(count):
        slot = player.key()
        key = f"{slot}.{appended.get(slot, 0) // PER_KEY}"
        if player.dice.random() < share:
            appended[slot] = appended.get(slot, 0) + 1
            steps.append(("append", key, player.unique()))
        else:
            steps.append(("r", key, None))
    return tuple(steps)


async def transact(store: Store, steps: Sequence[Micro]) -> Answer:
    """Conflict, definite, when another one came between."""
    keys = list(dict.fromkeys(key for _, key, _ in steps))
    before, versions, revision = await _lists(store, keys)
    now = {key: list(values) for key, values in before.items()}
    seen: list[tuple[str, str, Any]] = []
    for name, key, element in steps:
        if element is not None:
            now[key].append(element)
            seen.append((name, key, element))
        else:
            seen.append((name, key, tuple(now[key])))
    changed = [key for key in keys if now[key] != before[key]]
    if not changed:
        return Answer(tuple(seen), revision)
    compares = [Compare(name_of(key), "mod", "=", versions[key]) for key in keys]
    puts: list[Op] = [Put(name_of(key), " ".join(map(str, now[key])).encode()) for key in changed]
    done = await store.txn(compares, puts)
    if not done.succeeded:
        raise StatusError("Conflict", "another transaction came between")
    return Answer(tuple(seen), done.revision)


async def _lists(store: Store, keys: Sequence[str]) -> tuple[Mapping[str, list[int]], Mapping[str, int], int]:
    """Each key's list and version, all at one moment, and the revision of that."""
    done = await store.txn([], [Range(name_of(key)) for key in keys])
    lists: dict[str, list[int]] = {}
    versions: dict[str, int] = {}
    for key, found in zip(keys, done.responses, strict=True):
        assert isinstance(found, RangeResult)
        kv = found.kvs[0] if found.kvs else None
        lists[key] = [int(word) for word in kv.value.split()] if kv else []
        versions[key] = kv.mod_revision if kv else 0
    return lists, versions, done.revision


APPEND = Kindred(play, "transactions that read lists and append to them", {"length": 4, "appends": 0.5})
