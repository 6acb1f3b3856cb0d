"""Raft members in memory, with a disk each that forgets what was not synced, and the wires between them.

Must not choose what happens next: scripts (test_interaction), sentences (test_paper) and dice (test_fuzz) do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from store.raft.config import Config
from store.raft.messages import (
    CONFIGURATION,
    Configuration,
    Entry,
    HardState,
    InstallSnapshot,
    Message,
    Refused,
    SnapshotMeta,
)
from store.raft.node import Node, NotLeaderError, Ready, Role, Stored

Write = tuple[HardState | None, tuple[Entry, ...]]


@dataclass
class Disk:
    """What is durable, and writes in their order that are not yet; each is there as a whole or not at all."""

    hard: HardState = HardState()
    meta: SnapshotMeta = SnapshotMeta()
    snapshot: bytes = b""
    entries: list[Entry] = field(default_factory=list)
    pending: list[tuple[int, Write]] = field(default_factory=list)
    partial: tuple[SnapshotMeta, bytearray] | None = None

    def write(self, ready: Ready) -> None:
        if ready.hard or ready.entries:
            self.pending.append((ready.number, (ready.hard, tuple(ready.entries))))
        for meta, offset, data in ready.chunks:
            if offset == 0 or self.partial is None or self.partial[0] != meta:
                assert offset == 0, f"chunk at {offset} of a file that was not begun"
                self.partial = (meta, bytearray())
            assert len(self.partial[1]) == offset
            self.partial[1].extend(data)

    def sync(self, number: int) -> None:
        """Pending writes up to that number become durable."""
        while self.pending and self.pending[0][0] <= number:
            self._keep(*self.pending.pop(0)[1])

    def _keep(self, hard: HardState | None, entries: Sequence[Entry]) -> None:
        self.hard = hard or self.hard
        for entry in entries:
            first = self.entries[0].index if self.entries else entry.index
            del self.entries[max(0, entry.index - first) :]
            self.entries.append(entry)

    def lose(self, survives: int) -> None:
        """A crash: all pending writes but the first few are gone."""
        for _, write in self.pending[:survives]:
            self._keep(*write)
        self.pending.clear()

    def keep_snapshot(self, meta: SnapshotMeta, data: bytes) -> None:
        """Of our own state. A log that does not hold its last entry is another history."""
        at = [entry for entry in self.entries if entry.index == meta.index]
        same = bool(at) and at[0].term == meta.term
        self.entries = [entry for entry in self.entries if entry.index > meta.index] if same else []
        self.meta, self.snapshot = meta, data

    def install(self, meta: SnapshotMeta) -> bytes:
        assert self.partial is not None
        assert self.partial[0] == meta
        self.meta, self.snapshot, self.entries = meta, bytes(self.partial[1]), []
        self.partial = None
        return self.snapshot

    def stored(self) -> Stored:
        entries = [entry for entry in self.entries if entry.index > self.meta.index]
        if entries and entries[0].index != self.meta.index + 1:
            entries = []
        last = entries[-1].index if entries else self.meta.index
        hard = self.hard
        hard = HardState(max(hard.term, self.meta.term), hard.vote, min(hard.commit, last), hard.id)
        partial = (self.partial[0], len(self.partial[1])) if self.partial else None
        return Stored(hard, self.meta, tuple(entries), partial)


@dataclass(eq=False)
class Member:
    """One member with its shell: `take` and `finish` are the two halves of the loop that node.py describes."""

    config: Config
    rng: Random
    disk: Disk = field(default_factory=Disk)
    node: Node | None = None
    queue: deque[Ready] = field(default_factory=deque)
    """Taken, and not durable yet."""
    seen: list[Ready] = field(default_factory=list)
    """All that were taken, for who wants to look; the looker clears it."""
    applied: list[Entry] = field(default_factory=list)
    """Commands and all others, in order, from index 1: the state machine."""
    checked: int = 0
    """How much of `applied` the witness has seen."""
    reads: list[tuple[int, int | None]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    files: dict[int, bytes] = field(default_factory=dict)
    """Snapshots for followers, by index."""
    held: bool = False
    """Its syncs do not come to an end."""
    rate: float = 1.0
    """How much faster its clock runs than real time."""

    @property
    def id(self) -> str:
        return self.config.id

    @property
    def up(self) -> Node:
        assert self.node is not None, f"{self.id} is down"
        return self.node

    def boot(self, now: float) -> None:
        """`now` by its own clock."""
        self.node = Node(self.config, self.disk.stored(), self.rng, now)
        self.queue.clear()
        self.reads, self.checked, self.seen, self.files = [], 0, [], {}
        self.applied = unpack(self.disk.snapshot) if self.disk.snapshot else []

    def crash(self, survives: int = 0) -> None:
        """Unsynced writes are lost, but for the first few."""
        self.disk.lose(survives)
        self.node = None

    def wipe(self) -> None:
        """The disk is gone; an empty one is put in."""
        self.disk, self.node = Disk(), None

    def make_snapshot(self) -> tuple[SnapshotMeta, bytes] | None:
        """Of all that is applied."""
        if not self.applied:
            return None
        last = self.applied[-1]
        meta = SnapshotMeta(last.index, last.term, self.up.configuration_at(last.index))
        return meta, pack(self.applied)

    def compact(self) -> None:
        """Take a snapshot, keep it, let the log go. Writes under way are synced before."""
        snapshot = self.make_snapshot()
        if snapshot and snapshot[0].index > self.disk.meta.index and not any(ready.install for ready in self.queue):
            self.disk.sync(1 << 60)
            self.disk.keep_snapshot(*snapshot)
            self.up.compact(snapshot[0])

    def take(self) -> list[Message] | None:
        """Take a Ready, write it, apply what is committed; what it sends at once. None: there is none."""
        ready = self.up.ready()
        if ready is None:
            return None
        assert not ready.committed or not any(waiting.install for waiting in self.queue)
        self.disk.write(ready)
        self.queue.append(ready)
        self.seen.append(ready)
        for entry in ready.committed:
            assert entry.index == len(self.applied) + 1
            self.applied.append(entry)
        if ready.committed:
            self.up.applied(ready.committed[-1].index)
        self.reads.extend(ready.reads)
        if ready.refused:
            self.refused.append(ready.refused)
        if ready.snapshot_wanted:
            self._provide()
        return self.filled(ready.early)

    def _provide(self) -> None:
        snapshot = self.make_snapshot()
        if snapshot:
            self.files[snapshot[0].index] = snapshot[1]
            self.up.provide_snapshot(snapshot[0], len(snapshot[1]))

    def finish(self, count: int = 1) -> list[Message]:
        """So many Readys become durable, in one sync; what they send then."""
        done = [self.queue.popleft() for _ in range(min(count, len(self.queue)))]
        sent: list[Message] = []
        if not done:
            return sent
        self.disk.sync(done[-1].number)
        for ready in done:
            if ready.install:
                self.applied, self.checked = unpack(self.disk.install(ready.install)), 0
            sent.extend(ready.messages)
        self.up.durable(done[-1])
        return self.filled(sent)

    def damage(self, ready: Ready) -> None:
        """The snapshot that this Ready installs turns out to be damaged."""
        assert ready.install is not None
        self.up.snapshot_failed(ready.install)
        self.disk.partial = ready.install = None

    def filled(self, messages: Sequence[Message]) -> list[Message]:
        for message in messages:
            if isinstance(message, InstallSnapshot) and not message.data:
                file = self.files[message.index]
                message.data = file[message.offset : message.offset + message.size]
        return list(messages)


def pack(applied: Sequence[Entry]) -> bytes:
    return "\n".join(f"{e.term} {e.index} {e.kind} {e.data.hex()}" for e in applied).encode()


def unpack(data: bytes) -> list[Entry]:
    rows = [line.split(" ") for line in data.decode().split("\n")]
    return [Entry(int(term), int(index), bytes.fromhex(text), int(kind)) for term, index, kind, text in rows]


class Network:
    """Members and what is on its way between them. `now` moves only when told to. Without leases unless asked for."""

    def __init__(self, names: Sequence[str], seed: int = 1, spares: Sequence[str] = (), **options: Any) -> None:
        self.rng = Random(seed)
        self.now = 0.0
        self.wires: list[Message] = []
        self.cut: set[tuple[str, str]] = set()
        self.members: dict[str, Member] = {}
        options = {"lease_clock_error": 0.0} | options
        for name in (*names, *spares):
            config = Config(name, tuple(names) if name in names else (), **options)
            self.members[name] = Member(config, Random(self.rng.random()))
            self.members[name].boot(self.now)

    def __getitem__(self, name: str) -> Node:
        return self.members[name].up

    def clock(self, member: Member) -> float:
        """What its clock shows."""
        return self.now * member.rate

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
        while member.node is not None:
            sent = member.take()
            if sent is not None:
                self.send(sent)
            if member.queue and not member.held:
                self.send(member.finish())
            elif sent is None:
                return

    def deliver(self, message: Message) -> None:
        member = self.members.get(message.dst)
        if member is not None and member.node is not None and (message.src, message.dst) not in self.cut:
            member.node.step(message, self.clock(member))

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
            due = min((m.up.deadline() / m.rate for m in awake), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            for member in awake:
                if member.up.deadline() <= self.clock(member) + 1e-9:
                    member.up.tick(max(self.clock(member), member.up.deadline()))
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

    def change(self, voters: Sequence[str], learners: Sequence[str] = ()) -> int:
        """Ask the leader for that configuration."""
        return self.leader().propose_configuration(Configuration(tuple(voters), tuple(learners)), self.now)

    def crash(self, name: str, survives: int = 0) -> None:
        self.members[name].crash(survives)

    def boot(self, name: str) -> None:
        self.members[name].boot(self.clock(self.members[name]))


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


def names(configuration: Configuration) -> Configuration:
    """The same without disk ids, which are dice."""
    return Configuration(configuration.voters, configuration.learners, configuration.outgoing)


def commands(applied: Sequence[Entry]) -> list[bytes]:
    return [entry.data for entry in applied if entry.data and entry.kind != CONFIGURATION]


__all__ = ["Configuration", "Disk", "Member", "Network", "NotLeaderError", "Witness", "commands", "names"]
