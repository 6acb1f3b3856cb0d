"""The registry, options, and the verdict over a run."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.history.checks import CHECKS, Ask, find, judge, validate
from cluster.history.finding import Said
from cluster.history.options import Option, resolve
from cluster.history.run import Moment
from tests.cluster.history.runs import cut, read, run, say, write

GOOD = [write(1, 0, 1), read(1, 2, 3)]
BAD = [write(1, 0, 1), read(7, 2, 3)]


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_that_sees_nothing_is_unknown(name: str) -> None:
    finding = say(name, run())
    assert (finding.said, finding.check) == ("unknown", name)
    assert finding.summary
    assert finding.looked_at == 0


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_tells_what_it_is_for(name: str) -> None:
    check = CHECKS[name]
    assert check.doc.endswith(".")
    assert check.looks_at
    assert all(option.doc for option in check.options.values())
    parts = {"operations", "records", "events", "watches", "strikes", "finals", "moments"}
    assert set(check.looks_at) <= parts


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Ask("linearisable"), "no check 'linearisable'; did you mean 'linearizable'?"),
        (Ask("linearizable", {"modell": "lock"}), "no option 'modell'; did you mean 'model'?"),
        (Ask("linearizable", {"model": "stack"}), "'stack' is not one of register, keyspace, lock, lease"),
        (Ask("bound-once", {"x": 1}), "no option 'x'; it has none"),
        (Ask("availability", {"atLeast": 2}), "2 is not a share from 0 to 1"),
        (Ask("latency", {"atMost": "soon"}), "'soon' is not a duration"),
    ],
)
def test_what_cannot_be_asked_is_named(asked: Ask, said: str) -> None:
    with pytest.raises(UsageError, match="^check") as caught:
        validate(asked)
    assert said in str(caught.value)
    with pytest.raises(UsageError):
        judge(run(), [asked])


@pytest.mark.parametrize(
    ("type", "given", "value"),
    [
        ("duration", "200ms", 0.2),
        ("duration", 3, 3.0),
        ("duration", "2m", 120.0),
        ("share", "90%", 0.9),
        ("share", 0.5, 0.5),
        ("number", "1.5", 1.5),
        ("integer", "3", 3),
        ("flag", True, True),
        ("words", "a, b", ("a", "b")),
        ("words", ["a"], ("a",)),
        ("text", 7, "7"),
    ],
)
def test_options_are_read_as_scenarios_write_them(type: Any, given: Any, value: Any) -> None:
    assert resolve({"o": Option(type, "it")}, {"o": given}, "f:1") == {"o": value}


@pytest.mark.parametrize(
    ("type", "given"),
    [
        ("duration", True),
        ("share", "lots"),
        ("integer", 1.5),
        ("flag", 1),
        ("words", 3),
        ("text", None),
        ("number", None),
    ],
)
def test_options_of_a_wrong_kind_are_refused(type: Any, given: Any) -> None:
    with pytest.raises(UsageError, match="f:1: o"):
        resolve({"o": Option(type, "it")}, {"o": given}, "f:1")


@pytest.mark.parametrize("given", [0, -5, 101, "nan", "inf"])
def test_numbers_beyond_their_bounds_are_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="f:1: percentile: .* is not a number more than 0 and at most 100"):
        resolve(CHECKS["latency"].options, {"percentile": given}, "f:1")


@pytest.mark.parametrize("given", ["inf", "nan", 0])
def test_a_bound_on_the_search_is_a_number_of_steps(given: Any) -> None:
    with pytest.raises(UsageError, match="f:1: steps"):
        resolve(CHECKS["linearizable"].options, {"steps": given}, "f:1")


def verdict(operations: Any, expect: Said = "ok", **parts: Any) -> tuple[str, int]:
    found = judge(run(operations=operations, **parts), [Ask("linearizable", {}, expect)])
    return found.outcome, found.status


def test_the_verdict_is_about_what_was_expected() -> None:
    assert verdict(GOOD) == ("holds", 0)
    assert verdict(BAD) == ("violated", 1)
    assert verdict(BAD, "violated") == ("holds", 0)
    assert verdict(GOOD, "violated") == ("violated", 1)
    assert verdict([]) == ("unknown", 2)
    assert verdict([], "unknown") == ("holds", 0)


def test_without_checks_nothing_is_known() -> None:
    assert judge(run(operations=GOOD), []).outcome == "unknown"


def test_what_the_timeline_awaited_counts() -> None:
    assert verdict(GOOD, moments=[Moment(1.0, "await it", "f:3", "violated")]) == ("violated", 1)
    assert verdict(GOOD, moments=[Moment(1.0, "await it", "f:3", "unknown")]) == ("unknown", 2)
    assert verdict(GOOD, moments=[Moment(1.0, "say it", "f:3")]) == ("holds", 0)


def test_a_violation_names_the_faults_of_those_it_names() -> None:
    operations = [write(1, 0, 1, site="master-0"), read(9, 6, 7, site="master-0")]
    finding = say("phantom-writes", run(operations=operations, strikes=[cut(5, 8)]))
    assert "nobody wrote 9" in finding.summary
    early = say("availability", run(operations=operations, strikes=[cut(5, 8)]), atMost=0, site="master-0")
    assert early.said == "violated"


def test_an_unknown_check_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'bound-once'"):
        find("bound-onse")
