"""The CAP experiment: two sides, one register, v0 and v1, and what each side may still say.

In either world. The store leader's machine (with an engine that has no leader: the first member's) is cut from the
others; clients sit on both sides and go on asking; then the network heals. What is expected depends on what the engine
promises: consistency (the minority refuses) or availability (both sides answer, and the report names what was lost).
A store outside of the cluster (engine `etcd`) is not cut itself, only our ways to its members are: both sides are
answered, each by the member on its side, and consistently. Must not print: the report is data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.config import Etcd
from cluster.errors import StatusError
from cluster.history.linearize import check
from cluster.history.record import Operation, Recorder
from cluster.report.ledger import Row, ledger
from cluster.rpc import Rpc
from cluster.world.faults import Partition
from cluster.world.host import Address
from cluster.world.scenario import World
from store.client import MemberStatus
from store.engines import Store, engine

KEY = b"/experiments/cap/register"
NAME = "register"
AVAILABLE = ("eventual",)
"""Engines that promise to answer on both sides."""
OUTSIDE = ("etcd",)
"""Engines whose members are not ours: no fault of ours comes between them."""
TIMEOUT = 0.6
"""Seconds that a client waits for an answer: less than the partition lasts, more than an election takes."""


@dataclass(frozen=True, slots=True)
class Setup:
    """`machines`: member of the store to its machine. `seconds`: how long the partition lasts."""

    members: tuple[Address, ...]
    machines: dict[Address, str]
    seconds: float = 2.5
    pause: float = 0.05
    keepalive: float = 0.5
    engine: str = "raft"
    etcd: Etcd | None = None

    def client(self, rpc: Rpc, prefer: Address | None = None, timeout: float = 1.0) -> Store:
        return engine(self.engine, self.etcd).client(rpc, self.members, prefer, timeout)


@dataclass(slots=True)
class CapReport:
    engine: str = "raft"
    leader: Address = ""
    """Whose machine was cut off."""
    minority: tuple[str, ...] = ()
    majority: tuple[str, ...] = ()
    partition_seconds: float = 0.0
    """How long it took to install."""
    new_leader: Address = ""
    new_leader_seconds: float | None = None
    first_write_seconds: float | None = None
    """From the cut to the first write acknowledged on the majority's side."""
    cut_from: float = 0.0
    cut_until: float = 0.0
    """The world's time; the ledger counts the operations that began in between."""
    heal_seconds: float | None = None
    """From healing until all replicas hold the same."""
    replicas: dict[Address, str] = field(default_factory=dict)
    """Digest of each replica's key space after healing."""
    rows: list[Row] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    serializable_on_minority: str = ""
    """What the minority's replica last said during the partition."""
    linearizable: str = "unknown"
    message: str = ""
    lost: list[str] = field(default_factory=list)
    """Values whose write was acknowledged during the partition, on the side whose writes did not survive it."""
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    """What the store itself says about that, as all its replicas together know it: key, stamp, lost_to, writes."""
    history: tuple[Operation, ...] = ()

    def problems(self) -> list[str]:
        """Which expectations of the engine do not hold; empty if all do."""
        checks = self._consistent()
        if self.engine in AVAILABLE:
            checks = self._available()
        elif self.engine in OUTSIDE:
            checks = self._outside()
        return [problem for holds, problem in checks if not holds]

    def _row(self, side: str, what: str) -> Row:
        return next((r for r in self.rows if (r.side, r.what) == (side, what)), Row(side, what, 0, 0, 0, 0, 0))

    def _available(self) -> list[tuple[Any, str]]:
        """One of each kind may be under way when the asking ends. Nothing is said about linearizability: the verdict
        is in the report, and hardly ever is good."""
        kinds = ("write", "linearizable read", "serializable read")
        asked = [(row, self._row(*row)) for row in ((s, k) for s in ("minority", "majority") for k in kinds)]
        named = sum(conflict["writes"] for conflict in self.conflicts)
        return [
            *(
                (row.tried and row.answered >= row.tried - 1, f"not every {k} was answered on the {s}'s side")
                for (s, k), row in asked
            ),
            (self.heal_seconds is not None, "the replicas did not become equal after healing"),
            (named >= len(self.lost), f"{len(self.lost)} acknowledged writes were lost, the store names {named}"),
        ]

    def _outside(self) -> list[tuple[Any, str]]:
        """One of each kind may be under way when the cut comes, and one when the asking ends."""
        kinds = ("write", "linearizable read", "serializable read")
        asked = [(row, self._row(*row)) for row in ((s, k) for s in ("minority", "majority") for k in kinds)]
        return [
            *(
                (row.tried and row.answered >= row.tried - 2, f"not every {k} was answered on the {s}'s side")
                for (s, k), row in asked
            ),
            (self.heal_seconds is not None, "the members do not agree"),
            (self.linearizable == "ok", f"the history is not linearizable: {self.message}"),
        ]

    def _consistent(self) -> list[tuple[Any, str]]:
        minority_write = self._row("minority", "write")
        minority_read = self._row("minority", "linearizable read")
        minority_any = self._row("minority", "serializable read")
        majority_write = self._row("majority", "write")
        return [
            (minority_write.tried and not minority_write.answered, "a write was acknowledged on the minority's side"),
            (minority_read.tried and not minority_read.answered, "a linearizable read was answered by the minority"),
            (minority_any.stale, "no serializable read on the minority's side was stale"),
            (majority_write.answered, "no write was acknowledged on the majority's side"),
            (self.new_leader and self.new_leader != self.leader, "the majority elected no leader"),
            (self.heal_seconds is not None, "the replicas did not agree after healing"),
            (self.linearizable == "ok", f"the history is not linearizable: {self.message}"),
        ]

    def data(self) -> dict[str, Any]:
        names = [f for f in self.__slots__ if f not in ("rows", "history")]
        result = {name: getattr(self, name) for name in names}
        return result | {"ledger": [row.data() for row in self.rows], "problems": self.problems()}


