"""A choice of the store's planted bugs (tests/store has all of them), one or two for each promise that it makes.

Must not plant anything: each is installed as the store's own proof does.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.store.bugs import ALL
from tests.store.bugs.found import FOUND
from tests.zoo.bug import Bug

PROOF = "store"
"""The story of them all: one of the store's proof (tests/store/proof), which the seed draws."""

CHOICE = (
    "vote-twice",
    "forget-term",
    "old-log-elected",
    "no-log-match-check",
    "minority",
    "no-sync",
    "torn-tail-kept",
    "vote-not-stored",
    "applied-twice",
    "followers-answer-linearizable-reads",
    "watch-resumes-late",
    "watch-chunk-skips",
    "lease-shortened-by-new-leader",
    "answered-before-commit",
    "lost-leadership-refuses",
)


def _source(section: str) -> str:
    return f"Raft thesis, {section}" if section[:1].isdigit() else section


def _bug(name: str) -> Bug:
    """Under a name that tells it from the apiserver's of the same name."""
    planted = ALL[name]
    return Bug(f"store-{name}", "store", planted.rule, _source(planted.section), PROOF, FOUND[name][0], planted.install)


BUGS: Mapping[str, Bug] = {bug.name: bug for bug in map(_bug, CHOICE)}
