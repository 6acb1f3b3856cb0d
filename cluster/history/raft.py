"""What members of the store wrote into their journals about raft, held against the promises of the paper.

Must not know messages or logs: the notes "role" {term, role, leader} and "log" {term, last, commit, applied, snapshot}
are all there is, and what they cannot show is not judged. Source: Ongaro and Ousterhout (2014), figure 3, and thesis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.run import Run

Wrong = tuple[str, list[int]]
"""Sentence, and numbers of records."""


@dataclass(frozen=True, slots=True)
class Note:
    """One of them; `number`: in `Run.records`."""

    number: int
    time: float
    host: str
    boot: int
    data: Mapping[str, Any]

    @property
    def who(self) -> str:
        return f"{self.host} (boot {self.boot})"

    def get(self, name: str) -> int:
        value = self.data.get(name)
        return value if type(value) is int else 0


def notes_of(run: Run, event: str) -> list[Note]:
    """Of members: those that have a term."""
    return [
        Note(number, float(r[0]), str(r[2]), int(r[3]), r[5])
        for number, r in enumerate(run.records)
        if len(r) == 6 and r[4] == event and isinstance(r[5], Mapping) and type(r[5].get("term")) is int
    ]


def _finding(check: str, wrong: Sequence[Wrong], looked_at: int, what: str) -> Finding:
    if not looked_at:
        return saw_nothing(check, what)
    if not wrong:
        return Finding(check, "ok", f"holds over {looked_at} {what}", looked_at)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    evidence = {"records": wrong[0][1]}
    return Finding(check, "violated", wrong[0][0] + more, looked_at, [text for text, _ in wrong[:20]], evidence)


def _per_boot(notes: Sequence[Note]) -> Iterator[tuple[Note, Note]]:
    """Each note of a boot with the one before it."""
    last: dict[tuple[str, int], Note] = {}
    for note in notes:
        before = last.get((note.host, note.boot))
        if before is not None:
            yield before, note
        last[note.host, note.boot] = note


# ── terms and leaders ────────────────────────────────────────────────────────────────────────────────────────


def _one_leader(run: Run, _: Options) -> Finding:
    """Election safety: at most one leader is elected in a term; a new boot of it is another leader."""
    roles = notes_of(run, "role")
    first: dict[int, Note] = {}
    wrong: list[Wrong] = []
    for note in roles:
        if note.data.get("role") == "leader":
            known = first.setdefault(note.get("term"), note)
            if (known.host, known.boot) != (note.host, note.boot):
                text = (
                    f"term {note.get('term')} has two leaders: {known.who} from {known.time:.3f} s and {note.who} from"
                )
                wrong.append((f"{text} {note.time:.3f} s", [known.number, note.number]))
    return _finding("one-leader-per-term", wrong, len(roles), "changes of roles")


def _terms(run: Run, _: Options) -> Finding:
    """Terms are a logical clock: no member's goes back, not even over a restart (it is durable before it is used)."""
    roles = notes_of(run, "role")
    wrong: list[Wrong] = []
    newest: dict[str, Note] = {}
    wiped = _wipes(run)
    for note in roles:
        before = newest.get(note.host)
        if before is not None and note.boot != before.boot and note.host in wiped:
            before = None
        if before is not None and note.get("term") < before.get("term"):
            text = f"{note.who} was in term {note.get('term')} at {note.time:.3f} s, and in term {before.get('term')}"
            wrong.append((f"{text} at {before.time:.3f} s already", [before.number, note.number]))
        newest[note.host] = note
    return _finding("term-never-back", wrong, len(roles), "changes of roles")


def _wipes(run: Run) -> set[str]:
    """Hosts that lost their disk on purpose."""
    return {
        name
        for s in run.strikes
        if s.args.get("disk") == "wipe" or s.action == "replaceMember"
        for target in s.targets
        for name in (target, *(h for h, machine in run.meta.machines.items() if machine == target))
    }


