"""The check "list-append": which anomalies a history of transactions has, what they rule out, each with its proof.

Must not infer: `appends` reads the history, `cycles` finds cycles, `anomalies` knows the models.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.history.anomalies import MODELS, meaning, weakest
from cluster.history.appends import Anomaly, Appends, graph_of, read_history
from cluster.history.checker import Check
from cluster.history.cycles import NAMES, PROCESS, REALTIME, RW, WR, WW, Cycle, cycles
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.proofs import proof, shape, transaction
from cluster.history.record import Operation
from cluster.history.run import Run

NAME = "list-append"
TOLD = 5
"""Anomalies of each kind that are told."""


def judge(run: Run, options: Options) -> Finding:
    numbers = [n for n, o in enumerate(run.operations) if o.kind == "txn"]
    history = [run.operations[n] for n in numbers]
    answered = sum(o.outcome == "ok" for o in history)
    if not any(o.outcome == "ok" and any(step[0] == "r" for step in o.value) for o in history):
        return saw_nothing(NAME, "answered transactions that read")
    known = read_history(history)
    if known.twice:
        key, element, first, second = known.twice[0]
        text = f'{element!r} is appended to "{key}" by two transactions: versions of it cannot be told apart'
        evidence = {"operations": [numbers[first], numbers[second]]}
        return Finding(NAME, "unknown", text, answered, (), evidence)
    return _finding(options["model"], known, numbers, answered)


def _finding(model: str, known: Appends, numbers: list[int], answered: int) -> Finding:
    forbidden = MODELS[model]
    orders = WW | WR | RW
    orders |= PROCESS if any(name.endswith("-process") for name in forbidden) else 0
    orders |= REALTIME if any(name.endswith("-realtime") for name in forbidden) else 0
    found = cycles(graph_of(known), orders)
    kinds = [*(a.kind for a in known.anomalies), *(c.kind for c in found)]
    figures = {kind: float(kinds.count(kind)) for kind in dict.fromkeys(kinds)}
    bad = [kind for kind in dict.fromkeys(kinds) if kind in forbidden]
    if not bad:
        allowed = f"; {', '.join(dict.fromkeys(kinds))} seen, which it allows" if kinds else ""
        return Finding(NAME, "ok", f"{answered} transactions fit {model}{allowed}", answered, figures=figures)
    because: list[str] = []
    for anomaly in _some([a for a in known.anomalies if a.kind in forbidden]):
        because += _told(known, anomaly)
    for cycle in found:
        if cycle.kind in forbidden:
            because += [f"{cycle.kind}: {meaning(cycle.kind)}. {shape(cycle)}", *proof(known, cycle)]
    excluded = dict.fromkeys(name for kind in bad for name in weakest(kind))
    summary = f"not {model}: {', '.join(bad)}; {_excluded(list(excluded))}"
    return Finding(NAME, "violated", summary, answered, because, _evidence(known, found, bad, numbers), figures)


def _excluded(models: list[str]) -> str:
    """The weakest of them: those that forbid less than every other."""
    least = [m for m in models if not any(MODELS[other] < MODELS[m] for other in models)]
    return f"rules out {' and '.join(least)}, and what is stronger"


def _some(anomalies: list[Anomaly]) -> list[Anomaly]:
    seen: dict[str, int] = {}
    chosen = []
    for anomaly in anomalies:
        seen[anomaly.kind] = seen.get(anomaly.kind, 0) + 1
        if seen[anomaly.kind] <= TOLD:
            chosen.append(anomaly)
    return chosen


def _told(known: Appends, anomaly: Anomaly) -> list[str]:
    names = [f"T{i}" for i in range(1, len(anomaly.numbers) + 1)]
    who = [f"Let {name} = {transaction(_op(known, n))}." for name, n in zip(names, anomaly.numbers, strict=True)]
    subject = "T1: " if len(names) == 1 or anomaly.sentence.startswith("it ") else "T1 and T2: "
    return [f"{anomaly.kind}: {meaning(anomaly.kind)}.", *who, f"{subject}{anomaly.sentence}."]


def _op(known: Appends, number: int) -> Operation:
    return known.history[number]


def _evidence(known: Appends, found: list[Cycle], bad: list[str], numbers: list[int]) -> dict[str, object]:
    """The first cycle: [from, to, why] with numbers of operations; else the operations of the first anomaly."""
    for cycle in found:
        if cycle.kind in bad:
            edges = [[numbers[u], numbers[v], NAMES[bit]] for u, v, bit in cycle.edges]
            return {"operations": [edge[0] for edge in edges], "cycle": edges, "kind": cycle.kind}
    first = next(a for a in known.anomalies if a.kind in bad)
    return {"operations": [numbers[n] for n in first.numbers], "kind": first.kind}


CHECKS: Mapping[str, Check] = {
    NAME: Check(
        "Transactions that read and append to lists have no anomaly that a consistency model forbids (after Elle).",
        judge,
        ("operations",),
        {"model": Option("word", "the consistency model", "strict-serializable", tuple(MODELS))},
    )
}
