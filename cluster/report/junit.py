"""A verdict as JUnit XML: what build servers show. One test case per check, and one for the run itself.

Must not judge, and must not know files. The shape is the one that Jenkins, GitLab and pytest's own readers take.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from cluster.history.finding import Judged, Verdict
from cluster.history.run import Run

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even as references."""


def junit(run: Run, verdict: Verdict) -> str:
    """The document. A check that said something else than expected is a failure; one that could not say, and a run that
    did not come to its end, an error: no build turns green by seeing nothing."""
    meta = run.meta
    suite = ElementTree.Element("testsuite", name=_clean(meta.scenario), timestamp=_clean(meta.began.split("+")[0]))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(run, verdict).items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    cases = [_case(suite, meta.scenario, judged) for judged in verdict.judged]
    cases.append(_whole(suite, run, verdict))
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": 0,
    }
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.set("time", f"{meta.seconds:.3f}")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _properties(run: Run, verdict: Verdict) -> dict[str, str]:
    meta = run.meta
    found = {
        "title": meta.title,
        "world": meta.world,
        "seed": str(meta.seed),
        "engine": meta.engine,
        "profile": meta.profile,
        "replay": meta.replay,
        "digest": meta.digest,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "complete": "true" if meta.complete else "false",
    }
    for judged in verdict.judged:
        for name, value in judged.finding.figures.items():
            found[f"{judged.finding.check}.{name}"] = f"{value:g}"
    return found


def _case(suite: ElementTree.Element, scenario: str, judged: Judged) -> ElementTree.Element:
    finding = judged.finding
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(scenario), name=_clean(finding.check), time="0")
    told = "\n".join([finding.summary, *map(str, finding.because), f"looked at: {finding.looked_at}"])
    expected = "" if judged.expected == "ok" else f" (expected: {judged.expected})"
    if judged.as_expected:
        out = ElementTree.SubElement(case, "system-out")
        out.text = _clean(f"{finding.said}{expected}: {told}")
        return case
    tag = "error" if finding.said == "unknown" else "failure"
    wrong = ElementTree.SubElement(case, tag, type=finding.said, message=_clean(f"{finding.summary}{expected}"))
    wrong.text = _clean(told)
    return case


def _whole(suite: ElementTree.Element, run: Run, verdict: Verdict) -> ElementTree.Element:
    """What no check says: the steady state, awaits, whether the run came to its end."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=_clean(run.meta.scenario), name="the run", time=f"{run.meta.seconds:.3f}"
    )
    moments = [f"{m.time:.3f} s {m.place} {m.text}: {m.outcome}" for m in run.moments if m.outcome not in ("", "ok")]
    if not run.meta.complete:
        moments.insert(0, f"it did not come to its end: {run.meta.problem or 'it was interrupted'}")
    by_checks = any(not judged.as_expected for judged in verdict.judged)
    if moments or (verdict.outcome != "holds" and not by_checks):
        tag = "failure" if verdict.outcome == "violated" else "error"
        wrong = ElementTree.SubElement(case, tag, type=verdict.outcome, message=_clean(verdict.reason))
        wrong.text = _clean("\n".join(moments or [verdict.reason]))
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
