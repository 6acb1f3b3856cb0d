"""Carries steps of `strategies` out on a key space and on its twin, which must agree on every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.errors import StatusError
from store.mvcc.space import Dump, Space
from tests.store.mvcc.twin import Refused, Twin


def outcome(work: Callable[[], Any]) -> Any:
    """What it answers, or the reason why not."""
    try:
        return work()
    except StatusError as error:
        return error.reason
    except Refused as refused:
        return str(refused)


def step(space: Space, twin: Twin, what: tuple[Any, ...]) -> None:
    kind, *args = what
    if kind == "txn":
        assert outcome(lambda: space.txn(*args)) == outcome(lambda: twin.txn(*args))
    elif kind == "compact":
        revision = space.compacted + round(args[0] * (space.revision - space.compacted))
        before = space.size
        freed = outcome(lambda: space.compact(revision))
        if revision <= twin.compacted:
            assert freed == "Compacted"
        else:
            twin.compacted = revision
            assert freed == before - twin.size()
    elif kind == "grant":
        granted = outcome(lambda: space.leases.grant(*args).id)
        assert granted == ("AlreadyExists" if args[0] in twin.leases else args[0])
        twin.leases.setdefault(args[0], args[1])
    elif kind == "revoke":
        keys = sum(kv.lease == args[0] for kv in twin.states[-1].values())
        assert outcome(lambda: space.revoke(args[0])) == (keys if args[0] in twin.leases else "NotFound")
        if args[0] in twin.leases:
            twin.revoke(args[0])
    elif kind == "scrub":
        space.scrub(args[0])
    assert (space.revision, space.compacted, space.size) == (twin.revision, twin.compacted, twin.size())
    assert {lease.id: lease.ttl for lease in space.leases} == twin.leases
    for lease in space.leases:
        assert sorted(lease.keys) == sorted(kv.key for kv in twin.states[-1].values() if kv.lease == lease.id)


def play(steps: list[Any], segment: int = 3) -> tuple[Space, Twin]:
    space, twin = Space(segment), Twin()
    for what in steps:
        step(space, twin, what)
    return space, twin


def dumped(space: Space) -> Dump:
    """With all that is made while it is read."""
    dump = space.dump()
    return dump._replace(base=list(dump.base), events=list(dump.events))