def _removed(run: Run, options: Options) -> Finding:
    """Thesis 4.2.2: a leader that is not in the new configuration steps down once that is committed."""
    gone: dict[str, float] = {}
    for strike in run.strikes:
        if strike.action == "shrink" and not strike.error:
            for name in strike.targets:
                gone.setdefault(name, strike.since + options["within"])
    if not gone:
        return saw_nothing("removed-never-leads", "members that were removed")
    wrong = [
        (
            f"{n.who} leads term {n.get('term')} at {n.time:.3f} s, though it was removed by {gone[n.host]:.3f} s",
            [n.number],
        )
        for n in notes_of(run, "role")
        if n.data.get("role") == "leader" and n.time > gone.get(n.host, n.time)
    ]
    return _finding("removed-never-leads", wrong, len(gone), "removed members")


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _commit(run: Run, _: Options) -> Finding:
    """Committed is committed: within a boot a member's commit and applied indexes never go back, nothing is applied
    before it is committed, and no log ends before what it knows to be committed."""
    logs = notes_of(run, "log")
    wrong: list[Wrong] = []
    for before, note in _per_boot(logs):
        for name in ("commit", "applied", "snapshot"):
            if note.get(name) < before.get(name):
                text = (
                    f"{note.who}: {name} went back from {before.get(name)} at {before.time:.3f} s to {note.get(name)}"
                )
                wrong.append((f"{text} at {note.time:.3f} s", [before.number, note.number]))
        if note.get("last") < before.get("commit"):
            text = f"{note.who}: its log ends at {note.get('last')} at {note.time:.3f} s, though {before.get('commit')}"
            wrong.append((f"{text} was committed at {before.time:.3f} s", [before.number, note.number]))
    for note in logs:
        if note.get("applied") > note.get("commit"):
            text = f"{note.who} applied {note.get('applied')} at {note.time:.3f} s with only {note.get('commit')}"
            wrong.append((f"{text} committed", [note.number]))
        if note.get("commit") > note.get("last"):
            text = f"{note.who} took {note.get('commit')} for committed at {note.time:.3f} s, and its log ends at"
            wrong.append((f"{text} {note.get('last')}", [note.number]))
    return _finding("commit-never-back", wrong, len(logs), "states of logs")


def _complete(run: Run, _: Options) -> Finding:
    """Leader completeness (the election restriction): whoever leads a term has all that was committed before. Seen
    where a new leader's log, when it is next noted in that term, is shorter than what had been committed before."""
    logs = notes_of(run, "log")
    leaders = [n for n in notes_of(run, "role") if n.data.get("role") == "leader"]
    wrong: list[Wrong] = []
    looked_at = 0
    for leader in leaders:
        mine = _noted_next(logs, leader)
        known = [n for n in logs if n.time <= leader.time and n.get("term") < leader.get("term")]
        if mine is None or not known or mine.get("term") != leader.get("term"):
            continue
        looked_at += 1
        most = max(known, key=lambda n: n.get("commit"))
        if mine.get("last") < most.get("commit"):
            text = (
                f"{leader.who} came to lead term {leader.get('term')} at {leader.time:.3f} s with a log that ends at "
                f"{mine.get('last')}, though {most.who} knew {most.get('commit')} to be committed at {most.time:.3f} s"
            )
            wrong.append((text, [leader.number, mine.number, most.number]))
    return _finding("leader-completeness", wrong, looked_at, "new leaders whose log was noted")


def _noted_next(logs: Sequence[Note], leader: Note) -> Note | None:
    """The leader's own log when it next noted it."""
    same = (n for n in logs if n.number > leader.number and (n.host, n.boot) == (leader.host, leader.boot))
    return next(same, None)


def _matching(run: Run, _: Options) -> Finding:
    """State machine safety, as far as the notes show: members that say which state they have at an applied index
    ("hash" in a log note) say the same, and what the replicas hold in the end agrees at one revision."""
    states: dict[int, Note] = {}
    wrong: list[Wrong] = []
    looked_at = 0
    for note in notes_of(run, "log"):
        if "hash" not in note.data:
            continue
        looked_at += 1
        known = states.setdefault(note.get("applied"), note)
        if known.data["hash"] != note.data["hash"]:
            text = (
                f"at index {note.get('applied')} {known.who} holds {known.data['hash']}, {note.who} {note.data['hash']}"
            )
            wrong.append((text, [known.number, note.number]))
    finals: dict[Any, tuple[str, Any]] = {}
    for name, row in sorted((run.finals.get("store") or {}).items()):
        looked_at += 1
        member, digest = finals.setdefault(row.get("revision"), (name, row.get("hash")))
        if digest != row.get("hash"):
            text = f"at revision {row.get('revision')} {member} holds {digest} and {name} {row.get('hash')}"
            wrong.append((text, []))
    return _finding("log-matching-from-journal", wrong, looked_at, "states of members")


RECORDS = ("records",)
CHECKS: Mapping[str, Check] = {
    "one-leader-per-term": Check("Raft elects at most one leader in a term.", _one_leader, RECORDS),
    "term-never-back": Check("No member's term ever goes back.", _terms, RECORDS),
    "removed-never-leads": Check(
        "A member that was removed does not lead.",
        _removed,
        ("records", "strikes"),
        {"within": Option("duration", "from the removal on", 1.0)},
    ),
    "commit-never-back": Check("What is committed stays so, and only that is applied.", _commit, RECORDS),
    "leader-completeness": Check("Who leads has all that was committed before.", _complete, RECORDS),
    "log-matching-from-journal": Check(
        "Members that have applied the same hold the same.", _matching, ("records", "finals")
    ),
}
