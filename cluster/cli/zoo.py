"""`zoo`: planted bugs, the checks that must find them, and the healthy code that must be clean.

Must not plant, tell or judge: that is the tests' (tests/zoo), loaded by name, because nothing that is installed may
reach a planted bug.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import click

from cluster.cli import output as out
from cluster.errors import UsageError

COMPONENTS = ("store", "apiserver", "controllers", "scheduler", "kubelet", "proxy")
COLUMNS = ("BUG", "COMPONENT", "CHECK", "FOUND", "SEEDS", "REPLAY")
TOLD = 12
"""Sentences of a check's proof that are printed."""


@dataclass(frozen=True, slots=True)
class Zoo:
    """What is used of tests.zoo."""

    bugs: Mapping[str, Any]
    stories: Mapping[str, Any]
    hunting: Any
    proof: str
    """The story of the store's bugs, which the store's own proof tells."""


def zoo() -> Zoo:
    """UsageError where the source tree's tests are not there."""
    if importlib.util.find_spec("tests") is None or importlib.util.find_spec("tests.zoo") is None:
        raise UsageError(
            "the planted bugs are part of the source tree's tests, and are not installed with the program",
            place="zoo",
            remedy="run `python launch.py zoo` in a checkout of the sources",
        )
    try:
        load = importlib.import_module
        bugs, stories = load("tests.zoo.bugs"), load("tests.zoo.stories")
        return Zoo(bugs.ALL, stories.STORIES, load("tests.zoo.hunting"), bugs.store.PROOF)
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise UsageError(
            "pytest plants the bugs, and is not installed", place="zoo", remedy='pip install ".[dev]"'
        ) from None


def _seeds(_: click.Context, parameter: click.Parameter, value: str) -> range:
    low, colon, high = value.rpartition(":")
    try:
        found = range(int(low or 0), int(high))
    except ValueError:
        found = range(0)
    if not found or found.start < 0:
        raise UsageError(f"{value!r} are no seeds", place="--seeds", remedy="a number of them, or FROM:TO")
    return found


@click.command("zoo")
@click.argument("names", nargs=-1, metavar="[BUG]...")
@click.option("--seeds", callback=_seeds, default="2000", help="At most so many for each bug, or FROM:TO.  [2000]")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Processes side by side.")
@click.option("--component", type=click.Choice(COMPONENTS), multiple=True, help="Only bugs of these components.")
@click.option("--story", multiple=True, help="No bugs: tell these stories to the healthy code, for all --seeds.")
@click.option("--list", "listed", is_flag=True, help="Only say which bugs there are.")
@out.as_json
def zoo_command(names: Sequence[str], seeds: range, jobs: int, output: str, **chosen: Any) -> int:
    """Plant each bug (or the BUGs named), tell its story until the check that must find it does, and tell the same
    stories to the healthy code. Exit status 0 if all were found and the healthy code is clean, else 1."""
    found = zoo()
    if chosen["story"]:
        return _stories(
            found, [_known(name, found.stories, "story") for name in chosen["story"]], seeds, (jobs, output)
        )
    bugs = [found.bugs[_known(name, found.bugs, "planted bug")] for name in names] or list(found.bugs.values())
    bugs = [bug for bug in bugs if not chosen["component"] or bug.component in chosen["component"]]
    if not bugs:
        raise UsageError(f"no bug of {', '.join(chosen['component'])} among these", place="--component")
    if chosen["listed"]:
        return _list(bugs, output)
    return _hunt(found, bugs, seeds, (jobs, output))


def _known(name: str, known: Mapping[str, Any], what: str) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(f"no {what} {name!r}", remedy=f"did you mean {near[0]!r}?" if near else "see `zoo --list`")
    return name


def _list(bugs: Sequence[Any], output: str) -> int:
    if output == "json":
        print(out.to_json([_about(bug) for bug in bugs]))
    else:
        rows = [(bug.name, bug.component, bug.check, bug.rule) for bug in bugs]
        print(out.render_table(("BUG", "COMPONENT", "CHECK", "RULE THAT IS TAKEN OUT"), rows))
    return 0


def _about(bug: Any) -> dict[str, Any]:
    fields = ("name", "component", "rule", "source", "story", "check")
    return {field: getattr(bug, field) for field in fields}


# ── hunting ──────────────────────────────────────────────────────────────────────────────────────────────────


