"""Session guarantees (Terry and others 1994): what one client may rely on, whoever else there is.

Must not judge linearizability. Versions are compared by the revisions in answers; without them by unique values: one
version is older than another if its write was answered before the other's began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run

GUARANTEES = ("monotonic-reads", "read-your-writes", "monotonic-writes", "writes-follow-reads")
MEANINGS = {
    "monotonic-reads": "what a client has read it does not read an older version of",
    "read-your-writes": "a client reads its own writes, or newer",
    "monotonic-writes": "a client's writes take effect in its order",
    "writes-follow-reads": "a client's write takes effect after what it had read",
}
KINDS = ("read", "write", "cas", "delete")
Wrong = tuple[str, tuple[int, int]]


@dataclass(slots=True)
class _Versions:
    """Which write made a value: by (key, value), None where two have."""

    history: Sequence[Operation]
    made: dict[tuple[str, Any], int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, o in enumerate(self.history):
            if _writes(o) and o.outcome != "fail":
                key = (o.key, value_of(o))
                self.made[key] = None if key in self.made else number

    def of_read(self, read: Operation) -> int | None:
        """The write whose value it returned, if that is known."""
        return self.made.get((read.key, read.result)) if read.result is not None else None

    def older(self, a: int, b: int) -> bool:
        """Is write `a` certainly before write `b`? By revision, else by time."""
        first, second = self.history[a], self.history[b]
        if first.revision and second.revision:
            return first.revision < second.revision
        return first.end < second.start


def _writes(o: Operation) -> bool:
    return o.kind in ("write", "cas") and not (o.outcome == "ok" and o.result is False)


def value_of(o: Operation) -> Any:
    """What a write or cas makes its key."""
    return o.value[1] if o.kind == "cas" else o.value


def _sessions(history: Sequence[Operation], mode: str) -> Iterator[list[int]]:
    by_client: dict[str, list[int]] = {}
    for number, o in enumerate(history):
        if o.kind in KINDS and o.outcome == "ok" and (not mode or o.kind != "read" or o.mode == mode):
            by_client.setdefault(o.client, []).append(number)
    for numbers in by_client.values():
        yield sorted(numbers, key=lambda n: history[n].start)


def _told(history: Sequence[Operation], before: int, after: int, text: str) -> Wrong:
    return f"{history[before].client}: after the {history[before].sentence()}, {text}", (before, after)


def _monotonic_reads(v: _Versions, session: Sequence[int]) -> Iterator[Wrong]:
    """The newest state and, per key, the newest version that it has read."""
    state: int | None = None
    newest: dict[str, int] = {}
    for number in session:
        o = v.history[number]
        if o.kind != "read":
            continue
        if state is not None and o.revision and o.revision < v.history[state].revision:
            text = f"at revision {v.history[state].revision}, the {o.sentence()} was at revision {o.revision}"
            yield _told(v.history, state, number, text)
        elif o.key in newest and (older := _is_older(v, o, v.history[newest[o.key]])):
            yield _told(v.history, newest[o.key], number, f"the {o.sentence()}: {older}")
        else:
            newest[o.key] = number
        if o.revision and (state is None or o.revision > v.history[state].revision):
            state = number


def _is_older(v: _Versions, read: Operation, before: Operation) -> str:
    """Why what `read` returned is older than what `before` returned, "" if it is not known to be."""
    if read.revision and before.revision:
        return ""
    known = v.of_read(before)
    if known is None:
        return ""
    if read.result is None:
        return "" if _deleted(v, read) else "nothing is older than something"
    mine = v.of_read(read)
    if mine is None or not v.older(mine, known):
        return ""
    return f"{read.result!r} was written before {before.result!r}"


def _deleted(v: _Versions, read: Operation) -> bool:
    """May somebody have deleted the key by then?"""
    return any(
        o.kind == "delete" and o.key == read.key and o.outcome != "fail" and o.start <= read.end for o in v.history
    )


def _read_your_writes(v: _Versions, session: Sequence[int]) -> Iterator[Wrong]:
    own: dict[str, int] = {}
    """The newest of its own writes, by key; of all keys by "" where there are revisions."""
    newest: int | None = None
    for number in session:
        o = v.history[number]
        if o.kind != "read":
            if _writes(o) or o.kind == "delete":
                own[o.key] = number
                newest = number if o.revision else newest
            continue
        if newest is not None and o.revision and o.revision < v.history[newest].revision:
            text = f"at revision {v.history[newest].revision}, the {o.sentence()} was at revision {o.revision}"
            yield _told(v.history, newest, number, text)
        elif o.key in own and not o.revision and v.history[own[o.key]].kind != "delete":
            mine = own[o.key]
            read = v.of_read(o)
            gone = o.result is None and not _deleted(v, o)
            if gone or (read is not None and read != mine and v.older(read, mine)):
                yield _told(v.history, mine, number, f"the {o.sentence()}")


def _monotonic_writes(v: _Versions, session: Sequence[int]) -> Iterator[Wrong]:
    before: int | None = None
    for number in session:
        o = v.history[number]
        if not o.revision or not (_writes(o) or o.result is True):
            continue
        if o.kind == "read":
            continue
        if before is not None and o.revision <= v.history[before].revision:
            text = f"at revision {v.history[before].revision}, the {o.sentence()} got revision {o.revision}"
            yield _told(v.history, before, number, text)
        before = number


def _writes_follow_reads(v: _Versions, session: Sequence[int]) -> Iterator[Wrong]:
    read: int | None = None
    for number in session:
        o = v.history[number]
        if not o.revision:
            continue
        if o.kind == "read":
            read = number if read is None or o.revision > v.history[read].revision else read
        elif read is not None and _writes(o) and o.revision <= v.history[read].revision:
            text = f"at revision {v.history[read].revision}, the {o.sentence()} got revision {o.revision}"
            yield _told(v.history, read, number, text)


_RULES: Mapping[str, Callable[[_Versions, Sequence[int]], Iterator[Wrong]]] = {
    "monotonic-reads": _monotonic_reads,
    "read-your-writes": _read_your_writes,
    "monotonic-writes": _monotonic_writes,
    "writes-follow-reads": _writes_follow_reads,
}


def _looked_at(history: Sequence[Operation], guarantee: str, mode: str) -> int:
    """Pairs of operations of a session that this guarantee is about."""
    wanted = {
        "monotonic-reads": (1, 1),
        "read-your-writes": (0, 1),
        "monotonic-writes": (0, 0),
        "writes-follow-reads": (1, 0),
    }
    first, second = wanted[guarantee]
    count = 0
    for session in _sessions(history, mode):
        before = False
        for number in session:
            reads = history[number].kind == "read"
            needs = guarantee in ("monotonic-writes", "writes-follow-reads")
            if needs and not history[number].revision:
                continue
            count += before and reads == bool(second)
            before = before or reads == bool(first)
    return count


def violations(history: Sequence[Operation], guarantee: str, mode: str = "") -> list[Wrong]:
    """Sentence, and the numbers of the two operations. `mode`: of reads; "" all."""
    versions = _Versions(history)
    return [wrong for session in _sessions(history, mode) for wrong in _RULES[guarantee](versions, session)]


def _judge(name: str, guarantees: Sequence[str], run: Run, options: Options) -> Finding:
    mode = options["mode"]
    looked = {g: _looked_at(run.operations, g, mode) for g in guarantees}
    if not any(looked.values()):
        return saw_nothing(name, f"two operations of one client that {' or '.join(guarantees)} is about")
    wrong = {g: found for g in guarantees if (found := violations(run.operations, g, mode))}
    figures = {g: float(len(wrong.get(g, ()))) for g in guarantees}
    total = sum(looked.values())
    if not wrong:
        unseen = [g for g in guarantees if not looked[g]]
        more = f" (nothing to look at for {', '.join(unseen)})" if unseen else ""
        return Finding(name, "ok", f"holds over {total} pairs of operations{more}", total, figures=figures)
    first = next(iter(wrong))
    because = [f"{g}: {sentence}" for g, found in wrong.items() for sentence, _ in found[:5]]
    evidence = {"operations": list(wrong[first][0][1])}
    return Finding(
        name, "violated", f"{first} ({MEANINGS[first]}): {wrong[first][0][0]}", total, because, evidence, figures
    )


def _check(guarantee: str) -> Check:
    def judge(run: Run, options: Options) -> Finding:
        return _judge(guarantee, (guarantee,), run, options)

    return Check(f"Sessions: {MEANINGS[guarantee]}.", judge, ("operations",), {"mode": MODE})


def _judge_all(run: Run, options: Options) -> Finding:
    return _judge("serializable-sessions", options["guarantees"], run, options)


MODE = Option("word", "only reads of this mode; empty: all", "")
CHECKS: Mapping[str, Check] = {
    "serializable-sessions": Check(
        "The session guarantees hold for every client, also for its serializable reads.",
        _judge_all,
        ("operations",),
        {"guarantees": Option("words", "which", GUARANTEES, GUARANTEES), "mode": MODE},
    ),
    **{guarantee: _check(guarantee) for guarantee in GUARANTEES},
}
