"""The seam between the cluster and whatever keeps its key space: an engine is a component and a client for it.

Must not choose: `launch` asks for an engine by its name in the cluster's spec. What each promises: docs/engines.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.config import Timing
from cluster.errors import UsageError
from cluster.rpc import Rpc
from cluster.world.host import Address
from store.client import StoreClient, Watch
from store.mvcc.values import Compare, Op, RangeResult, TxnResult


class KeySpace(Protocol):
    """What the apiserver needs from a store, whichever engine is under it. See `StoreClient` for the promises; an
    engine that cannot keep one (linearizable reads, say) answers StatusError and does not pretend."""

    async def range(
        self, key: bytes, end: bytes | None = None, *, revision: int = 0, limit: int = 0, read: str = "linearizable"
    ) -> RangeResult: ...

    async def txn(
        self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()
    ) -> TxnResult: ...

    async def revision(self) -> int: ...

    async def compact(self, revision: int) -> None: ...

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0, prev: bool = False) -> Watch: ...


class Engine(Protocol):
    """`target` is the component that each member runs (a `Spec`'s), `config` what it is told."""

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]: ...

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None) -> KeySpace: ...


@dataclass(frozen=True, slots=True)
class RaftEngine:
    """Ours: consistent under partition (CP)."""

    name: str = "raft"
    target: str = "store.member:run"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        return {
            "members": list(members),
            "heartbeat": timing.raft_heartbeat,
            "election": timing.raft_election,
            "keepalive": timing.watch_keepalive,
        }

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None) -> KeySpace:
        return StoreClient(rpc, members, prefer=prefer)


@dataclass(frozen=True, slots=True)
class EventualEngine:
    """Ours: available under partition (AP). The same client; each replica has revisions of its own, so whoever goes
    by revisions must stay with one replica: give it that one only."""

    name: str = "eventual"
    target: str = "store.engines.eventual.member:run"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        return {"members": list(members), "keepalive": timing.watch_keepalive}

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None) -> KeySpace:
        return StoreClient(rpc, members, prefer=prefer)


ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (RaftEngine(), EventualEngine())}


def engine(name: str) -> Engine:
    """UsageError for an unknown one."""
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}", remedy=f"one of {', '.join(ENGINES)}")
    return ENGINES[name]
