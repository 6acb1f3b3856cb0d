"""Looks for bugs: in how many seeds is a planted one found, by which check, and is the healthy code clean?

Must not tell stories (`telling`) nor print. What a component raises is no finding of a check; with a bug in it the next
seed is tried, and in healthy code it counts as a violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest

from tests.store.proof.story import play
from tests.store.proof.witness import Violation
from tests.zoo.bug import Bug
from tests.zoo.bugs.store import PROOF
from tests.zoo.telling import tell

MOST = 2000
"""Seeds in which every bug must be found."""


@dataclass(frozen=True, slots=True)
class Catch:
    """`seeds`: told with the bug until then, this one included. `crashes`: of them ended by an exception. `because`:
    the check's sentences."""

    bug: str
    check: str
    seed: int
    seeds: int
    crashes: int
    message: str
    because: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Escape:
    """Not found in that many seeds. `others`: what other checks said, "check: sentence"."""

    bug: str
    seeds: int
    crashes: int
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that a check found in the healthy code, or that it raised."""

    story: str
    seed: int
    check: str
    message: str


def hunt(bug: Bug, seeds: Iterable[int]) -> Catch | Escape:
    """Its story with the bug in it, until its check finds it."""
    return _hunt_store(bug, seeds) if bug.story == PROOF else _hunt_cluster(bug, seeds)


def _hunt_cluster(bug: Bug, seeds: Iterable[int]) -> Catch | Escape:
    count = crashes = 0
    others: dict[str, str] = {}
    for seed in seeds:
        count += 1
        try:
            found = tell(bug.story, seed, bug).violated
        except Exception as error:
            crashes += 1
            others.setdefault(type(error).__name__, str(error))
            continue
        if bug.check in found:
            finding = found[bug.check]
            return Catch(bug.name, bug.check, seed, count, crashes, finding.summary, tuple(finding.because))
        for check, finding in found.items():
            others.setdefault(check, finding.summary)
    return Escape(bug.name, count, crashes, tuple(f"{name}: {message}" for name, message in others.items()))


def _hunt_store(bug: Bug, seeds: Iterable[int]) -> Catch | Escape:
    """The store's stories judge while they run: the first check that says something ends them."""
    count = crashes = 0
    others: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        bug.install(patch)
        for seed in seeds:
            count += 1
            try:
                play(seed)
            except Violation as violation:
                if violation.check == bug.check:
                    message = str(violation).removeprefix(f"{bug.check}: ")
                    return Catch(bug.name, bug.check, seed, count, crashes, message, (message,))
                others.setdefault(violation.check, str(violation))
            except Exception as error:
                crashes += 1
                others.setdefault(type(error).__name__, str(error))
    return Escape(bug.name, count, crashes, tuple(f"{name}: {message}" for name, message in others.items()))


def healthy(story: str, seed: int) -> Wrong | None:
    """The story without any bug: what was found in it, if anything."""
    try:
        if story == PROOF:
            play(seed)
            return None
        found = tell(story, seed).violated
    except Violation as violation:
        return Wrong(story, seed, violation.check, str(violation))
    except Exception as error:
        return Wrong(story, seed, "nothing is raised", f"{type(error).__name__}: {error}")
    for check, finding in found.items():
        return Wrong(story, seed, check, finding.summary)
    return None
