"""The check "linearizable": is there one order of all operations that explains what every client was answered?

Must not search: it chooses operations and a model, and tells what the search found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cluster.history.checker import Check
from cluster.history.finding import Finding, Said, saw_nothing
from cluster.history.keyspace import has_revisions, misfits
from cluster.history.linearize import Budget, Verdict, check
from cluster.history.models import CasRegister, Model
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run
from cluster.history.tenures import Lease, Lock

NAME = "linearizable"
KINDS: Mapping[str, tuple[str, ...]] = {
    "register": ("read", "write", "cas", "delete"),
    "keyspace": ("read", "write", "cas", "delete"),
    "lock": ("acquire", "release", "keepalive"),
    "lease": ("grant", "keepalive", "revoke", "read"),
}
"""Which operations a model judges."""

OPTIONS = {
    "model": Option("word", "what the keys are; keyspace: by the answers' revisions", "register", tuple(KINDS)),
    "keys": Option("words", "only these keys; empty: all", ()),
    "serializable": Option("flag", "hold serializable reads against it too, which promise nothing of the kind", False),
    "seconds": Option("duration", "bound on the search of each key", 30.0),
    "steps": Option("integer", "bound on the search of each key, in steps of the model", 5_000_000, above=0),
    "configurations": Option(
        "integer", "bound on what the search of a key remembers (300 bytes each)", 2_000_000, above=0
    ),
    "clockRate": Option("number", "lock, lease: how fast the fastest clock may run, 1 is true time", 1.0, above=0),
}
_SAID: Mapping[str, Said] = {"ok": "ok", "illegal": "violated", "unknown": "unknown"}


def claims(history: Sequence[Operation], kinds: Sequence[str], keys: Sequence[str], all_modes: bool) -> list[int]:
    """Numbers of what claims to be linearizable: serializable reads promise nothing (but, with `all_modes`, to fit
    the revision that they name)."""
    return [
        number
        for number, o in enumerate(history)
        if o.kind in kinds and (all_modes or o.mode != "serializable") and (not keys or o.key in keys)
    ]


def model_of(name: str, fastest: float) -> Model:
    if name == "lock":
        return Lock(fastest)
    return Lease(fastest) if name == "lease" else CasRegister()


def _locks_and_leases(run: Run) -> tuple[frozenset[str], frozenset[str]]:
    kinds = ("acquire", "grant")
    locks, leases = (frozenset(o.key for o in run.operations if o.kind == kind) for kind in kinds)
    return locks, leases


def _is_of(model: str, key: str, locks: frozenset[str], leases: frozenset[str]) -> bool:
    """Is this key what the model is about? A history may have locks, leases and registers side by side."""
    if model == "lock":
        return key in locks
    return (key in leases) is (model == "lease")


def judge(run: Run, options: Options) -> Finding:
    name, kinds = options["model"], KINDS[options["model"]]
    every = options["serializable"]
    numbers = claims(run.operations, kinds, options["keys"], every or name == "keyspace")
    others = _locks_and_leases(run)
    numbers = [n for n in numbers if _is_of(name, run.operations[n].key, *others)]
    history = [run.operations[n] for n in numbers]
    answered = sum(o.outcome == "ok" for o in history)
    if not answered:
        which = f" of {', '.join(options['keys'])}" if options["keys"] else ""
        return saw_nothing(NAME, f"answered operations ({', '.join(kinds)}){which}")
    if name == "keyspace" and has_revisions(history):
        if every:
            history = [replace(o, mode="") for o in history]
        return _by_revisions(history, numbers, answered)
    if not every:
        numbers = [n for n in numbers if run.operations[n].mode != "serializable"]
        history = [run.operations[n] for n in numbers]
    budget = Budget(options["steps"], options["seconds"], options.clock, options["configurations"])
    verdict = check(history, model_of(name, options["clockRate"]), budget)
    return _by_search(verdict, numbers, answered)


def _by_revisions(history: Sequence[Operation], numbers: Sequence[int], answered: int) -> Finding:
    found = misfits(history)
    if not found:
        return Finding(NAME, "ok", f"{answered} answers fit the states at their revisions, and time", answered)
    evidence = {"operations": [numbers[n] for n in found[0].numbers]}
    return Finding(NAME, "violated", found[0].sentence, answered, [m.sentence for m in found[:20]], evidence)


def _by_search(verdict: Verdict, numbers: Sequence[int], answered: int) -> Finding:
    """Evidence: the operation that fits nowhere, and the longest legal order."""
    said = _SAID[verdict.outcome]
    figures = {"steps": float(sum(key.steps for key in verdict.keys))}
    if said == "ok":
        keys = "one key" if len(verdict.keys) == 1 else f"{len(verdict.keys)} keys"
        summary = f"{answered} operations on {keys} fit one order"
        return Finding(NAME, said, summary, answered, figures=figures)
    told = [key for key in verdict.keys if key.outcome == verdict.outcome]
    worst = told[0]
    stuck = [] if worst.stuck is None else [numbers[worst.stuck_number]]
    evidence = {"operations": stuck, "order": [numbers[n] for n in worst.numbers], "key": worst.key}
    return Finding(NAME, said, worst.message, answered, [key.message for key in told], evidence, figures)


CHECKS: Mapping[str, Check] = {
    NAME: Check("One order of all operations explains what every client was answered.", judge, ("operations",), OPTIONS)
}
