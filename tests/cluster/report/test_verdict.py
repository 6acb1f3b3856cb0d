"""Verdicts as data and back, as JUnit, and as lines of text."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.history.finding import Finding, Judged, Verdict
from cluster.history.run import Moment
from cluster.report.junit import junit
from cluster.report.summary import summary
from cluster.report.verdict import from_data, to_data
from tests.cluster.report.runs import store_run, verdict

OK = Finding("linearizable", "ok", "264 operations fit one order", 264, figures={"steps": 264.0})
WRONG = Finding("lost-writes", "violated", 'write of "<x>" was lost', 12, ("it was acknowledged", "it is gone"))
UNSURE = Finding("watch-order", "unknown", "no watcher was there")
EXPECTED = Judged(WRONG, "violated", "the disk lies")


def judged() -> st.SearchStrategy[Judged]:
    said = st.sampled_from(["ok", "violated", "unknown"])
    plain: st.SearchStrategy[Any] = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
    finding = st.builds(
        Finding,
        check=st.text(),
        said=said,
        summary=st.text(),
        looked_at=st.integers(0, 10**9),
        because=st.lists(st.text(), max_size=3).map(tuple),
        evidence=st.dictionaries(st.text(), plain, max_size=3),
        figures=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    )
    return st.builds(Judged, finding=finding, expected=said, reason=st.text())


@given(st.lists(judged(), max_size=4), st.sampled_from(["violated", "unknown"]), st.text())
def test_a_verdict_survives_the_way_through_json(found: list[Judged], outcome: Any, reason: str) -> None:
    given_verdict = Verdict(outcome, reason, tuple(found))
    data = json.loads(json.dumps(to_data(given_verdict)))
    assert from_data(data) == given_verdict
    assert data["status"] == given_verdict.status


def test_values_that_json_cannot_hold_become_ones_that_it_can() -> None:
    odd = Finding(
        "c", "ok", "s", 1, evidence={"at": (1, 2), "set": {"b", "a"}, "raw": b"\xff"}, figures={"x": math.inf}
    )
    data = to_data(verdict(odd))["checks"][0]
    assert data["evidence"] == {"at": [1, 2], "set": ["a", "b"], "raw": "\ufffd"}
    assert data["figures"] == {"x": None}
    assert from_data(to_data(verdict(odd))).judged[0].finding.figures == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 9}, "format 9"),
        ({"outcome": "green"}, "outcome 'green'"),
        ({"colour": "green"}, "unknown field 'colour'"),
        ({"checks": {}}, "not a list"),
        ({"checks": [3]}, r"checks\[0\].*not a JSON object"),
        ({"checks": []}, "its checks do not"),
        ({"checks": [{"check": "x", "said": "ok"}]}, "expected None"),
        ({"checks": [{"check": "x", "said": "ok", "expected": "ok", "looked_at": -1}]}, "looked_at -1"),
        ({"checks": [{"check": "x", "said": "violated", "expected": "ok"}]}, "its checks do not"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused_with_its_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        from_data({**to_data(verdict(OK)), **change}, "DIR/verdict.json")


def test_data_that_is_no_object_is_refused() -> None:
    with pytest.raises(UsageError, match=r"DIR/verdict.json: not a JSON object"):
        from_data([], "DIR/verdict.json")


# -- JUnit ------------------------------------------------------------------------------------------------------------


def suite(given_verdict: Verdict, **meta: Any) -> ElementTree.Element:
    run = store_run()
    moments = meta.pop("moments", run.moments)
    text = junit(replace(run, meta=replace(run.meta, **meta), moments=moments), given_verdict)
    found = ElementTree.fromstring(text).find("testsuite")
    assert found is not None
    return found


def counts(element: ElementTree.Element) -> tuple[str | None, ...]:
    return tuple(element.get(name) for name in ("tests", "failures", "errors"))


def test_each_check_is_a_case_and_the_run_is_one() -> None:
    found = suite(verdict(OK, EXPECTED))
    assert counts(found) == ("3", "0", "0")
    assert [case.get("name") for case in found.iter("testcase")] == ["linearizable", "lost-writes", "the run"]
    properties = {p.get("name"): p.get("value") for p in found.iter("property")}
    assert properties["seed"] == "0"
    assert properties["replay"] == store_run().meta.replay
    assert properties["linearizable.steps"] == "264"


def test_what_is_not_as_expected_fails_with_its_reasons_and_what_could_not_say_is_an_error() -> None:
    found = suite(verdict(WRONG, UNSURE, outcome="violated", reason="lost"))
    assert counts(found) == ("3", "1", "1")
    failure = found.find(".//failure")
    assert failure is not None
    assert failure.get("message") == 'write of "<x>" was lost'
    assert "it was acknowledged\nit is gone" in (failure.text or "")


def test_a_run_that_did_not_come_to_its_end_is_an_error_even_if_all_checks_hold() -> None:
    found = suite(verdict(OK, outcome="unknown", reason="cut short"), complete=False, problem="the store had no leader")
    assert counts(found) == ("2", "0", "1")
    error = found.find(".//error")
    assert error is not None
    assert "no leader" in (error.text or "")


def test_an_await_that_did_not_hold_fails_the_run() -> None:
    late = Moment(2.0, "await deployment web is rolled out", "f.yaml:9", "violated")
    found = suite(verdict(OK, outcome="violated", reason="await"), moments=(late,))
    assert counts(found) == ("2", "1", "0")


def test_a_verdict_of_nothing_is_an_error() -> None:
    assert counts(suite(verdict(outcome="unknown", reason="nothing was checked"))) == ("1", "0", "1")


@given(st.text())
def test_any_text_makes_a_document_that_can_be_read(text: str) -> None:
    bad = Finding(text, "violated", text, 1, (text,))
    suite(verdict(bad, outcome="violated", reason=text), title=text, replay=text)


# -- lines of text ----------------------------------------------------------------------------------------------------


def test_the_summary_says_the_verdict_first_and_the_replay_last() -> None:
    lines = summary(store_run(), verdict(OK, WRONG, outcome="violated", reason="lost-writes: gone")).splitlines()
    assert lines[0] == "VIOLATED  A leader alone: lost-writes: gone"
    assert lines[-1] == f"replay: {store_run().meta.replay}"
    assert any("linearizable  264 operations" in line for line in lines)
    assert "            it was acknowledged" in lines
    assert any(line.startswith("operations: ") and "p99" in line for line in lines)
    assert any("kill store-1: confirmed" in line for line in lines)


def test_what_was_expected_to_be_violated_is_told_so() -> None:
    assert "(expected: violated)" in summary(store_run(), verdict(EXPECTED))


def test_colour_only_when_it_is_asked_for() -> None:
    assert "\x1b" not in summary(store_run(), verdict(OK))
    assert summary(store_run(), verdict(OK), colour=True).startswith("\x1b[1;32mHOLDS")


def test_a_run_that_is_not_whole_never_holds() -> None:
    run = store_run()
    half = replace(run, meta=replace(run.meta, complete=False, problem="interrupted by its user"))
    lines = summary(half, verdict(OK)).splitlines()
    assert lines[0].startswith("UNKNOWN")
    assert "it did not come to its end: interrupted by its user" in lines
