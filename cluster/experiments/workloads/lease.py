"""Leases of the store: granted with a key attached, kept alive or not, revoked, and looked at until they have ended.

Must not check. All clients of the workload look at all of its leases.
"""

from __future__ import annotations

from functools import partial

from cluster.errors import StatusError
from cluster.experiments.workloads.lock import keepalive
from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.experiments.workloads.register import name_of
from store.client import StoreClient

KEPT = 64
"""Leases that are looked at: the latest."""


async def play(player: Player) -> None:
    store, ttl = player.raft_store(), int(player.option("seconds", 2))
    known: list[tuple[str, int]] = player.shared.setdefault("leases", [])
    while True:
        await player.pace()
        if not known or player.dice.random() < float(player.option("grants", 0.15)):
            key = f"{player.name}-{player.unique()}"
            got = await player.perform("grant", key, ttl, partial(grant, store, key, ttl))
            if got is not None:
                known.append((key, int(got.result)))
                del known[:-KEPT]
            continue
        key, lease = player.dice.choice(known)
        what = player.dice.random()
        if what < 0.5:
            await player.perform("read", key, None, partial(attached, store, key), "linearizable")
        elif what < 0.92:
            await player.perform("keepalive", key, None, partial(keepalive, store, lease))
        else:
            await player.perform("revoke", key, None, partial(revoke, store, lease))
            if (key, lease) in known:
                known.remove((key, lease))


async def grant(store: StoreClient, key: str, ttl: int) -> Answer:
    """The lease's id, once a key is attached to it. Without its key it is as good as never granted: unknown."""
    lease = await store.lease_grant(ttl)
    try:
        await store.put(name_of(key), b"%d" % lease.id, lease=lease.id)
    except StatusError as error:
        raise StatusError(error.reason, error.message, error.details, definite=False) from None
    return Answer(lease.id)


async def attached(store: StoreClient, key: str) -> Answer:
    found = await store.range(name_of(key))
    return Answer(int(found.kvs[0].value) if found.kvs else None, found.revision)


async def revoke(store: StoreClient, lease: int) -> Answer:
    try:
        await store.lease_revoke(lease)
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(False)
        raise
    return Answer(None)


LEASE = Kindred(play, "leases: granted, kept alive, revoked, seen to end", {"seconds": 2, "grants": 0.15})