def _hunt(found: Zoo, bugs: Sequence[Any], seeds: range, how: tuple[int, str]) -> int:
    jobs, output = how
    results: dict[str, Any] = {}
    for bug, result in _side_by_side(jobs, _hunt_one, [(bug.name, seeds) for bug in bugs], bugs):
        results[bug.name] = result
        _progress(f"{len(results)} of {len(bugs)} bugs")
        if output != "json":
            _progress("")
            print(_sentence(bug, result), flush=True)
            if len(bugs) == 1:
                _proof(bug, result)
    places = sorted({(bug.story, results[bug.name].seed) for bug in bugs if _caught(results[bug.name])})
    wrong = _healthy(places, jobs)
    missed = [bug.name for bug in bugs if not _caught(results[bug.name])]
    if output == "json":
        rows = [{**_about(bug), **_data(bug, results[bug.name])} for bug in bugs]
        healthy = {"told": len(places), "violations": [_as_data(each) for each in wrong]}
        print(out.to_json({"bugs": rows, "healthy": healthy}))
    else:
        _summary(bugs, results, (len(places), wrong))
    return int(bool(missed or wrong))


def _hunt_one(name: str, seeds: range) -> Any:
    found = zoo()
    return found.hunting.hunt(found.bugs[name], seeds)


def _caught(result: Any) -> bool:
    return hasattr(result, "check")


def _replay(bug: Any, seed: int) -> str:
    return f"launch.py zoo {bug.name} --seeds {seed}:{seed + 1}"


def _sentence(bug: Any, result: Any) -> str:
    if _caught(result):
        return f"{bug.name}: {result.check}: {result.message}"
    others = f" (but: {result.others[0]})" if result.others else ""
    return f"{bug.name}: NOT FOUND by {bug.check} in {result.seeds} seeds{others}"


def _proof(bug: Any, result: Any) -> None:
    for sentence in list(getattr(result, "because", ()))[1:TOLD]:
        print(f"  {sentence}")
    if _caught(result):
        print(f"replay: {_replay(bug, result.seed)}")


def _data(bug: Any, result: Any) -> dict[str, Any]:
    caught = _caught(result)
    data = {"found": caught, "seeds": result.seeds, "crashes": result.crashes}
    if caught:
        because = list(result.because)
        return {
            **data,
            "seed": result.seed,
            "message": result.message,
            "because": because,
            "replay": _replay(bug, result.seed),
        }
    return {**data, "others": list(result.others)}


def _summary(bugs: Sequence[Any], results: Mapping[str, Any], healthy: tuple[int, Sequence[Any]]) -> None:
    told, wrong = healthy
    if len(bugs) > 1:
        rows = []
        for bug in bugs:
            result = results[bug.name]
            caught = _caught(result)
            replay = _replay(bug, result.seed) if caught else ""
            rows.append((bug.name, bug.component, bug.check, "yes" if caught else "NO", result.seeds, replay))
        print(out.render_table(COLUMNS, rows))
    found = sum(_caught(results[bug.name]) for bug in bugs)
    print(f"{found} of {len(bugs)} bugs found")
    for each in wrong:
        print(_wrong(each))
    clean = "clean" if not wrong else f"{len(wrong)} with a violation"
    print(f"the healthy code, told {told} of the same stories: {clean}")


# ── the healthy code ─────────────────────────────────────────────────────────────────────────────────────────


def _stories(found: Zoo, names: Sequence[str], seeds: range, how: tuple[int, str]) -> int:
    jobs, output = how
    places = [(name, seed) for name in names for seed in seeds]
    wrong = _healthy(places, jobs)
    if output == "json":
        print(out.to_json({"told": len(places), "violations": [_as_data(each) for each in wrong]}))
    else:
        for each in wrong:
            print(_wrong(each))
        print(f"{len(places)} stories told to the healthy code, {len(wrong)} with a violation")
    return int(bool(wrong))


def _healthy(places: Sequence[tuple[str, int]], jobs: int) -> list[Any]:
    wrong = []
    for count, (_, result) in enumerate(_side_by_side(jobs, _healthy_one, places, places), 1):
        _progress(f"{count} of {len(places)} stories told to the healthy code")
        if result is not None:
            wrong.append(result)
    _progress("")
    return sorted(wrong, key=lambda each: (each.story, each.seed))


def _healthy_one(story: str, seed: int) -> Any:
    return zoo().hunting.healthy(story, seed)


def _wrong(each: Any) -> str:
    replay = f"launch.py zoo --story {each.story} --seeds {each.seed}:{each.seed + 1}"
    return f"HEALTHY CODE, story {each.story}, seed {each.seed}: {each.check}: {each.message} ({replay})"


def _as_data(each: Any) -> dict[str, Any]:
    return {"story": each.story, "seed": each.seed, "check": each.check, "message": each.message}


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _side_by_side(
    jobs: int, work: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], about: Iterable[Any]
) -> Iterator[tuple[Any, Any]]:
    """(what it is about, what came of it), as they come."""
    pairs = list(zip(about, arguments, strict=True))
    if jobs == 1 or len(pairs) == 1:
        for thing, given in pairs:
            yield thing, work(*given)
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures: dict[Future[Any], Any] = {pool.submit(work, *given): thing for thing, given in pairs}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _progress(text: str) -> None:
    """On a terminal only, and gone when there is something to say."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
