"""What is written is read again as the same, and whatever is read never ends in a traceback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.history.checks import CHECKS
from cluster.scenario import files, units, write
from cluster.scenario.actions import ACTIONS
from cluster.scenario.forms import CLUSTER, STEADY, STEP, TOP, WORKLOAD
from cluster.scenario.model import Scenario, Step
from cluster.scenario.reader import read
from tests.cluster.scenario.stories import SECONDS, SHARES, scenarios


def placeless(scenario: Scenario) -> Scenario:
    def bare(step: Step) -> Step:
        return replace(step, place="", steps=tuple(bare(s) for s in step.steps))

    return replace(
        scenario,
        place="",
        text="",
        timeline=tuple(bare(step) for step in scenario.timeline),
        workloads=tuple(replace(w, place="") for w in scenario.workloads),
        checks=tuple(replace(c, place="") for c in scenario.checks),
    )


@settings(max_examples=40)
@given(scenarios())
def test_a_scenario_is_read_as_it_was_written(scenario: Scenario) -> None:
    text = write.dump(scenario)
    assert placeless(read(text, "f.yaml")) == scenario


@settings(max_examples=40)
@given(scenarios())
def test_writing_twice_writes_the_same(scenario: Scenario) -> None:
    text = write.dump(scenario)
    assert write.dump(read(text, "f.yaml")) == text


@given(SECONDS, SHARES, st.one_of(st.integers(1, 10**12).map(float), st.floats(1e-3, 1e9, allow_nan=False)))
def test_values_are_read_as_they_were_written(seconds: float, share: float, size: float) -> None:
    assert units.duration(units.say_duration(seconds)) == seconds
    assert units.duration(units.say_duration(-seconds), signed=True) == -seconds
    assert units.share(units.say_share(share)) == share
    assert units.size(units.say_size(size)) == size


@pytest.mark.parametrize("file", files.shipped(), ids=lambda file: file.stem)
def test_shipped_stories_are_written_and_read_again(file: Any) -> None:
    scenario = files.load(file)
    again = read(write.dump(scenario), str(file), file.parent)
    assert placeless(again) == placeless(scenario)


KEYS = sorted({*TOP, *CLUSTER, *WORKLOAD, *STEADY, *STEP, *ACTIONS, *(f for a in ACTIONS.values() for f in a.fields)})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(
        ["store-1", "leader:store", "10s", "30%", "store has a leader", "a | b", "1", "", "one of x", "\u0130", "0x1F"]
    ),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=4), st.integers()), inner, max_size=5)
    ),
    max_leaves=12,
)


def only_usage_errors(text: str) -> None:
    said = "f.yaml"
    try:
        files.parse(text, "f.yaml", None, CHECKS)
    except UsageError as error:
        said = str(error)
    assert "f.yaml" in said


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6))
def test_any_data_under_known_keys_is_told_and_never_a_traceback(data: dict[str, Any]) -> None:
    only_usage_errors(yaml.safe_dump({"capstan": 1, **data}))


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1, max_size=3), max_size=4))
def test_any_timeline_is_told_and_never_a_traceback(data: list[dict[str, Any]]) -> None:
    only_usage_errors(yaml.safe_dump({"capstan": 1, "timeline": data}))


@settings(max_examples=50)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#%@`, \n\t<0\u0085\ufeff"), max_size=60))
def test_any_text_is_told_and_never_a_traceback(text: str) -> None:
    only_usage_errors(text)


@pytest.mark.parametrize(
    "text",
    [
        "capstan: !!python/object:os.system {}",
        "capstan: 1\ncluster: {objects: [{apiVersion: !!binary aGk=, kind: Pod}]}",
        "capstan: 1\ntimeline: [{patch: {object: a/b, patch: {a: !!int x}}}]",
        "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)),
        "[" * 2000,
        "capstan: 1\ntimeline: " + "[" * 80 + "]" * 80,
        "%YAML 3.7\n---\na: 1",
        "capstan: 1\nseed: 99999999999999999999999999",
        "capstan: 1\nduration: 999999999999999999h",
        "capstan: 1\nchecks: {a: {b: 2020-01-01}}",
    ],
)
def test_ill_will_is_told_and_never_a_traceback(text: str) -> None:
    with pytest.raises(UsageError):
        files.parse(text, "f.yaml", None, CHECKS)
