"""The journal of a run as Chaos Toolkit writes one: what its reports and other tools of its kind read.

    chaoslib-version, platform, node, experiment, start, status, deviated, steady_states, run, rollbacks, end, duration

Strikes, awaited conditions and other moments are its activities, in the order in which they began. The steady state
before and after are as the run saw them; the checks are probes of the state after, met if they said what was expected.
Must not judge, and must not write files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cluster.history.finding import Judged, Verdict
from cluster.history.run import Moment, Run, Strike

LIKE = "1.44.0"
"""The version of Chaos Toolkit's library whose journal this is like."""
BEFORE, AFTER = "steady state: ", "steady state again: "
"""How a run words what it saw of the steady state (`cluster.experiments.runner`)."""

Activity = dict[str, Any]


def write_journal(
    run: Run, verdict: Verdict, experiment: Mapping[str, Any] | None = None, platform: str = "", node: str = ""
) -> dict[str, Any]:
    """The journal as data. `experiment`: as exported (`cluster.scenario.chaostoolkit`); without it, one is made of
    what the run did. `platform`, `node`: where it ran. `deviated`: the steady state did not come back, or a check said
    something else than expected."""
    began = datetime.fromisoformat(run.meta.began) if run.meta.began else datetime.fromisoformat("1970-01-01T00:00:00Z")
    when = _When(began, run.meta.seconds)
    before, after = _steady(run.moments, BEFORE, when), _steady(run.moments, AFTER, when)
    checks = [_check(judged, when) for judged in verdict.judged]
    if after is None and checks:
        after = {"steady_state_met": True, "probes": []}
    if after is not None:
        after["probes"] += checks
        after["steady_state_met"] = all(probe["tolerance_met"] for probe in after["probes"])
    activities = _activities(run, when)
    return {
        "chaoslib-version": LIKE,
        "platform": platform,
        "node": node,
        "experiment": dict(experiment) if experiment is not None else _experiment(run, activities),
        "start": when.at(0.0),
        "status": _status(run, before),
        "deviated": after is not None and not after["steady_state_met"],
        "steady_states": {"before": before, "after": after, "during": []},
        "run": activities,
        "rollbacks": _rollbacks(run, when),
        "end": when.at(run.meta.seconds),
        "duration": run.meta.seconds,
    }


class _When:
    """Times of a run as Chaos Toolkit writes them."""

    def __init__(self, began: datetime, seconds: float) -> None:
        self.began = began
        self.seconds = seconds

    def at(self, time: float) -> str:
        return (self.began + timedelta(seconds=time)).isoformat()

    def run(self, activity: Activity, since: float, until: float, output: Any, failed: bool) -> dict[str, Any]:
        return {
            "activity": activity,
            "output": output,
            "start": self.at(since),
            "status": "failed" if failed else "succeeded",
            "end": self.at(until),
            "duration": round(until - since, 6),
        }


def _status(run: Run, before: Mapping[str, Any] | None) -> str:
    if before is not None and not before["steady_state_met"]:
        return "failed"
    if run.meta.complete:
        return "completed"
    return "interrupted" if run.meta.problem in ("", "it was interrupted") else "aborted"


def _provider(func: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "python", "module": "capstan", "func": func, "arguments": dict(arguments)}


def _steady(moments: Sequence[Moment], prefix: str, when: _When) -> dict[str, Any] | None:
    """None if nothing was said of it: there is no hypothesis."""
    probes = []
    for moment in moments:
        if not moment.text.startswith(prefix):
            continue
        condition = moment.text.removeprefix(prefix)
        activity: Activity = {"type": "probe", "name": condition, "tolerance": True}
        activity["provider"] = _provider("await_", {"condition": condition})
        met = moment.outcome == "ok"
        output = {"ok": True, "violated": False}.get(moment.outcome)
        probes.append(when.run(activity, moment.time, moment.time, output, output is None) | {"tolerance_met": met})
    return {"steady_state_met": all(p["tolerance_met"] for p in probes), "probes": probes} if probes else None


def _check(judged: Judged, when: _When) -> dict[str, Any]:
    finding = judged.finding
    activity: Activity = {"type": "probe", "name": finding.check, "tolerance": judged.expected}
    activity["provider"] = _provider("check", {"check": finding.check})
    output = {"said": finding.said, "summary": finding.summary, "because": list(finding.because)}
    made = when.run(activity, when.seconds, when.seconds, output, finding.said == "unknown")
    return made | {"tolerance_met": judged.as_expected}


def _activities(run: Run, when: _When) -> list[dict[str, Any]]:
    found = [(strike.since, _strike(strike, when)) for strike in run.strikes]
    found += [(m.time, _moment(m, when)) for m in run.moments if not m.text.startswith((BEFORE, AFTER))]
    return [activity for _, activity in sorted(found, key=lambda pair: pair[0])]


def _strike(strike: Strike, when: _When) -> dict[str, Any]:
    until = when.seconds if strike.until is None else strike.until
    activity: Activity = {"type": "action", "name": strike.name, "background": until > strike.since}
    activity["provider"] = _provider(strike.action, strike.args)
    output = {
        "targets": list(strike.targets),
        "proof": strike.proof,
        "hit": sum(link.hit for link in strike.links),
        "passed": sum(link.passed for link in strike.links),
    }
    made = when.run(activity, strike.since, until, output, bool(strike.error))
    return made | ({"exception": [strike.error]} if strike.error else {})


def _moment(moment: Moment, when: _When) -> dict[str, Any]:
    kind = "probe" if moment.outcome else "action"
    activity = {"type": kind, "name": moment.text, "provider": _provider("moment", {"text": moment.text})}
    return when.run(
        activity, moment.time, moment.time, moment.outcome or None, moment.outcome in ("violated", "unknown")
    )


def _rollbacks(run: Run, when: _When) -> list[dict[str, Any]]:
    healing = run.meta.phases.get("healing")
    if healing is None:
        return []
    activity = {"type": "action", "name": "everything healed", "provider": _provider("heal", {})}
    return [when.run(activity, healing[0], healing[1], None, False)]


def _experiment(run: Run, activities: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "title": run.meta.title,
        "description": f"{run.meta.scenario} in {run.meta.world}, seed {run.meta.seed}",
        "tags": ["capstan", run.meta.scenario],
        "method": [dict(activity["activity"]) for activity in activities],
        "rollbacks": [],
    }
