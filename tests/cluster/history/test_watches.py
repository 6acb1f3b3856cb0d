"""What watchers of the store were told."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.history.run import WatchSeen
from tests.cluster.history.runs import run, say, watched, write

ORDER: list[tuple[str, list[WatchSeen], str]] = [
    ("in order", [watched("a", 1, 1), watched("a", 2, 2), watched("b", 1, 1)], ""),
    (
        "back in time",
        [watched("a", 2, 2), watched("a", 1, 1)],
        'a went back in time at 1.000 s: put of 1 on "x" at revision 1',
    ),
    ("two keys of one transaction", [watched("a", 1, 1), watched("a", 1, 1, key="y")], ""),
    ("told twice", [watched("a", 1, 1), watched("a", 1, 1)], "a was told twice of put of 1"),
    ("two stories", [watched("a", 1, 1), watched("b", 1, 2)], 'at revision 1 a saw put of 1 on "x", b saw put of 2'),
    (
        "delete and put",
        [watched("a", 1, None, type="delete"), watched("b", 1, 2)],
        'a saw delete on "x", b saw put of 2',
    ),
    ("began again", [watched("a", 1, 1), watched("a", 1, mode="began"), watched("a", 2, 2)], ""),
]


@pytest.mark.parametrize(("story", "watches", "said"), ORDER, ids=[s[0] for s in ORDER])
def test_order(story: str, watches: list[WatchSeen], said: str) -> None:
    finding = say("watch-order", run(watches=watches))
    assert finding.said == ("violated" if said else "ok")
    assert said in finding.summary


def three(watcher: str, *left_out: int) -> list[WatchSeen]:
    return [watched(watcher, r, r) for r in (1, 2, 3) if r not in left_out]


COMPLETE: list[tuple[str, dict[str, Any], str]] = [
    ("all of it", {"watches": [*three("a"), *three("b")]}, ""),
    (
        "a hole",
        {"watches": [*three("a"), *three("b", 2)]},
        'b was told of revision 3 but not of 2 on "x": a saw put of 2',
    ),
    (
        "a hole that was told",
        {"watches": [*three("a"), watched("b", 1, 1), watched("b", 2, mode="lost"), watched("b", 3, 3)]},
        "",
    ),
    ("began late", {"watches": [*three("a"), *three("b", 1)]}, ""),
    (
        "began early, by its own word",
        {"watches": [*three("a"), watched("b", 0, mode="began"), *three("b", 1)]},
        "not of 1",
    ),
    (
        "heard nothing",
        {"watches": [*three("a"), watched("b", 0, mode="began")]},
        "b had not heard by the end of revision 1",
    ),
    ("the tail", {"watches": [*three("a"), *three("b", 3)]}, "b had not heard by the end of revision 3"),
    ("the tail, just now", {"watches": [*three("a", 3), *three("b", 3), watched("a", 3, 3, time=19.5)]}, ""),
    (
        "an acknowledged write",
        {"watches": three("a", 2), "operations": [write(2, 1, 2, revision=2)]},
        'not of 2 on "x": the write of 2',
    ),
    ("a write that nobody knows of", {"watches": three("a"), "operations": [write(9, 1, 2, outcome="unknown")]}, ""),
]


@pytest.mark.parametrize(("story", "parts", "said"), COMPLETE, ids=[s[0] for s in COMPLETE])
def test_completeness(story: str, parts: dict[str, Any], said: str) -> None:
    finding = say("watch-complete", run(**parts))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary
