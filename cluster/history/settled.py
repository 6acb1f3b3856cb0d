"""Whether a run was worth judging, and how it ended: faults that hit, the steady state, replicas that agree.

Must not judge what clients saw.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Options
from cluster.history.run import Run, Strike

STEADY = "steady state"
"""How moments about it begin."""


def _judge_hit(run: Run, _: Options) -> Finding:
    """Every strike was carried out, and something came its way and was hit. One that let through what it should have
    hit violates; one that could not be carried out, or had nothing to hit, only leaves the run without its test."""
    if not run.strikes:
        return saw_nothing("faults-hit", "strikes")
    told = [_strike(s) for s in run.strikes]
    failed = [s for s in run.strikes if s.error]
    passed = [s for s in run.strikes if not s.error and s.proof == "not confirmed"]
    idle = [s for s in run.strikes if not s.error and s.proof == "nothing to hit"]
    figures = {"strikes": float(len(run.strikes)), "confirmed": float(sum(s.proof == "confirmed" for s in run.strikes))}
    evidence = {"strikes": [s.id for s in (*passed, *failed, *idle)]}
    count = len(run.strikes)
    if passed:
        return Finding("faults-hit", "violated", _strike(passed[0]), count, told, evidence, figures)
    if failed or idle:
        return Finding("faults-hit", "unknown", _strike((*failed, *idle)[0]), count, told, evidence, figures)
    summary = "the only strike hit something" if count == 1 else f"all {count} strikes hit something"
    return Finding("faults-hit", "ok", summary, count, told, figures=figures)


def _strike(strike: Strike) -> str:
    who = f"{strike.name} at {strike.since:.1f} s"
    if strike.error:
        return f"{who} could not be carried out: {strike.error}"
    hit, passed = sum(link.hit for link in strike.links), sum(link.passed for link in strike.links)
    counts = f" ({hit} hit, {passed} let through)" if strike.links else ""
    return f"{who}: {strike.proof}{counts}"


def _judge_steady(run: Run, _: Options) -> Finding:
    """What was to hold before the timeline, and again after healing, did."""
    moments = [m for m in run.moments if m.text.startswith(STEADY)]
    if not moments:
        return saw_nothing("steady-state", "conditions of a steady state")
    told = [f"{m.time:.1f} s: {m.text}: {m.outcome}" for m in moments]
    bad = next((m for m in moments if m.outcome == "violated"), None)
    if bad is not None:
        summary = f"{bad.text} did not hold at {bad.time:.1f} s"
        return Finding("steady-state", "violated", summary, len(moments), told)
    unsure = next((m for m in moments if m.outcome != "ok"), None)
    if unsure is not None:
        summary = f"{unsure.text}: nobody could say at {unsure.time:.1f} s"
        return Finding("steady-state", "unknown", summary, len(moments), told)
    return Finding("steady-state", "ok", f"{len(moments)} conditions held", len(moments), told)


def _judge_converged(run: Run, _: Options) -> Finding:
    """Replicas that are healed and left alone come to hold the same."""
    replicas: Mapping[str, Mapping[str, object]] = run.finals.get("store") or {}
    if len(replicas) < 2:
        return saw_nothing("converged", "two replicas whose last state is known")
    told = [f"{name}: {row.get('hash')} at revision {row.get('revision')}" for name, row in sorted(replicas.items())]
    states = {(row.get("hash"), row.get("revision")) for row in replicas.values()}
    evidence = {"replicas": sorted(replicas)}
    if len({hash for hash, _ in states}) == 1:
        return Finding("converged", "ok", f"{len(replicas)} replicas hold the same", len(replicas), told, evidence)
    revisions = {revision for _, revision in states}
    if len(revisions) > 1:
        text = f"{len(replicas)} replicas are at {len(revisions)} different revisions: {'; '.join(told)}"
    else:
        text = f"replicas differ at one revision: {'; '.join(told)}"
    return Finding("converged", "violated", text, len(replicas), told, evidence)


CHECKS: Mapping[str, Check] = {
    "faults-hit": Check("Every fault of the timeline hit something.", _judge_hit, ("strikes",)),
    "steady-state": Check("The steady state held before the faults, and again after.", _judge_steady, ("moments",)),
    "converged": Check("In the end all replicas of the store hold the same.", _judge_converged, ("finals",)),
}
