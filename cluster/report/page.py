"""report.html: a run and its verdict as one page that needs no network.

Pure: values in, text out. Must not judge and must not open files besides this package's own templates. What is said in
words and tables is in the page as HTML, in the order in which one reads it; the drawings are made in the browser from
the data that the page carries (`embedded`, `columns`), all of it, without a limit on events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from cluster.history.finding import Judged, Verdict
from cluster.history.run import Run
from cluster.report import bands as strikes
from cluster.report import (
    clocks,
    columns,
    counterexample,
    embedded,
    hosts,
    latency,
    messages,
    sides,
    templates,
    traffic,
)
from cluster.report.counterexample import Limits

__all__ = ["Limits", "page"]

SECTIONS = (
    ("verdict", "Verdict"),
    ("checks", "Checks"),
    ("operations", "Operations"),
    ("latency", "Latency"),
    ("sides", "Sides"),
    ("failover", "Failover"),
    ("messages", "Messages"),
    ("raft", "Raft"),
    ("spacetime", "Space-time"),
    ("state", "State"),
    ("counterexample", "Counter-examples"),
)


def page(run: Run, verdict: Verdict, limits: Limits | None = None) -> str:
    """The whole document. `limits`: how much of a counter-example's neighbourhood is drawn."""
    verdict = honest(run, verdict)
    sent = messages.match(run.records)
    stories, found = hosts.hosts(run), strikes.bands(run)
    plots = latency.series(run.operations, run.meta.seconds)
    header, tables = embedded.embedded(run, sent, stories, found, plots)
    drawn = _drawn(run, verdict, limits or Limits())
    values: dict[str, Any] = {
        "sections": SECTIONS,
        "meta": run.meta,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "teaches": teaches(run),
        "facts": facts(run),
        "judged": verdict.judged,
        "violated": any(j.finding.said == "violated" for j in verdict.judged),
        "drawn": drawn,
        "moments": run.moments,
        "text": run.scenario,
        "operations": run.operations,
        "bands": found,
        "plots": plots,
        "overall": latency.overall(run.operations),
        "ledger": sides.sides(run),
        "clocks": [clock_picture(clock) for clock in clocks.clocks(run, sent)],
        "traffic": _traffic(traffic.traffic(sent, run.operations), stories),
        "members": [story for story in stories if story.member and (story.roles or story.life)],
        "roles": any(story.roles for story in stories),
        "logs": any(story.logs for story in stories),
        "terms": hosts.terms(stories),
        "records": len(run.records),
        "sent": sum(not m.copy for m in sent),
        "count": len(run.operations),
        "data": columns.pack(header, tables),
        "script": templates.script(*templates.SCRIPTS),
        "css": templates.style(),
    }
    return templates.render("page.html.j2", values)


def honest(run: Run, verdict: Verdict) -> Verdict:
    """A run that did not come to its end holds nothing, whatever it is handed."""
    if run.meta.complete or verdict.outcome != "holds":
        return verdict
    why = run.meta.problem or "it was interrupted, or still goes on"
    return replace(verdict, outcome="unknown", reason=f"the run did not come to its end: {why}")


def teaches(run: Run) -> str:
    """What the scenario's file says that one learns; "" if it says nothing or is not YAML."""
    try:
        data = yaml.safe_load(run.scenario)
    except yaml.YAMLError:
        return ""
    return str(data.get("teaches") or "").strip() if isinstance(data, Mapping) else ""


def facts(run: Run) -> list[tuple[str, str]]:
    meta = run.meta
    steps = [f"{name} {since:.1f} to {until:.1f} s" for name, (since, until) in meta.phases.items()]
    found = [
        ("Scenario", meta.scenario),
        ("World", {"sim": "sim (virtual time)", "proc": "proc (real processes)"}.get(meta.world, meta.world)),
        ("Seed", str(meta.seed)),
        ("Engine", meta.engine),
        ("Timing", meta.profile),
        ("Duration", f"{meta.seconds:.3f} s"),
        ("Machines", str(len(set(meta.machines.values())))),
        ("Operations", f"{len(run.operations):,}"),
        ("Phases", ", ".join(steps)),
    ]
    return [(name, value) for name, value in found if value]


def _drawn(run: Run, verdict: Verdict, limits: Limits) -> dict[int, Sequence[Any]]:
    """Number of the check to its drawings: of what was violated, and of what stopped an answer."""
    found: dict[int, Sequence[Any]] = {}
    for number, judged in enumerate(verdict.judged):
        if judged.finding.said != "ok" and (pictures := _pictures(judged, run, limits)):
            found[number] = pictures
    return found


def _pictures(judged: Judged, run: Run, limits: Limits) -> Sequence[Any]:
    return counterexample.drawings(judged.finding, run, limits)


def clock_picture(clock: clocks.Clock) -> dict[str, Any]:
    """A failover clock and where its steps go on a drawing."""
    left, right = 130.0, 610.0
    latest = max([step.predicted[1] for step in clock.steps] + [step.seconds or 0.0 for step in clock.steps])
    marks = templates.ticks(latest)

    def x(time: float) -> float:
        return round(left + (right - left) * max(0.0, time) / marks[-1], 1)

    rows = [
        {
            "step": step,
            "said": clocks.judged(step),
            "from": x(step.predicted[0]),
            "to": x(step.predicted[1]),
            "at": None if step.seconds is None else x(step.seconds),
        }
        for step in clock.steps
    ]
    return {"clock": clock, "rows": rows, "ticks": [(x(mark), f"{mark:g} s") for mark in marks]}


def _traffic(found: traffic.Traffic, stories: Sequence[hosts.HostStory]) -> dict[str, Any]:
    """As the tables want it: most messages first, links as texts."""
    members = {story.name for story in stories if story.member}
    links = {f"{src} to {dst}": count for (src, dst), count in found.links.items()}
    return {
        "total": found.total,
        "answered": found.answered,
        "between": sum(c.sent for (src, dst), c in found.links.items() if src in members and dst in members),
        "families": traffic.ranked(found.families),
        "kinds": traffic.ranked(found.kinds),
        "links": traffic.ranked(links),
        "why": found.why.most_common(),
    }
