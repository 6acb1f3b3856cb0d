"""The seam between the cluster and whatever keeps its key space: an engine is a component and a client for it.

Must not choose: `launch` asks for an engine by its name in the cluster's spec. What each promises: docs/engines.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from cluster.config import Etcd, Timing
from cluster.errors import UsageError
from cluster.rpc import Rpc
from cluster.world.host import Address
from store.client import Conflicts, MemberStatus, StoreClient
from store.mvcc.values import Compare, Op, RangeResult, TxnResult, WatchBatch


class Watching(Protocol):
    """An async context manager and iterator of `WatchBatch`; see `StoreClient.watch`."""

    @property
    def member(self) -> Address: ...

    async def __aenter__(self) -> Watching: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> Watching: ...

    async def __anext__(self) -> WatchBatch: ...


class KeySpace(Protocol):
    """What the apiserver needs from a store, whichever engine is under it. See `StoreClient` for the promises; an
    engine that cannot keep one (linearizable reads, say) answers StatusError and does not pretend."""

    @property
    def members(self) -> tuple[Address, ...]: ...

    async def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        read: str = "linearizable",
        keys_only: bool = False,
        count_only: bool = False,
        timeout: float | None = None,
        member: Address | None = None,
    ) -> RangeResult: ...

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Op],
        failure: Sequence[Op] = (),
        *,
        timeout: float | None = None,
    ) -> TxnResult: ...

    async def revision(self, *, timeout: float | None = None) -> int: ...

    async def compact(self, revision: int, *, timeout: float | None = None) -> None: ...

    def watch(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        prev: bool = False,
        progress: bool = True,
        member: Address | None = None,
    ) -> Watching: ...


class Store(KeySpace, Protocol):
    """What operators and experiments ask besides: single writes, and each member about itself."""

    async def put(
        self, key: bytes, value: bytes, *, prev: bool = False, lease: int = 0, timeout: float | None = None
    ) -> TxnResult: ...

    async def delete(
        self, key: bytes, end: bytes | None = None, *, prev: bool = False, timeout: float | None = None
    ) -> TxnResult: ...

    async def status(self, member: Address, *, timeout: float | None = None) -> MemberStatus: ...

    async def hash(self, member: Address, revision: int = 0, *, timeout: float | None = None) -> tuple[int, str]: ...

    async def conflicts(self, member: Address, limit: int = 0, *, timeout: float | None = None) -> Conflicts: ...


PROMISES: Mapping[str, str] = {
    "linearizable": "reads and writes of a key are linearizable, whatever fails",
    "transactions": "compares and writes are one step: of two through one member that exclude each other one succeeds",
    "concurrent": "of several writes at once each is answered",
    "failover": "writes go on when a leader or all members were restarted",
    "durable": "what was acknowledged survives a loss of all power",
    "history": "old revisions stay readable until they are compacted",
    "shared": "revisions mean the same on every member",
    "leases": "a lease keeps its keys while it is kept alive, and takes them along when it ends",
    "minority": "a member that is cut off takes writes",
}
"""What an engine may promise; what each does is its `promises`, and tests/store/engines hold it to that."""


class Engine(Protocol):
    """`target` is the component that each member runs (a `Spec`'s), `config` what it is told; "" and nothing when the
    members are not ours."""

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def promises(self) -> frozenset[str]: ...

    @property
    def warning(self) -> str:
        """What is to be said to whoever brings up a cluster on it; "" for nothing."""

    @property
    def profile(self) -> str:
        """The timing profile (`cluster.config.PROFILES`) whose writes it keeps up with."""

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]: ...

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None, timeout: float = 1.0) -> Store: ...

    async def upkeep(self, store: Store) -> None:
        """What a key space wants done as long as an apiserver uses it, by the apiserver itself."""


class OwnMembers:
    """Engines whose members see to themselves."""

    __slots__ = ()

    async def upkeep(self, store: Store) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class RaftEngine(OwnMembers):
    """Ours: consistent under partition (CP)."""

    name: str = "raft"
    target: str = "store.member:run"
    promises: frozenset[str] = frozenset(PROMISES) - {"minority"}
    warning: str = ""
    profile: str = "fast"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        return {
            "members": list(members),
            "heartbeat": timing.raft_heartbeat,
            "election": timing.raft_election,
            "keepalive": timing.watch_keepalive,
        }

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None, timeout: float = 1.0) -> Store:
        return StoreClient(rpc, members, prefer=prefer, timeout=timeout)


@dataclass(frozen=True, slots=True)
class EventualEngine(OwnMembers):
    """Ours: available under partition (AP). The same client; each replica has revisions of its own, so whoever goes
    by revisions must stay with one replica: give it that one only."""

    name: str = "eventual"
    target: str = "store.engines.eventual.member:run"
    promises: frozenset[str] = frozenset(PROMISES) - {"linearizable", "shared", "leases"}
    warning: str = ""
    profile: str = "fast"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        return {"members": list(members), "keepalive": timing.watch_keepalive}

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None, timeout: float = 1.0) -> Store:
        return StoreClient(rpc, members, prefer=prefer, timeout=timeout)


@dataclass(frozen=True, slots=True)
class EtcdEngine:
    """A real etcd cluster, asked directly: consistent under partition (CP). It has no members of ours, and is for
    worlds with sockets only."""

    name: str = "etcd"
    target: str = ""
    etcd: Etcd | None = None
    promises: frozenset[str] = frozenset(PROMISES) - {"minority"}
    warning: str = ""
    profile: str = "fast"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        return {}

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None, timeout: float = 1.0) -> Store:
        """`members` are those of the URLs, whatever is given. UsageError if it cannot be had in this world, or with
        these files, or without the extra package."""
        if self.etcd is None:
            raise UsageError("engine etcd needs a member's URL", place="cluster.etcd", remedy="`up --etcd URL`")
        try:
            from store.engines.etcd.client import EtcdClient
        except ModuleNotFoundError as error:
            if error.name != "hpack":
                raise
            raise UsageError("engine etcd needs the package hpack", remedy="pip install 'capstan[etcd]'") from None
        return EtcdClient(rpc.host, self.etcd, prefer=prefer, timeout=timeout)

    async def upkeep(self, store: Store) -> None:
        """Compacts, for ever."""
        from store.engines.etcd.client import EtcdClient
        from store.engines.etcd.compaction import keep_compacting

        assert isinstance(store, EtcdClient)
        await keep_compacting(store)


@dataclass(frozen=True, slots=True)
class RaftosEngine(OwnMembers):
    """The published raftos package, its algorithm untouched, to be examined. It keeps nearly no promise of a store
    (docs/engines.md)."""

    name: str = "raftos"
    target: str = "store.engines.raftos.member:run"
    promises: frozenset[str] = frozenset({"shared"})
    warning: str = (
        "the published raftos is there to be examined: of writes at once it answers one, after a failover under load "
        "it takes none any more, and it loses acknowledged ones (docs/engines.md)"
    )
    profile: str = "kubernetes"

    def config(self, members: Sequence[Address], timing: Timing) -> Mapping[str, Any]:
        """With its other serializer: with its default one the log breaks within the first objects (a byte 0x0A)."""
        return {"members": list(members), "keepalive": timing.watch_keepalive, "serializer": "json"}

    def client(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None, timeout: float = 1.0) -> Store:
        return StoreClient(rpc, members, prefer=prefer, timeout=timeout)


ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (RaftEngine(), EventualEngine(), EtcdEngine(), RaftosEngine())
}


def engine(name: str, etcd: Etcd | None = None) -> Engine:
    """UsageError for an unknown one. `etcd`: where the engine of that name finds its cluster."""
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}", remedy=f"one of {', '.join(ENGINES)}")
    return EtcdEngine(etcd=etcd) if name == "etcd" else ENGINES[name]
