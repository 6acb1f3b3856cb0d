"""Raft members in memory, with a disk each that forgets what was not synced, and the wires between them.

Must not choose what happens next: scripts (test_interaction), sentences (test_paper) and dice (test_fuzz) do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from store.raft.config import Config
from store.raft.messages import CONFIGURATION, Configuration, Entry, HardState, Message, Snapshot, SnapshotMeta
from store.raft.node import Node, NotLeaderError, Ready, Role, Stored


@dataclass
class Disk:
    """What is durable, and writes in their order that are not yet."""

    hard: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: list[Entry] = field(default_factory=list)
    pending: list[HardState | Entry | Snapshot] = field(default_factory=list)

    def write(self, ready: Ready) -> None:
        if ready.snapshot:
            self.pending.append(ready.snapshot)
        if ready.hard:
            self.pending.append(ready.hard)
        self.pending.extend(ready.entries)

    def sync(self, count: int | None = None) -> None:
        """All pending writes, or only the first `count` of them, become durable."""
        for record in self.pending[:count]:
            match record:
                case HardState():
                    self.hard = record
                case Snapshot():
                    self.snapshot, self.entries = record, []
                case Entry():
                    first = self.entries[0].index if self.entries else record.index
                    del self.entries[max(0, record.index - first) :]
                    self.entries.append(record)
        self.pending.clear()

    def stored(self) -> Stored:
        meta = self.snapshot.meta if self.snapshot else SnapshotMeta()
        return Stored(self.hard, meta, tuple(self.entries))


@dataclass(eq=False)
class Member:
    """One member with its shell: `step_shell` does the next stage of the loop that node.py describes."""

    config: Config
    rng: Random
    disk: Disk = field(default_factory=Disk)
    node: Node | None = None
    ready: Ready | None = None
    stage: int = 0
    applied: list[Entry] = field(default_factory=list)
    """Commands and all others, in order, from index 1: the state machine."""
    checked: int = 0
    """How much of `applied` the witness has seen."""
    reads: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.config.id

    @property
    def up(self) -> Node:
        assert self.node is not None, f"{self.id} is down"
        return self.node

    def boot(self, now: float) -> None:
        self.node = Node(self.config, self.disk.stored(), self.rng, now)
        self.ready, self.stage, self.reads, self.checked = None, 0, [], 0
        self.applied = unpack(self.disk.snapshot.data) if self.disk.snapshot else []

    def crash(self, survives: int = 0) -> None:
        """Unsynced writes are lost, but for the first few."""
        self.disk.sync(survives)
        self.node = self.ready = None

    def make_snapshot(self) -> Snapshot | None:
        """Of all that is applied."""
        if not self.applied:
            return None
        last = self.applied[-1]
        return Snapshot(last.index, last.term, self.up.configuration_at(last.index), pack(self.applied))

    def compact(self) -> None:
        """Take a snapshot, keep it, let the log go. Like member.py, not while a Ready is under way."""
        snapshot = self.make_snapshot()
        held = self.disk.snapshot.index if self.disk.snapshot else 0
        if snapshot and not self.ready and snapshot.index > held:
            self.disk.sync()
            self.disk.snapshot = snapshot
            self.disk.entries = [entry for entry in self.disk.entries if entry.index > snapshot.index]
            self.up.compact(snapshot.meta)

    def step_shell(self) -> list[Message] | None:
        """The next stage: take and write a Ready, or sync, or apply; what it sends. None: there is nothing to do."""
        if self.stage == 0:
            self.ready = self.up.ready()
            if self.ready is None:
                return None
            self.disk.write(self.ready)
            self.stage = 1
            return list(self.ready.early)
        assert self.ready is not None
        if self.stage == 1:
            if self.ready.must_sync:
                self.disk.sync()
            self.stage = 2
            return list(self.ready.messages)
        self._apply(self.ready)
        ready, self.ready, self.stage = self.ready, None, 0
        self.up.advance(ready)
        return []

    def _apply(self, ready: Ready) -> None:
        if ready.snapshot:
            self.applied, self.checked = unpack(ready.snapshot.data), 0
        for entry in ready.committed:
            assert entry.index == len(self.applied) + 1
            self.applied.append(entry)
        self.reads.extend(ready.reads)
        if ready.snapshot_wanted:
            snapshot = self.make_snapshot()
            if snapshot:
                self.up.provide_snapshot(snapshot)


def pack(applied: Sequence[Entry]) -> bytes:
    return "\n".join(f"{e.term} {e.index} {e.kind} {e.data.hex()}" for e in applied).encode()


def unpack(data: bytes) -> list[Entry]:
    rows = [line.split(" ") for line in data.decode().split("\n")]
    return [Entry(int(term), int(index), bytes.fromhex(text), int(kind)) for term, index, kind, text in rows]


class Network:
    """Members and what is on its way between them. `now` moves only when told to."""

    def __init__(self, names: Sequence[str], seed: int = 1, spares: Sequence[str] = (), **options: float) -> None:
        self.rng = Random(seed)
        self.now = 0.0
        self.wires: list[Message] = []
        self.cut: set[tuple[str, str]] = set()
        self.members: dict[str, Member] = {}
        for name in (*names, *spares):
            config = Config(name, tuple(names) if name in names else (), **options)  # type: ignore[arg-type]
            self.members[name] = Member(config, Random(self.rng.random()))
            self.members[name].boot(self.now)

    def __getitem__(self, name: str) -> Node:
        return self.members[name].up

    def partition(self, *groups: Sequence[str]) -> None:
        """Only members of the same group reach each other; who is in none is alone."""
        group = {name: place for place, names in enumerate(groups) for name in names}
        names = list(self.members)
        self.cut = {(a, b) for a in names for b in names if a != b and (a not in group or group[a] != group.get(b))}

    def heal(self) -> None:
        self.cut = set()

    def send(self, messages: Sequence[Message]) -> None:
        self.wires.extend(m for m in messages if (m.src, m.dst) not in self.cut)

    def run_shell(self, name: str) -> None:
        """Until it has nothing more to do."""
        member = self.members[name]
        while member.node is not None and (sent := member.step_shell()) is not None:
            self.send(sent)

    def deliver(self, message: Message) -> None:
        member = self.members.get(message.dst)
        if member is not None and member.node is not None and (message.src, message.dst) not in self.cut:
            member.node.step(message, self.now)

    def settle(self) -> None:
        """Shells and wires, until all is quiet; time stands still."""
        for _ in range(100_000):
            for name in self.members:
                self.run_shell(name)
            if not self.wires:
                return
            wires, self.wires = self.wires, []
            for message in wires:
                self.deliver(message)
        raise AssertionError("never quiet")

    def run(self, seconds: float) -> None:
        """Time passes, every deadline is kept."""
        end = self.now + seconds
        self.settle()
        while True:
            awake = [m for m in self.members.values() if m.node is not None]
            due = min((m.up.deadline() for m in awake), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            for member in awake:
                if member.up.deadline() <= self.now:
                    member.up.tick(self.now)
            self.settle()
        self.now = end

    def elect(self, name: str) -> Node:
        """Make that one the leader, by letting only its own timer run out."""
        node = self[name]
        for _ in range(20):
            self.now = max(self.now, node.deadline()) + (0 if node.role is Role.FOLLOWER else 1.0)
            node.tick(self.now)
            self.settle()
            if node.role is Role.LEADER:
                return node
        raise AssertionError(f"{name} is not elected")

    def leader(self) -> Node:
        """The one of the newest term."""
        leaders = [m.up for m in self.members.values() if m.node is not None and m.up.role is Role.LEADER]
        assert leaders, "no leader"
        return max(leaders, key=lambda node: node.term)

    def propose(self, *datas: bytes) -> int:
        index = self.leader().propose(datas, self.now)
        self.settle()
        return index

    def crash(self, name: str, survives: int = 0) -> None:
        self.members[name].crash(survives)

    def boot(self, name: str) -> None:
        self.members[name].boot(self.now)


class Witness:
    """Sees everything, and says when one of raft's promises (thesis figure 3.2) is broken."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.leaders: dict[int, str] = {}
        self.chosen: dict[int, Entry] = {}
        """What any state machine applied at each index."""

    def look(self) -> None:
        """After every event: Election Safety, Leader Completeness, State Machine Safety."""
        for member in self.network.members.values():
            if member.node is None:
                continue
            if member.node.role is Role.LEADER and self.leaders.get(member.node.term) != member.id:
                known = self.leaders.setdefault(member.node.term, member.id)
                assert known == member.id, f"{known} and {member.id} both lead in term {member.node.term}"
                self._complete(member.node)
            for entry in member.applied[member.checked :]:
                chosen = self.chosen.setdefault(entry.index, entry)
                assert chosen == entry, f"{member.id} applied {entry}, but {chosen} was applied there before"
            member.checked = len(member.applied)

    def _complete(self, leader: Node) -> None:
        log = leader._state.log
        for index in range(max(log.first, 1), max(self.chosen, default=0) + 1):
            assert log.term(index) == self.chosen[index].term, f"{leader._state.id} leads without entry {index}"

    def look_at_logs(self) -> None:
        """Log Matching: two logs with the same term at an index are the same up to there."""
        logs = [m.up._state.log for m in self.network.members.values() if m.node is not None]
        for place, one in enumerate(logs):
            for other in logs[place + 1 :]:
                low = max(one.first, other.first)
                same = False
                for index in range(min(one.last, other.last), low - 1, -1):
                    a, b = one.entries[index - one.first], other.entries[index - other.first]
                    same = same or a.term == b.term
                    assert not same or a == b, f"logs agree above {index}, but there are {a} and {b}"


def commands(applied: Sequence[Entry]) -> list[bytes]:
    return [entry.data for entry in applied if entry.data and entry.kind != CONFIGURATION]


__all__ = ["Configuration", "Disk", "Member", "Network", "NotLeaderError", "Witness", "commands"]
