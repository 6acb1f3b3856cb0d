"""Scripts in testdata/: what members say to each other, step by step. `--rewrite` records them anew; read the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.raft.confchange import decode
from store.raft.messages import (
    CONFIGURATION,
    Append,
    AppendReply,
    Configuration,
    Entry,
    InstallSnapshot,
    Message,
    PreVote,
    Refused,
    SnapshotReply,
    Vote,
)
from store.raft.node import ChangeRefusedError, NotLeaderError, Ready
from tests.datadriven import Command, run_script
from tests.store.raft.network import Network

SCRIPTS = sorted((Path(__file__).parent / "testdata").glob("*.txt"))


class Script:
    """One cluster of members a, b, c, ... The commands are the methods whose names start with do_."""

    def __init__(self) -> None:
        self.network = Network(["a"])
        self.lines: list[str] = []

    def handle(self, command: Command) -> str:
        self.lines = []
        try:
            getattr(self, f"do_{command.name}")(command)
        except (NotLeaderError, ChangeRefusedError) as error:
            self.lines.append(f"refused: {error}")
        return "\n".join(self.lines)

    def do_cluster(self, command: Command) -> None:
        """cluster a b c [spare=d] [option=number ...]"""
        options = {key: float(value) for key, value in command.options.items() if key != "spare"}
        options = {key: int(value) if value == int(value) else value for key, value in options.items()}
        spares = command.options.get("spare", "").split()
        self.network = Network(command.words, seed=1, spares=spares, **options)

    def do_timeout(self, command: Command) -> None:
        """The deadline of that member comes."""
        node = self.network[command.words[0]]
        self.network.now = max(self.network.now, node.deadline())
        node.tick(self.network.now)
        self._work(command.words[0])

    def do_wait(self, command: Command) -> None:
        """So many seconds pass, unseen by anyone; nobody's timer rings."""
        self.network.now += float(command.words[0])

    def do_run(self, command: Command) -> None:
        """So many seconds pass with all that happens in them."""
        self.network.run(float(command.words[0]))

    def do_deliver(self, command: Command) -> None:
        """One round of what is on the wires now; only= selects by destination. What follows stays on the wires."""
        only = command.options.get("only")
        wires, self.network.wires = self.network.wires, []
        for message in wires:
            if only in (None, message.dst):
                self.lines.append(f"{show(message)}")
                self.network.deliver(message)
            else:
                self.network.wires.append(message)
        for name in self.network.members:
            self._work(name)

    def do_settle(self, command: Command) -> None:
        """Until all is quiet."""
        while self.network.wires:
            self.do_deliver(Command("deliver", (), {}, (), ""))

    def do_drop(self, command: Command) -> None:
        only = command.options.get("only")
        for message in list(self.network.wires):
            if only in (None, message.dst):
                self.network.wires.remove(message)
                self.lines.append(f"lost: {show(message)}")

    def do_propose(self, command: Command) -> None:
        name, *datas = command.words
        self.network[name].propose([data.encode() for data in datas], self.network.now)
        self._work(name)

    def do_read(self, command: Command) -> None:
        name, *contexts = command.words
        for context in contexts:
            self.network[name].read_index(int(context), self.network.now)
        self._work(name)

    def do_transfer(self, command: Command) -> None:
        self.network[command.words[0]].transfer_leader(command.words[1], self.network.now)
        self._work(command.words[0])

    def do_change(self, command: Command) -> None:
        """change a voters=a,b learners=c"""
        voters, learners = (tuple(filter(None, command.options.get(k, "").split(","))) for k in ("voters", "learners"))
        self.network[command.words[0]].propose_configuration(Configuration(voters, learners), self.network.now)
        self._work(command.words[0])

    def do_partition(self, command: Command) -> None:
        """partition ab c"""
        self.network.partition(*command.words)

    def do_heal(self, command: Command) -> None:
        self.network.heal()

    def do_crash(self, command: Command) -> None:
        self.network.crash(command.words[0])

    def do_boot(self, command: Command) -> None:
        self.network.boot(command.words[0])
        self._work(command.words[0])

    def do_compact(self, command: Command) -> None:
        self.network.members[command.words[0]].compact()

    def do_status(self, command: Command) -> None:
        for member in self.network.members.values():
            if member.node is None:
                self.lines.append(f"{member.id} down")
                continue
            s = member.node.status()
            line = f"{s.id} {s.role} t{s.term} leader={s.leader or '-'} log={s.first}..{s.last}"
            self.lines.append(f"{line} commit={s.commit} applied={s.applied}")
            self.lines.extend(f"  {f.id} {f.pace} match={f.match} next={f.next}" for f in s.followers)

    def do_hold(self, command: Command) -> None:
        """hold a: its disk takes writes, and no sync comes to an end before `sync a`"""
        self.network.members[command.words[0]].held = True

    def do_sync(self, command: Command) -> None:
        """sync a [count]: so many writes of a held member are done, one by default"""
        name, *count = command.words
        member = self.network.members[name]
        self.network.send(member.finish(int(count[0]) if count else 1))
        self._work(name)

    def do_release(self, command: Command) -> None:
        self.network.members[command.words[0]].held = False
        self._work(command.words[0])

    def do_lease(self, command: Command) -> None:
        """lease a: what a read under its lease would see"""
        node = self.network[command.words[0]]
        self.lines.append(f"read at {node.lease_read(self.network.now)}")

    def do_wipe(self, command: Command) -> None:
        """Its disk is lost, and an empty one put in."""
        self.network.members[command.words[0]].wipe()

    def do_damage(self, command: Command) -> None:
        """What it received of a snapshot turns out to be damaged."""
        member = self.network.members[command.words[0]]
        member.damage(next(ready for ready in member.queue if ready.install))
        self._work(command.words[0])

    def _work(self, name: str) -> None:
        member = self.network.members[name]
        while member.node is not None:
            sent = member.take()
            if sent is not None:
                self._show_ready(name, member.queue[-1])
                self.network.send(sent)
            if member.queue and not member.held:
                self.network.send(member.finish())
            elif sent is None:
                return

    def _show_ready(self, name: str, ready: Ready) -> None:
        parts = []
        if ready.changed:
            parts.append(f"is {ready.changed.role} in t{ready.changed.term}, leader {ready.changed.leader or '-'}")
        if ready.chunks:
            parts.append(f"keeps {' '.join(f'{offset}+{len(data)}' for _, offset, data in ready.chunks)}")
        if ready.install:
            parts.append(f"installs {ready.install.term}/{ready.install.index}")
        if ready.entries:
            parts.append(f"stores {show_entries(ready.entries)}")
        if ready.committed:
            parts.append(f"applies {show_entries(ready.committed)}")
        if ready.snapshot_wanted:
            parts.append("wants a snapshot")
        if ready.refused:
            parts.append("is refused: " + ("another disk has its name" if ready.refused.seat else "removed"))
        parts.extend(f"read {context} at {index}" for context, index in ready.reads)
        if parts:
            self.lines.append(f"{name}: {'; '.join(parts)}")


