"""Scripts in testdata/: what members say to each other, step by step. `--rewrite` records them anew; read the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.raft.messages import (
    CONFIGURATION,
    Append,
    AppendReply,
    Configuration,
    Entry,
    InstallSnapshot,
    Message,
    PreVote,
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

    def _work(self, name: str) -> None:
        member = self.network.members[name]
        while member.node is not None:
            fresh = member.stage == 0
            sent = member.step_shell()
            if sent is None:
                return
            if fresh and member.ready:
                self._show_ready(name, member.ready)
            self.network.send(sent)

    def _show_ready(self, name: str, ready: Ready) -> None:
        parts = []
        if ready.changed:
            parts.append(f"is {ready.changed.role} in t{ready.changed.term}, leader {ready.changed.leader or '-'}")
        if ready.snapshot:
            parts.append(f"installs {ready.snapshot.term}/{ready.snapshot.index}")
        if ready.entries:
            parts.append(f"stores {show_entries(ready.entries)}")
        if ready.committed:
            parts.append(f"applies {show_entries(ready.committed)}")
        if ready.snapshot_wanted:
            parts.append("wants a snapshot")
        parts.extend(f"read {context} at {index}" for context, index in ready.reads)
        if parts:
            self.lines.append(f"{name}: {'; '.join(parts)}")


def show_entries(entries: list[Entry] | tuple[Entry, ...] | object) -> str:
    assert isinstance(entries, list | tuple)
    return " ".join(f"{e.term}/{e.index}{':' + _data(e) if e.data else ''}" for e in entries)


def _data(entry: Entry) -> str:
    return repr(entry.data.decode().split("\n")) if entry.kind == CONFIGURATION else entry.data.decode()


def show(message: Message) -> str:
    head = f"{message.src}->{message.dst} {type(message).__name__} t{message.term}"
    match message:
        case PreVote() | Vote():
            return f"{head} last={message.last_term}/{message.last_index}"
        case Append():
            tail = f" [{show_entries(message.entries)}]" if message.entries else ""
            return f"{head} after={message.prev_term}/{message.prev_index} commit={message.commit}{tail}" + (
                f" round={message.round}" if message.round else ""
            )
        case AppendReply(rejected=True):
            return f"{head} rejects={message.index} hint={message.hint_term}/{message.hint_index}"
        case AppendReply():
            return f"{head} has={message.index}" + (f" round={message.round}" if message.round else "")
        case InstallSnapshot():
            done = " done" if message.done else ""
            return f"{head} {message.snap_term}/{message.index} offset={message.offset} size={len(message.data)}{done}"
        case SnapshotReply():
            return f"{head} {message.index} {'done' if message.done else f'offset={message.offset}'}"
        case _:
            granted = getattr(message, "granted", None)
            return head if granted is None else f"{head} {'yes' if granted else 'no'}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, rewrite: bool) -> None:
    run_script(path, Script().handle, rewrite=rewrite)
