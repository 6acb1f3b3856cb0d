"""Two runs beside each other: what differs, and that what does not is not told as if it did."""

from __future__ import annotations

from dataclasses import replace

from cluster.history.finding import Finding, Judged, Verdict
from cluster.history.run import Run
from cluster.report.compare import _side, compare, differences
from tests.cluster.report.runs import cluster_run, store_run, verdict
from tests.cluster.report.test_page import read

OK = Finding("linearizable", "ok", "they fit", 10, figures={"steps": 100.0})
WRONG = Finding("linearizable", "violated", "one does not fit", 10, figures={"steps": 150.0})


def told(run1: Run, verdict1: Verdict, run2: Run, verdict2: Verdict) -> dict[str, tuple[str, str, float | None]]:
    sides = (_side("first", run1, verdict1, 1.0), _side("second", run2, verdict2, 1.0))
    return {d.what: (d.first, d.second, d.change) for d in differences(*sides)}


def test_a_run_and_itself_differ_in_nothing() -> None:
    run = store_run()
    assert told(run, verdict(OK), run, verdict(OK)) == {}
    assert "Nothing that is looked at here" in read(compare(run, verdict(OK), run, verdict(OK))).text


def test_verdicts_and_checks_that_differ_come_first() -> None:
    run = store_run()
    found = told(run, verdict(OK), run, verdict(WRONG, outcome="violated", reason="no"))
    assert list(found)[:2] == ["Verdict", "Check linearizable"]
    assert found["Verdict"] == ("holds", "violated", None)
    assert found["Check linearizable"] == ("ok", "violated", None)
    assert found["linearizable: steps"] == ("100", "150", 0.5)


def test_a_check_that_only_one_run_has_is_told() -> None:
    run = store_run()
    found = told(run, verdict(OK), run, verdict(OK, Judged(Finding("converged", "ok", "equal", 3))))
    assert found["Check converged"] == ("none", "ok", None)
    assert "not asked" in read(compare(run, verdict(OK), run, verdict(OK, Finding("converged", "ok", "x", 3)))).text


def test_figures_that_hardly_changed_are_left_out() -> None:
    run = store_run()
    near = replace(OK, figures={"steps": 104.0})
    assert told(run, verdict(OK), run, verdict(near)) == {}


def test_other_seeds_differ_in_seed_and_in_figures() -> None:
    found = told(store_run(0), verdict(OK), store_run(3), verdict(OK))
    assert found["Seed"] == ("0", "3", None)
    assert any(change is not None for _, _, change in found.values())


def test_runs_of_different_stories_stand_beside_each_other() -> None:
    text = compare(store_run(), verdict(OK), cluster_run(), verdict(OK))
    words = read(text).text
    assert "Two runs beside each other" in words
    assert "endpoint removed" in words
    assert "partition 1, minority: write" in words


def test_a_run_that_is_not_whole_is_told_and_not_green() -> None:
    run = store_run()
    half = replace(run, meta=replace(run.meta, complete=False, problem="no leader"))
    text = compare(run, verdict(OK), half, verdict(OK))
    assert text.count('class="verdict holds"') == 1
    assert text.count('class="verdict unknown"') == 1
    assert "did not come to its end: no leader" in read(text).text