class Side:
    """The clients of one side: a writer and two readers that never stop asking while the experiment runs."""

    def __init__(self, name: str, store: Store, recorder: Recorder, now: Callable[[], float]) -> None:
        self.name = name
        self.store = store
        self.recorder = recorder
        self.now = now
        self.values: list[str] = []
        self.first_ack: float | None = None

    async def write(self, value: str) -> None:
        self.values.append(value)

        async def put() -> None:
            await self.store.put(KEY, value.encode(), timeout=TIMEOUT)
            self.first_ack = self.first_ack or self.now()

        await self._record("write", value, "", put)

    async def read(self, mode: str) -> None:
        async def get() -> str | None:
            found = await self.store.range(KEY, read=mode, timeout=TIMEOUT)
            return found.kvs[0].value.decode() if found.kvs else None

        await self._record("read", None, mode, get)

    async def _record(self, kind: Any, value: Any, mode: str, work: Callable[[], Any]) -> None:
        client = f"{self.name}-{mode or 'writer'}"
        number = self.recorder.invoke(client, kind, NAME, value, self.now(), mode=mode, site=self.name)
        try:
            result = await work()
        except StatusError as error:
            self.recorder.failed(number, self.now(), definite=error.definite, error=error.reason)
        else:
            self.recorder.ok(number, self.now(), result)

    async def keep_asking(self, pause: float, values: Callable[[], str]) -> None:
        async def writer() -> None:
            while True:
                await self.write(values())
                await asyncio.sleep(2 * pause)

        async def reader(mode: str) -> None:
            while True:
                await self.read(mode)
                await asyncio.sleep(pause)

        async with asyncio.TaskGroup() as group:
            group.create_task(writer())
            group.create_task(reader("linearizable"))
            group.create_task(reader("serializable"))


async def leader_of(store: Store, members: Sequence[Address], above: int = -1) -> MemberStatus | None:
    """The member that leads in the highest term over `above`, as far as members answer."""
    best: MemberStatus | None = None
    for member in members:
        try:
            status = await store.status(member, timeout=0.2)
        except StatusError:
            continue
        if status.role == "leader" and status.term > max(above, best.term if best else -1):
            best = status
    return best


async def run_cap(world: World, setup: Setup) -> CapReport:
    """The whole story. Heals what it cut, however it ends."""
    scout = await world.join("cap-scout", "client")
    store = setup.client(Rpc(scout, keepalive=setup.keepalive))
    report = CapReport(engine=setup.engine)
    try:
        status = await _settled(store, setup)
        report.leader = status.name
        mine = setup.machines[report.leader]
        others = tuple(dict.fromkeys(m for m in setup.machines.values() if m != mine))
        report.minority, report.majority = (mine,), others
        await _partitioned(world, setup, store, status, report)
    finally:
        await world.leave("cap-scout")
    report.linearizable, report.message = _judge(report.history)
    during = [o for o in report.history if report.cut_from <= o.start < report.cut_until]
    report.rows = ledger(during, report.values)
    report.lost = _lost(during, report.history)
    answers = [o for o in during if (o.site, o.mode, o.outcome) == ("minority", "serializable", "ok")]
    report.serializable_on_minority = str(answers[-1].result) if answers else ""
    return report


async def _settled(store: Store, setup: Setup) -> MemberStatus:
    async with asyncio.timeout(10):
        while True:
            status = await _cut_off_best(store, setup)
            if status is not None:
                return status
            await asyncio.sleep(setup.pause)


async def _cut_off_best(store: Store, setup: Setup) -> MemberStatus | None:
    """Whose isolation shows most."""
    if setup.engine not in AVAILABLE:
        return await leader_of(store, setup.members)
    try:
        return await store.status(setup.members[0], timeout=0.2)
    except StatusError:
        return None


def _seat_client(rpc: Rpc, setup: Setup, near: str) -> Store:
    prefer = next(m for m in setup.members if setup.machines[m] == near)
    return setup.client(rpc, prefer, TIMEOUT)


