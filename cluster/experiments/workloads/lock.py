"""Locks on the store's leases: acquired, kept alive while they are held, released (as etcd's own, and jepsen.etcd's).

Must not check. An owner is a token that nobody else has; what it takes to hold a lock is in the store: a key, attached
to a lease.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.experiments.workloads.register import name_of
from store.client import Compare, Delete, Put, StoreClient


async def play(player: Player) -> None:
    store, ttl = player.raft_store(), int(player.option("seconds", 2))
    while True:
        await player.pace()
        lock, owner = player.key(), f"{player.name}#{player.unique()}"
        held: list[int] = []
        work = partial(acquire, store, lock, owner, ttl, held)
        got = await player.perform("acquire", lock, (owner, float(ttl)), work)
        if got is not None and got.result:
            await _hold(player, store, lock, owner, held[0])
        elif held:
            with suppress(StatusError):  # a lease that nobody uses; it ends by itself as well
                await store.lease_revoke(held[0])


async def _hold(player: Player, store: StoreClient, lock: str, owner: str, lease: int) -> None:
    """For a while; then release it, whether it is still ours or not."""
    loop = asyncio.get_running_loop()
    end = loop.time() + player.dice.uniform(0.2, 1.0) * float(player.option("hold", 1.0))
    while loop.time() < end:
        await asyncio.sleep(min(float(player.option("seconds", 2)) / 3, max(0.0, end - loop.time())))
        if loop.time() >= end:
            break
        kept = await player.perform("keepalive", lock, owner, partial(keepalive, store, lease))
        if kept is not None and kept.result is False:
            return  # it has lapsed: nothing to release
    done = await player.perform("release", lock, owner, partial(release, store, lock, owner))
    if done is not None:
        with suppress(StatusError):
            await store.lease_revoke(lease)


async def acquire(store: StoreClient, lock: str, owner: str, ttl: int, held: list[int]) -> Answer:
    """Result False: somebody else has it. `held` gets the lease's id as soon as there is one."""
    try:
        lease = await store.lease_grant(ttl)
    except StatusError as error:  # a lease without a key is nobody's lock
        raise StatusError(error.reason, error.message, error.details, definite=True) from None
    held.append(lease.id)
    name = name_of(lock)
    try:
        done = await store.txn([Compare(name, "version", "=", 0)], [Put(name, owner.encode(), lease=lease.id)])
    except StatusError as error:
        if error.reason == "NotFound":  # the lease is over already
            raise StatusError("Timeout", "the lease ended before it was used", definite=True) from None
        raise
    return Answer(done.succeeded, done.revision)


async def keepalive(store: StoreClient, lease: int) -> Answer:
    try:
        return Answer(await store.lease_keepalive(lease))
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(False)
        raise


async def release(store: StoreClient, lock: str, owner: str) -> Answer:
    name = name_of(lock)
    done = await store.txn([Compare(name, "value", "=", owner.encode())], [Delete(name)])
    return Answer(done.succeeded, done.revision)


LOCK = Kindred(play, "locks on leases: acquire, keep alive, release", {"seconds": 2, "hold": 1.0})