def show_entries(entries: list[Entry] | tuple[Entry, ...] | object) -> str:
    assert isinstance(entries, list | tuple)
    return " ".join(f"{e.term}/{e.index}{':' + _data(e) if e.data else ''}" for e in entries)


def _data(entry: Entry) -> str:
    if entry.kind != CONFIGURATION:
        return entry.data.decode()
    configuration = decode(entry.data)
    groups = (configuration.voters, configuration.outgoing, configuration.learners)
    return "(" + "|".join("".join(names) for names in groups).rstrip("|") + ")"


def show(message: Message) -> str:
    head = f"{message.src}->{message.dst} {type(message).__name__} t{message.term}"
    match message:
        case PreVote() | Vote():
            return f"{head} last={message.last_term}/{message.last_index}"
        case Append():
            tail = f" [{show_entries(message.entries)}]" if message.entries else ""
            return f"{head} after={message.prev_term}/{message.prev_index} commit={message.commit}{tail}" + (
                f" round={message.round}" if message.round != 1 else ""
            )
        case AppendReply(rejected=True):
            return f"{head} rejects={message.index} hint={message.hint_term}/{message.hint_index}"
        case AppendReply():
            return f"{head} has={message.index}" + (f" round={message.round}" if message.round > 1 else "")
        case InstallSnapshot():
            done = " done" if message.done else ""
            return f"{head} {message.snap_term}/{message.index} offset={message.offset} size={message.size}{done}"
        case SnapshotReply():
            return f"{head} {message.index} {'done' if message.done else f'offset={message.offset}'}"
        case Refused():
            return f"{head} at={message.index} {'another disk' if message.seat else 'removed'}"
        case _:
            granted = getattr(message, "granted", None)
            return head if granted is None else f"{head} {'yes' if granted else 'no'}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, rewrite: bool) -> None:
    run_script(path, Script().handle, rewrite=rewrite)
