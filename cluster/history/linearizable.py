"""The check "linearizable": is there one order of all operations that explains what every client was answered?

Must not search: it chooses operations and a model, and tells what the search found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.history.checker import Check
from cluster.history.finding import Finding, Said, saw_nothing
from cluster.history.linearize import Budget, Verdict, check
from cluster.history.models import CasRegister, Model
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run

NAME = "linearizable"
MODELS: Mapping[str, tuple[Model, tuple[str, ...]]] = {
    "register": (CasRegister(), ("read", "write", "cas")),
}
"""Model, and the kinds of operations that it judges."""

OPTIONS = {
    "model": Option("word", "what the keys are", "register", tuple(MODELS)),
    "keys": Option("words", "only these keys; empty: all", ()),
    "seconds": Option("duration", "bound on the search of each key", 30.0),
    "steps": Option("integer", "bound on the search of each key, in steps of the model", 5_000_000),
}
_SAID: Mapping[str, Said] = {"ok": "ok", "illegal": "violated", "unknown": "unknown"}


def claims(history: Sequence[Operation], kinds: Sequence[str], keys: Sequence[str]) -> list[Operation]:
    """What claims to be linearizable: serializable reads promise nothing."""
    return [o for o in history if o.kind in kinds and o.mode != "serializable" and (not keys or o.key in keys)]


def judge(run: Run, options: Options) -> Finding:
    model, kinds = MODELS[options["model"]]
    history = claims(run.operations, kinds, options["keys"])
    if not any(o.outcome == "ok" for o in history):
        return saw_nothing(NAME, f"answered operations ({', '.join(kinds)}) of keys {options['keys'] or 'at all'}")
    verdict = check(history, model, Budget(options["steps"], options["seconds"], options.clock))
    return finding(verdict, run.operations, sum(o.outcome == "ok" for o in history))


def finding(verdict: Verdict, history: Sequence[Operation], looked_at: int) -> Finding:
    """The search's verdict as a finding; evidence: the operation that fits nowhere, and the longest legal order."""
    said = _SAID[verdict.outcome]
    if said == "ok":
        keys = len(verdict.keys)
        return Finding(NAME, said, f"{looked_at} operations on {keys} keys fit one order", looked_at)
    worst = next(key for key in verdict.keys if key.outcome == verdict.outcome)
    numbers = {id(o): number for number, o in enumerate(history)}
    stuck = [] if worst.stuck is None else [numbers[id(worst.stuck)]]
    evidence = {"operations": stuck, "order": [numbers[id(o)] for o in worst.order], "key": worst.key}
    because = [key.message for key in verdict.keys if key.outcome == verdict.outcome]
    return Finding(NAME, said, worst.message, looked_at, because, evidence)


CHECKS: Mapping[str, Check] = {
    NAME: Check("One order of all operations explains what every client was answered.", judge, ("operations",), OPTIONS)
}
