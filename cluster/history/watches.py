"""What watchers of the store were told: in order, all of it, one story for all, and never back in time.

Must not judge watches of API objects (`observer-never-goes-back` does). As the etcd project tests its watch: ordered,
unique, atomic, reliable. The truth is what any watcher saw, and the revisions that clients' writes were answered with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.record import freeze
from cluster.history.run import Run, WatchSeen

Wrong = tuple[str, list[int]]


@dataclass(slots=True)
class _Watcher:
    """Numbers of its events in `Run.watches`, as it saw them, and gaps that it was told of: (from, to)."""

    events: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    begun: int | None = None
    """The revision after which it first watched; None: nobody said, so its first event counts."""


def _watchers(watches: Sequence[WatchSeen]) -> dict[str, _Watcher]:
    found: dict[str, _Watcher] = {}
    newest: dict[str, int] = {}
    for number, seen in enumerate(watches):
        watcher = found.setdefault(seen.watcher, _Watcher())
        if seen.mode == "lost":
            watcher.gaps.append((newest.get(seen.watcher, 0), seen.revision))
        elif seen.mode == "began":
            watcher.begun = seen.revision if watcher.begun is None and not watcher.events else watcher.begun
            continue
        else:
            watcher.events.append(number)
        newest[seen.watcher] = max(newest.get(seen.watcher, 0), seen.revision)
    return found


def _what(seen: WatchSeen) -> str:
    value = f" of {seen.value!r}" if seen.type == "put" else ""
    return f'{seen.type}{value} on "{seen.key}"'


def _finding(check: str, wrong: list[Wrong], looked_at: int) -> Finding:
    if not looked_at:
        return saw_nothing(check, "events of watchers of the store")
    if not wrong:
        return Finding(check, "ok", f"holds over {looked_at} events", looked_at)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    evidence = {"watches": wrong[0][1]}
    return Finding(check, "violated", wrong[0][0] + more, looked_at, [text for text, _ in wrong[:20]], evidence)


def _judge_order(run: Run, _: Options) -> Finding:
    watchers = _watchers(run.watches)
    wrong = [w for name, watcher in watchers.items() for w in _back(run.watches, name, watcher)]
    wrong += _one_story(run.watches)
    return _finding("watch-order", wrong, sum(len(w.events) for w in watchers.values()))


def _back(watches: Sequence[WatchSeen], name: str, watcher: _Watcher) -> Iterator[Wrong]:
    """Revisions rise; within one (a transaction) each key once; none again."""
    newest: int | None = None
    keys: set[str] = set()
    for number in watcher.events:
        seen = watches[number]
        before = None if newest is None else watches[newest]
        if before is not None and seen.revision < before.revision:
            text = f"{name} went back in time at {seen.time:.3f} s: {_what(seen)} at revision {seen.revision}, after"
            yield f"{text} it had seen revision {before.revision} at {before.time:.3f} s", [number, newest or 0]
            continue
        if before is not None and seen.revision == before.revision and seen.key in keys:
            yield f"{name} was told twice of {_what(seen)} at revision {seen.revision}", [number, newest or 0]
        if before is None or seen.revision > before.revision:
            keys = set()
        keys.add(seen.key)
        newest = number


def _one_story(watches: Sequence[WatchSeen]) -> Iterator[Wrong]:
    """Whoever is told of a revision of a key is told the same."""
    first: dict[tuple[int, str], int] = {}
    for number, seen in enumerate(watches):
        if seen.mode:
            continue
        other = first.setdefault((seen.revision, seen.key), number)
        known = watches[other]
        if (known.type, freeze(known.value)) != (seen.type, freeze(seen.value)):
            text = f"at revision {seen.revision} {known.watcher} saw {_what(known)}, {seen.watcher} saw {_what(seen)}"
            yield text, [other, number]


def _judge_complete(run: Run, options: Options) -> Finding:
    """Each watcher has seen everything between its first event and what it must have heard of by the run's end."""
    watchers = _watchers(run.watches)
    truth = _truth(run)
    deadline = run.meta.seconds - options["within"]
    wrong: list[Wrong] = []
    for name, watcher in watchers.items():
        if watcher.events or watcher.begun is not None:
            wrong += _missed(run, (name, watcher), truth, deadline)
    return _finding("watch-complete", wrong, sum(len(w.events) for w in watchers.values()))


def _truth(run: Run) -> dict[tuple[int, str], tuple[float, str]]:
    """(revision, key) of every change of a watched key, with the time by which it had happened and who says so."""
    found: dict[tuple[int, str], tuple[float, str]] = {}
    keys = {seen.key for seen in run.watches if not seen.mode}
    for seen in run.watches:
        if not seen.mode:
            entry = (seen.time, f"{seen.watcher} saw {_what(seen)}")
            found[seen.revision, seen.key] = min(found.get((seen.revision, seen.key), entry), entry)
    for o in run.operations:
        changed = o.kind in ("write", "cas", "delete") and o.outcome == "ok" and o.result is not False
        if changed and o.revision and o.key in keys:
            found.setdefault((o.revision, o.key), (o.end, f"the {o.sentence()} was acknowledged with it"))
    return found


def _missed(
    run: Run, whose: tuple[str, _Watcher], truth: Mapping[tuple[int, str], tuple[float, str]], deadline: float
) -> Iterator[Wrong]:
    name, watcher = whose
    seen = {(run.watches[n].revision, run.watches[n].key) for n in watcher.events}
    first = min((r for r, _ in seen), default=0) if watcher.begun is None else watcher.begun + 1
    last = max((r for r, _ in seen), default=0)
    for (revision, key), (time, says) in sorted(truth.items()):
        if revision < first or (revision, key) in seen:
            continue
        if any(since < revision <= until for since, until in watcher.gaps):
            continue
        if revision < last:
            later = next(n for n in watcher.events if run.watches[n].revision > revision)
            text = f'{name} was told of revision {run.watches[later].revision} but not of {revision} on "{key}": {says}'
            yield text, [later]
        elif time < deadline:
            text = f'{name} had not heard by the end of revision {revision} on "{key}", of {time:.3f} s: {says}'
            yield text, watcher.events[-1:]


CHECKS: Mapping[str, Check] = {
    "watch-order": Check(
        "Watchers of the store are told in order, once, the same story, and never go back in time.",
        _judge_order,
        ("watches",),
    ),
    "watch-complete": Check(
        "Watchers of the store are told of everything, unless they were told of a gap.",
        _judge_complete,
        ("watches", "operations"),
        {"within": Option("duration", "what happened so shortly before the end may be missing", 2.0)},
    ),
}
