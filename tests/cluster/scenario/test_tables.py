"""The tables of the language are in step with what is built on them: workloads, options, docs, schema, stories."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.cli.scenario import schema_text
from cluster.experiments.cast import LOOKUPS
from cluster.experiments.conditions import SUBJECT
from cluster.experiments.workloads.table import WORKLOADS as PLAYED
from cluster.history.checks import CHECKS
from cluster.scenario import files, reference
from cluster.scenario.actions import ACTIONS
from cluster.scenario.forms import LOOKS_AT, STORE_OPTIONS, WORKLOADS
from cluster.scenario.reader import read
from cluster.scenario.schema import schema
from cluster.scenario.subjects import SUBJECTS
from cluster.scenario.target import ROLES
from store.config import Config

DOCS = Path(__file__).resolve().parents[3] / "docs"
NOT_AN_OPTION = {"members", "peers", "trace"}
"""What a member is told by whoever starts it."""


def test_workloads_are_those_that_are_played_with_their_options() -> None:
    assert set(WORKLOADS) == set(PLAYED)
    for name, form in WORKLOADS.items():
        assert {k: spec.default for k, spec in form.options.items()} == dict(PLAYED[name].options), name
        assert form.cluster == (PLAYED[name].needs == "cluster"), name
        assert set(form.worlds) == set(PLAYED[name].worlds), name


def test_roles_and_subjects_are_those_that_are_looked_up() -> None:
    assert set(ROLES) - {"rest"} == set(LOOKUPS)
    assert set(SUBJECTS) == set(SUBJECT)


def test_store_options_are_those_of_a_member() -> None:
    assert set(STORE_OPTIONS) == {f.name for f in fields(Config)} - NOT_AN_OPTION


def test_checks_that_need_a_workload_exist() -> None:
    assert set(LOOKS_AT) <= set(CHECKS)


def test_the_schema_in_docs_is_in_step(rewrite: bool) -> None:
    file = DOCS / "scenario.schema.json"
    if rewrite:
        file.write_text(schema_text())
    assert file.read_text() == schema_text(), "launch.py scenario schema -o docs/scenario.schema.json"


def test_the_reference_page_is_in_step(rewrite: bool) -> None:
    file = DOCS / "scenarios.md"
    page = reference.page(file.read_text(), CHECKS)
    if rewrite:
        file.write_text(page)
    assert file.read_text() == page, "pytest --rewrite tests/cluster/scenario/test_tables.py"


def test_the_first_story_of_the_page_is_one() -> None:
    page = (DOCS / "scenarios.md").read_text()
    blocks = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    stories = [block for block in blocks if block.startswith("capstan: 1")]
    assert stories
    for story in stories:
        assert read(story, "first.yaml", None, CHECKS).checks


VALIDATOR = jsonschema.Draft7Validator(schema(CHECKS))


def errors(data: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema(CHECKS))


@pytest.mark.parametrize("file", files.shipped(), ids=lambda file: file.stem)
def test_shipped_stories_fit_the_schema(file: Path) -> None:
    assert errors(yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize("file", files.shipped(), ids=lambda file: file.stem)
def test_shipped_stories_are_read_without_a_problem(file: Path) -> None:
    assert files.load(file, CHECKS).name == file.stem


STORY = {"capstan": 1, "checks": ["one-leader-per-term"]}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_schema_knows_every_action(action: str) -> None:
    found = errors({**STORY, "timeline": [{action: {"nonsense": 1}}]})
    assert found, "an unknown field is refused"
    assert f"#/definitions/{action}" in str(schema(CHECKS)["definitions"]["entry"])


@pytest.mark.parametrize(
    "change",
    [
        {"timeline": [{"kill": "leader:store", "for": "5s", "disk": "wipe"}, "heal"]},
        {"timeline": [{"parallel": [{"loss": "30%", "for": "1s"}, {"sequence": [{"wait": 1}]}]}]},
        {"workload": "register", "steadyState": ["store has a leader"]},
        {"workloads": [{"type": "lock", "options": {"hold": "1s"}}]},
        {"cluster": {"masters": 5, "objects": ["pod-nginx.yaml"]}},
    ],
)
def test_what_the_schema_allows(change: dict[str, Any]) -> None:
    assert errors({**STORY, **change}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"capstan": 2},
        {"nmae": "x"},
        {"duration": "5 sec"},
        {"cluster": {"engine": "raftt"}},
        {"checks": ["linearisable"]},
        {"workload": {"type": "lock", "options": {"hodl": "1s"}}},
        {"timeline": [{"kil": "store-0"}]},
        {"timeline": [{"kill": "store-0", "dsik": "wipe"}]},
        {"timeline": [{"resume": "store-0", "for": "1s"}]},
        {"timeline": ["kill"]},
    ],
)
def test_what_the_schema_refuses(change: dict[str, Any]) -> None:
    assert errors({**STORY, **change})
