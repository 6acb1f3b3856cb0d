"""Selectors: their grammar, and what they select against a dumb twin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.selectors import (
    Requirement,
    Selector,
    from_label_selector,
    from_labels,
    parse_field_selector,
    parse_label_selector,
)
from cluster.errors import StatusError

KEYS, VALUES = st.sampled_from(["a", "b", "x.io/c"]), st.sampled_from(["", "1", "2", "in", "v"])
LABELS = st.dictionaries(KEYS, VALUES)
REQUIREMENTS = st.one_of(
    st.builds(
        Requirement, KEYS, st.sampled_from(["In", "NotIn"]), st.lists(VALUES, min_size=1, unique=True).map(tuple)
    ),
    st.builds(Requirement, KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(Requirement, KEYS, st.sampled_from(["Gt", "Lt"]), st.sampled_from([("0",), ("1",), ("7",)])),
)


def _holds(requirement: Requirement, labels: dict[str, str]) -> bool:
    """The twin: the definition, spelt out."""
    there = requirement.key in labels
    value = labels.get(requirement.key, "")
    number = int(value) if value.isdigit() else None
    return {
        "In": there and value in requirement.values,
        "NotIn": not (there and value in requirement.values),
        "Exists": there,
        "DoesNotExist": not there,
        "Gt": number is not None and number > int((requirement.values or ("0",))[0] or 0)
        if requirement.operator == "Gt"
        else False,
        "Lt": number is not None and number < int((requirement.values or ("0",))[0] or 0)
        if requirement.operator == "Lt"
        else False,
    }[requirement.operator]


@given(st.lists(REQUIREMENTS, max_size=4), LABELS)
def test_a_selector_is_all_its_requirements_and_its_text_reads_back(
    requirements: list[Requirement], labels: dict[str, str]
) -> None:
    selector = Selector(tuple(requirements))
    assert selector.matches(labels) == all(_holds(r, labels) for r in requirements)
    again = parse_label_selector(str(selector))
    assert again.matches(labels) == selector.matches(labels)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=1", {"a": "1"}, True),
        ("a==1", {"a": "2"}, False),
        ("a!=1", {}, True),
        ("a = 1 , b", {"a": "1", "b": ""}, True),
        ("a in (1, 2)", {"a": "2"}, True),
        ("a notin (1,2)", {"a": "2"}, False),
        ("a in ()", {"a": ""}, True),
        ("!a", {"a": "1"}, False),
        ("! a", {}, True),
        ("a=", {"a": ""}, True),
        ("a=,b", {"a": "", "b": "1"}, True),
        ("a>1", {"a": "10"}, True),
        ("a<1", {"a": "x"}, False),
        ("in=1", {"in": "1"}, True),
        ("example.com/a=b", {"example.com/a": "b"}, True),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_label_selector(text).matches(labels) is matches


@pytest.mark.parametrize(
    "text",
    [
        "a=b=c",
        "=",
        ",",
        "a,",
        "a in",
        "a in (",
        "a in (b",
        "a in (b c)",
        "!",
        "a b",
        "a>x",
        "-a=b",
        "a=b c",
        "a@=1",
        "()",
    ],
)
def test_a_malformed_label_selector_is_a_bad_request(text: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_label_selector(text)
    assert caught.value.reason == "BadRequest"


@given(st.text("ab=!,()<> in\t", max_size=12))
def test_any_text_is_a_selector_or_a_bad_request(text: str) -> None:
    reason = "BadRequest"
    try:
        assert parse_label_selector(parse_label_selector(text).__str__()) is not None
    except StatusError as refused:
        reason = refused.reason
    assert reason == "BadRequest"


def test_selectors_of_objects() -> None:
    expressions = [{"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]
    selector = from_label_selector({"matchLabels": {"app": "web"}, "matchExpressions": expressions})
    assert selector.matches({"app": "web", "tier": "b"})
    assert not selector.matches({"app": "web", "tier": "b", "old": ""})
    assert from_label_selector({}).matches({})
    assert not from_label_selector(None).matches({})
    assert not from_labels({}).matches({"a": "b"})
    assert from_labels({"a": "b"}).matches({"a": "b", "c": "d"})
    with pytest.raises(StatusError, match="operator"):
        from_label_selector({"matchExpressions": [{"key": "a", "operator": "Like"}]})


POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"nodeName": "worker-0", "hostNetwork": True},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=web", True),
        ("metadata.name==web,spec.nodeName=worker-0", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", False),
        ("spec.absent=", True),
        ("spec.hostNetwork=true", True),
        (r"metadata.name=a\,b", False),
    ],
)
def test_field_selectors(text: str, matches: bool) -> None:
    assert parse_field_selector(text).matches(POD) is matches


def test_field_selectors_name_known_fields_only() -> None:
    assert parse_field_selector("metadata.name=a,status.phase=b", ("status.phase",)).exact("status.phase") == "b"
    assert parse_field_selector("metadata.name!=a").exact("metadata.name") is None
    with pytest.raises(StatusError, match="field label not supported: spec.x"):
        parse_field_selector("spec.x=1", ("status.phase",))
    with pytest.raises(StatusError, match="invalid selector"):
        parse_field_selector("metadata.name")


def test_an_escaped_comma_is_part_of_the_value() -> None:
    assert parse_field_selector(r"a=x\,y,b=z").matches({"a": "x,y", "b": "z"})
