"""What watchers of the API were told, beside what there was to tell.

Must not judge watches of the store's own (`watch-order`, `watch-complete` do). A client that follows a kind notes each
stretch of watching: "watched" {kind, server, since, told: [[resourceVersion, type, namespace/name], ...]}: all that
came after `since`, BOOKMARKs included. What there was comes from the run's observer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api import meta
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Options
from cluster.history.run import Run, Seen
from cluster.history.tally import Objects, Tally, notes, observed


def watch_tells_all(run: Run, _: Options) -> Finding:
    """Kubernetes API concepts, "Efficient detection of changes" and "Watch bookmarks": every change after the version
    that was asked for, once, in order; a bookmark says that all up to it has been told."""
    tally = Tally("watch-tells-all")
    kinds: dict[str, dict[int, Seen]] = {}
    for _time, viewer, data, _event in notes(run, "watched"):
        kind = str(data["kind"])
        if kind not in kinds:
            kinds[kind] = {meta.revision_of(event.object): event for event in observed(run, kind)}
        _judge(tally, viewer, data, kinds[kind])
    return tally.finding("events of watches")


def _judge(tally: Tally, viewer: str, data: Mapping[str, Any], truth: Mapping[int, Seen]) -> None:
    where = f"{viewer} watched {data['kind']} at {data['server']} from version {data['since']} on and"
    at: int = data["since"]
    ahead: Sequence[int] = sorted(revision for revision in truth if revision > at)
    place = 0
    for revision, type, key in data["told"]:
        if type == "BOOKMARK":
            missed = [r for r in ahead[place:] if r <= revision]
            if missed:
                _missed(tally, f"{where} was told by a bookmark that it knows all up to {revision}", missed, truth)
                return
            at = max(at, revision)
            continue
        tally.looked_at += 1
        if revision <= at:
            tally.wrong(f"{where} was told of {key} at version {revision} after {at}: out of order, or twice")
            return
        missed = [r for r in ahead[place:] if r < revision]
        if missed:
            _missed(tally, f"{where} was told of {key} at version {revision}", missed, truth)
            return
        if place >= len(ahead) or ahead[place] != revision:
            tally.wrong(f"{where} was told of {key} at version {revision}, which never was")
            return
        at = revision
        place += 1


def _missed(tally: Tally, told: str, missed: Sequence[int], truth: Mapping[int, Seen]) -> None:
    first = truth[missed[0]]
    tally.wrong(
        f"{told}, but never of {meta.key_of(first.object)}, {first.type} at version {missed[0]} ({first.time:.3f} s)"
        + (f", nor of {len(missed) - 1} more" if len(missed) > 1 else ""),
        first.object,
    )


def caches_follow(run: Run, _: Options) -> Finding:
    """Kubernetes, client-go's reflector: a cache of objects never goes back to an older version of one, forgets none
    that is there, and comes to be as the objects are. Each change of it is a note "cached" {kind, key, revision, gone}.
    """
    tally = Tally("caches-follow")
    known: dict[tuple[str, str], dict[str, int]] = {}
    highest: dict[tuple[str, str, str], int] = {}
    ends: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for event in observed(run):
        if event.type == "DELETED":
            end = (event.time, meta.revision_of(event.object))
            ends.setdefault((event.kind, meta.key_of(event.object)), []).append(end)
    for now, who, data, _event in notes(run, "cached"):
        if "kind" not in data:
            continue  # an apiserver's note of the revision that its watch cache has come to
        kind, key, revision = str(data["kind"]), str(data["key"]), int(data["revision"])
        cache = known.setdefault((who, kind), {})
        tally.looked_at += 1
        before = highest.get((who, kind, key), 0)
        if revision < before:
            tally.wrong(f"{who} went back from version {before} of {kind} {key} to {revision} at {now:.3f} s")
        highest[who, kind, key] = max(before, revision)
        if data["gone"]:
            cache.pop(key, None)
            if not any(time <= now and end >= revision for time, end in ends.get((kind, key), ())):
                tally.wrong(f"{who} forgot {kind} {key} (version {revision}) at {now:.3f} s, and nobody had deleted it")
        else:
            cache[key] = revision
    for (who, kind), cache in known.items():
        _compare(tally, run, f"the cache of {who}", kind, cache)
    return tally.finding("changes of caches")


def _compare(tally: Tally, run: Run, whose: str, kind: str, cache: Mapping[str, int]) -> None:
    objects = Objects()
    for event in observed(run, kind):
        objects.take(event)
    true = {key: meta.revision_of(obj) for key, obj in objects.of(kind).items()}
    for key in sorted({*true, *cache}):
        if key not in true:
            tally.wrong(f"{whose} still has {kind} {key} (version {cache[key]}) at the end; there is no such object")
        elif cache.get(key) != true[key]:
            has = f"version {cache[key]}" if key in cache else "nothing"
            tally.wrong(f"{whose} has {has} of {kind} {key} at the end, which is at version {true[key]}")


CHECKS: Mapping[str, Check] = {
    "watch-tells-all": Check(
        "A watch of the API tells every change once, in order.", watch_tells_all, ("records", "events")
    ),
    "caches-follow": Check(
        "A client's cache never goes back, and ends as the objects are.", caches_follow, ("records", "events")
    ),
}