async def _partitioned(world: World, setup: Setup, scout: Store, before: MemberStatus, report: CapReport) -> None:
    recorder = Recorder()
    seats = {"minority": report.minority[0], "majority": report.majority[0]}
    sides = {}
    for name, machine in seats.items():
        rpc = Rpc(await world.join(f"cap-{name}", machine), keepalive=setup.keepalive)
        sides[name] = Side(name, _seat_client(rpc, setup, machine), recorder, world.time)
    try:
        await sides["majority"].write("v0")
        report.values.append("v0")
        for side in sides.values():
            await side.read("linearizable")
        await _agreed(scout, setup.members)
        await _cut(world, setup, scout, before, report, sides)
    finally:
        for name in seats:
            await world.leave(f"cap-{name}")
    report.history = recorder.history()


async def _cut(
    world: World, setup: Setup, scout: Store, before: MemberStatus, report: CapReport, sides: dict[str, Side]
) -> None:
    start = world.time()
    rule = await world.fault(Partition(src=report.minority, dst=report.majority))
    report.partition_seconds = world.time() - start
    cut = report.cut_from = world.time()
    try:
        asking = [
            asyncio.ensure_future(side.keep_asking(setup.pause, _counter(side.name, report.values)))
            for side in sides.values()
        ]
        sides["majority"].first_ack = None
        if setup.engine not in (*AVAILABLE, *OUTSIDE):
            asking.append(asyncio.ensure_future(_new_leader(world, scout, setup.members, before, cut, report)))
        await asyncio.sleep(setup.seconds)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        report.cut_until = world.time()
    finally:
        await world.heal(rule)
    ack = sides["majority"].first_ack
    report.first_write_seconds = None if ack is None else ack - cut
    healed = world.time()
    report.replicas = await _agreed(scout, setup.members)
    if len(set(report.replicas.values())) == 1 and len(report.replicas) == len(setup.members):
        report.heal_seconds = world.time() - healed
    if setup.engine in AVAILABLE:
        report.conflicts = await _conflicts(scout, setup.members)
    for side in sides.values():
        await side.read("linearizable")


async def _conflicts(scout: Store, members: Sequence[Address]) -> list[dict[str, Any]]:
    """The register's lost writes, each once: a conflict is met by more than one replica."""
    found: dict[Any, dict[str, Any]] = {}
    for member in members:
        for lost in (await scout.conflicts(member, timeout=2.0)).lost:
            if lost.key == KEY:
                row = {"key": KEY.decode(), "stamp": lost.stamp, "lost_to": lost.lost_to, "writes": lost.writes}
                found[lost.stamp] = max(row, found.get(lost.stamp, row), key=lambda r: int(r["writes"]))
    return [found[stamp] for stamp in sorted(found)]


def _lost(during: Sequence[Operation], history: Sequence[Operation]) -> list[str]:
    """The acknowledged values of the side from which the surviving value does not come."""
    acknowledged = [o for o in during if o.kind == "write" and o.outcome == "ok"]
    reads = [o for o in history if o.kind == "read" and o.outcome == "ok"]
    final = reads[-1].result if reads else None
    winner = next((o.site for o in history if o.kind == "write" and o.value == final), "")
    return [str(o.value) for o in acknowledged if o.site != winner]


def _counter(side: str, values: list[str]) -> Callable[[], str]:
    """v1, v2, ... on the majority's side; x1, x2, ... on the minority's."""
    letter = "v" if side == "majority" else "x"
    count = 0

    def following() -> str:
        nonlocal count
        count += 1
        value = f"{letter}{count}"
        values.append(value)
        return value

    return following


async def _new_leader(
    world: World, scout: Store, members: Sequence[Address], before: MemberStatus, cut: float, report: CapReport
) -> None:
    while True:
        status = await leader_of(scout, members, above=before.term)
        if status is not None:
            report.new_leader, report.new_leader_seconds = status.name, world.time() - cut
            return
        await asyncio.sleep(0.01)


async def _agreed(scout: Store, members: Sequence[Address], within: float = 10.0) -> dict[Address, str]:
    """Digests of all replicas at one revision, once they are equal; the last seen after `within` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    digests: dict[Address, str] = {}
    while loop.time() < end:
        try:
            revision = await scout.revision(timeout=1.0)
            digests = {m: (await scout.hash(m, revision, timeout=0.5))[1] for m in members}
        except StatusError:
            digests = {}
        if digests and len(set(digests.values())) == 1:
            return digests
        await asyncio.sleep(0.02)
    return digests


def _judge(history: Sequence[Operation]) -> tuple[str, str]:
    """Linearizable reads and writes only: serializable reads promise nothing. Nothing seen is unknown."""
    claims = [o for o in history if o.kind != "read" or o.mode == "linearizable"]
    if not any(o.outcome == "ok" for o in claims):
        return "unknown", "no operation was answered"
    verdict = check(claims)
    return verdict.outcome, verdict.message
