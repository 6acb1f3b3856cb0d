"""A run and its verdict in a few lines of text: what a terminal shows when a run has ended.

Pure. Must not print, and must not know terminals: colour is asked for by the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from cluster.history.finding import Judged, Verdict
from cluster.history.run import Run
from cluster.report import latency, templates
from cluster.report.bands import bands
from cluster.report.page import honest

_COLOURS = {"holds": "32", "ok": "32", "violated": "31", "unknown": "33"}
SENTENCES = 4
"""Of each proof; the rest is in the report."""


def summary(run: Run, verdict: Verdict, *, colour: bool = False) -> str:
    """Lines without a last line break. The verdict and its reason come first, the command that replays it last."""
    verdict = honest(run, verdict)
    meta = run.meta

    def painted(word: str, text: str) -> str:
        return f"\x1b[1;{_COLOURS[word]}m{text}\x1b[0m" if colour else text

    lines = [
        f"{painted(verdict.outcome, verdict.outcome.upper())}  {meta.title or meta.scenario}: {verdict.reason}",
        f"{meta.world}, seed {meta.seed}, engine {meta.engine}, {meta.seconds:.1f} s, {len(run.records):,} records",
    ]
    if not meta.complete:
        lines.append(f"it did not come to its end: {meta.problem or 'it was interrupted'}")
    lines += _checks(verdict.judged, painted)
    lines += _strikes(run)
    lines += _operations(run)
    lines += [f"  {m.time:.1f} s  {m.outcome}: {m.text}" for m in run.moments if m.outcome in ("violated", "unknown")]
    if meta.replay:
        lines.append(f"replay: {meta.replay}")
    return "\n".join(lines)


def _checks(judged: Sequence[Judged], painted: Callable[[str, str], str]) -> list[str]:
    width = max((len(j.finding.check) for j in judged), default=0)
    lines = []
    for j in judged:
        finding = j.finding
        expected = "" if j.as_expected and j.expected == "ok" else f" (expected: {j.expected})"
        word = painted(finding.said, f"{finding.said:<8}")
        lines.append(f"  {word}  {finding.check:<{width}}  {finding.summary}{expected}")
        if not j.as_expected:
            lines += [f"            {sentence}" for sentence in finding.because[:SENTENCES]]
            if len(finding.because) > SENTENCES:
                lines.append(f"            and {len(finding.because) - SENTENCES} more sentences")
    return lines


def _strikes(run: Run) -> list[str]:
    lines = []
    for band in bands(run):
        until = "the end" if band.open else f"{band.until:.1f} s"
        lines.append(f"  {band.since:.1f} s to {until}  {band.strike.name or band.strike.action}: {band.sentence}")
    return ["strikes:", *lines] if lines else []


def _operations(run: Run) -> list[str]:
    if not run.operations:
        return []
    counts = Counter(o.outcome for o in run.operations)
    told = f"operations: {counts['ok']} answered, {counts['fail']} failed, {counts['unknown']} of unknown outcome"
    percentiles = latency.overall(run.operations)
    if percentiles:
        told += "; " + ", ".join(f"{name} {templates.duration(value)}" for name, value in percentiles.items())
    return [told]
