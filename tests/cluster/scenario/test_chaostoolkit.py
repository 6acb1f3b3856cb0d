"""Experiments of Chaos Toolkit, written and read: ours without loss, and of others told with its place what is lost."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.scenario import chaostoolkit, files, reader, write
from cluster.scenario.document import FileError
from cluster.scenario.model import Scenario
from tests.cluster.scenario.stories import scenarios

HEAD = "capstan: 1\ntitle: A story\nchecks: [one-leader-per-term]\nworkload: register\n"


def story(timeline: str, head: str = HEAD) -> Scenario:
    return reader.read(f"{head}timeline:\n{timeline}", "story.yaml")


def method(timeline: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chaostoolkit.experiment(story(timeline))["method"]
    return found


def struck(activity: dict[str, Any]) -> Any:
    """The entry that an activity strikes."""
    provider = activity["provider"]
    assert (provider["type"], provider["path"]) == ("process", "capstan")
    assert provider["arguments"][0] == "strike"
    assert provider["arguments"][2:] == ["--name", "dev"]
    return json.loads(provider["arguments"][1])


def test_entries_become_processes_that_strike() -> None:
    made = method(
        "- kill: leader:store\n  for: 5s\n- wait: 2s\n- await: store is writable\n  within: 10s\n- say: over\n"
    )
    assert [struck(activity) for activity in made] == [
        {"kill": "leader:store", "for": "5s"},
        {"await": "store is writable", "within": "10s"},
        {"say": "over"},
    ]
    assert [a["type"] for a in made] == ["action", "probe", "action"]
    assert [a.get("background", False) for a in made] == [True, False, False]
    assert [a.get("pauses") for a in made] == [None, {"before": 2.0}, None]
    assert [a["name"] for a in made] == ["kill leader:store for 5s", "await store is writable", "say over"]


def test_a_process_has_the_time_that_its_entry_needs() -> None:
    kill, await_ = method("- kill: store-0\n  for: 50s\n- await: store is writable\n  within: 90s\n")
    assert kill["provider"]["timeout"] == 80
    assert await_["provider"]["timeout"] == 120


def test_what_has_no_end_ends_with_the_timeline() -> None:
    made = chaostoolkit.experiment(story("- wait: 2s\n- kill: store-0\n", HEAD + "duration: 30s\n"))["method"]
    assert struck(made[0]) == {"kill": "store-0", "for": "28s"}


def test_what_is_inside_of_an_entry_stays_inside() -> None:
    (made,) = method("- parallel:\n  - {loss: 10%, for: 1s}\n  - sequence: [{wait: 1s}, {restart: store-0}]\n")
    assert struck(made) == {
        "parallel": [{"loss": "10%", "for": "1s"}, {"sequence": [{"wait": "1s"}, {"restart": "store-0"}]}]
    }
    assert "background" not in made


def test_times_become_pauses() -> None:
    made = method(
        "- {at: 3s, restart: store-0}\n- {at: 10s, restart: store-1}\n- {after: 1s, restart: store-2}\n- wait: 4s\n"
    )
    assert [a.get("pauses") for a in made] == [{"before": 3.0}, {"before": 7.0}, {"before": 1.0, "after": 4.0}]


def test_the_steady_state_is_a_hypothesis() -> None:
    made = chaostoolkit.experiment(story("- restart: store-0\n", HEAD + "steadyState: [store has a leader]\n"))
    (probe,) = made["steady-state-hypothesis"]["probes"]
    assert (probe["type"], probe["name"], probe["tolerance"]) == ("probe", "store has a leader", 0)
    assert struck(probe) == {"await": "store has a leader", "within": "60s"}
    assert made["rollbacks"][0]["provider"]["arguments"] == ["heal", "--name", "dev"]


REFUSED = [
    ("- {loss: 10%, name: rain}\n- heal: rain\n", "heal: an activity of Chaos Toolkit is a process of its own"),
    ("- {kill: store-0, for: 1s, every: 5s}\n", "kill: `every` without an end"),
    ("- await: store is writable\n- {at: 9s, restart: store-0}\n", "restart: `at` after an entry that waits"),
    ("- wait: 9s\n- {at: 3s, restart: store-0}\n", "restart: `at` before the entry above it"),
    (
        "- await: leader:store changed\n",
        "'leader:store changed': an activity is a process of its own, and remembers nothing",
    ),
    ("- await: operations ok >= 3\n", "'operations ok >= 3': `chaos run` starts no workload"),
    ("- wait: 3s\n", "a timeline that only waits"),
]


@pytest.mark.parametrize(("timeline", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_expressed_is_refused(timeline: str, said: str) -> None:
    with pytest.raises(UsageError, match="story.yaml|waits") as error:
        chaostoolkit.experiment(story(timeline))
    assert said in str(error.value)


@pytest.mark.parametrize("timeline", [timeline for timeline, _ in REFUSED if "- wait: 3s\n" != timeline])
def test_or_left_out_and_listed(timeline: str) -> None:
    without: list[str] = []
    made = chaostoolkit.experiment(story("- restart: store-1\n" + timeline), without=without)
    assert len(without) == 1
    assert struck(made["method"][0]) == {"restart": "store-1"}


def test_leaving_out_what_a_sequence_remembers_is_not_needed() -> None:
    made = method("- sequence:\n  - {kill: leader:store, for: 5s}\n  - await: leader:store changed\n")
    assert struck(made[0])["sequence"][1] == {"await": "leader:store changed"}


# ── reading ──


def read(data: Any) -> Scenario:
    return files.parse(json.dumps(data), "experiment.json")


@pytest.mark.parametrize("file", files.shipped(), ids=lambda file: file.stem)
def test_our_own_experiments_are_read_without_loss(file: Any) -> None:
    scenario = files.load(file)
    text = chaostoolkit.dump(scenario, "/opt/capstan", "other", without=[])
    assert write.data(files.parse(text, "experiment.json")) == write.data(scenario)


@settings(max_examples=30)
@given(scenarios())
def test_so_is_any_scenario(scenario: Scenario) -> None:
    text = chaostoolkit.dump(scenario, without=[])
    assert write.data(files.parse(text, "experiment.json")) == write.data(scenario)


def test_an_export_that_was_edited_is_what_it_says_now() -> None:
    data = chaostoolkit.experiment(story("- {kill: store-0, for: 5s}\n- wait: 9s\n- restart: store-1\n"))
    data["method"][0]["provider"]["arguments"][1] = '{"pause": "store-2", "for": "3s"}'
    data["title"] = "Edited"
    found = write.data(read(data))
    assert found["title"] == "Edited"
    assert found["timeline"] == [{"pause": "store-2", "for": "3s"}, {"wait": "9s"}, {"restart": "store-1"}]
    assert found["workloads"] == [{"type": "register"}]
    assert found["checks"] == ["one-leader-per-term"]


def process(*arguments: str, **activity: Any) -> dict[str, Any]:
    provider = {"type": "process", "path": "/usr/bin/capstan", "arguments": list(arguments)}
    return {"type": "action", "name": "an activity", "provider": provider, **activity}


def experiment(*activities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": "Mine", "description": "What it is about.", "method": list(activities), **more}


def test_an_experiment_of_somebody_else() -> None:
    probe = process("strike", '{"await": "store is writable"}', type="probe", name="writable", tolerance=0)
    found = write.data(
        read(
            experiment(
                process("kill", "leader:store", "--for", "3s", "--name", "dev", background=True),
                process("partition", "master-0 | master-1,master-2", "--for", "4s", pauses={"before": 2, "after": "1"}),
                {"ref": "writable"},
                **{"steady-state-hypothesis": {"title": "t", "probes": [probe]}},
                rollbacks=[process("heal")],
            )
        )
    )
    assert found["teaches"] == "What it is about."
    assert found["steadyState"] == {"conditions": ["store is writable"]}
    assert found["timeline"] == [
        {"kill": "leader:store", "for": "3s"},
        {"wait": "2s"},
        {"partition": ["master-0", "master-1,master-2"], "for": "4s"},
        {"wait": "4s"},
        {"wait": "1s"},
        {"await": "store is writable"},
    ]
    assert found["checks"] == ["faults-hit", "steady-state"]


LOST: list[tuple[dict[str, Any], str]] = [
    (experiment(), "method: nothing to do; method: at least one activity"),
    (experiment(process("kill", "store-0"), secrets={"a": 1}), "secrets: secrets cannot be carried over"),
    (experiment(process("kill", "store-0"), configuration={"a": 1}), "configuration cannot be carried over"),
    (experiment(process("kill", "store-0"), controls=[{"name": "c"}]), "controls cannot be carried over"),
    (experiment(process("kill", "store-0"), typo=1), "'typo' has no counterpart here; remove it"),
    (experiment(process("kill", "store-0", controls=[1])), "'controls' has no counterpart here"),
    (experiment(process("get", "pods")), "the command 'get' is not one that strikes; one of strike, kill"),
    (experiment(process("kil", "store-0")), "the command 'kil' is not one that strikes; did you mean 'kill'?"),
    (experiment(process("kill")), "kill: whom?; such as kill leader:store"),
    (experiment(process("kill", "store-0", "--force")), "kill: the option --force cannot be carried over"),
    (experiment(process("kill", "${host}")), "a substitution ${...} cannot be carried over"),
    (experiment(process("strike", "nonsense")), "'nonsense' is not an entry of a timeline"),
    (
        experiment(process("kill", "store-0"), rollbacks=[process("restart", "store-0")]),
        "the rollback 'restart' cannot be",
    ),
    (experiment({"ref": "nobody"}), "there is no activity 'nobody'; no probe has a name"),
    (
        experiment({"type": "action", "name": "x", "provider": {"type": "http", "url": "http://127.0.0.1"}}),
        "a http provider cannot be carried out here",
    ),
    (
        experiment({"type": "action", "name": "x", "provider": {"type": "python", "module": "m", "func": "f"}}),
        "a python provider cannot be carried out here",
    ),
    (
        experiment({"type": "action", "name": "x", "provider": {"type": "process", "path": "ls", "arguments": "-l"}}),
        "a process 'ls' cannot be carried out here; path: capstan",
    ),
    (experiment(process("strike", '{"kill": "store-9"}')), "this cluster has no store-9; store-0 to store-2"),
]


@pytest.mark.parametrize(("data", "said"), LOST, ids=[said for _, said in LOST])
def test_what_would_be_lost_is_told(data: dict[str, Any], said: str) -> None:
    with pytest.raises(FileError) as error:
        read(data)
    assert any(said in str(problem) for problem in error.value.problems), error.value.problems
    assert all(str(problem).startswith("experiment.json:") for problem in error.value.problems)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={name: ANYTHING for name in ("type", "name", "provider", "ref", "pauses", "background")}
        )
        | ANYTHING,
        max_size=3,
    ),
    ANYTHING,
)
def test_any_experiment_is_told_and_never_a_traceback(activities: list[Any], other: Any) -> None:
    data = {
        "title": "x",
        "method": activities,
        "extensions": other,
        "steady-state-hypothesis": other,
        "rollbacks": other,
    }
    said = "experiment.json"
    try:
        files.parse(json.dumps(data), "experiment.json")
    except UsageError as error:
        said = str(error)
    assert "experiment.json" in said


KINDS = ["NetworkChaos", "PodChaos", "TimeChaos", "IOChaos", "Schedule", "Workflow"]
FIELDS = [
    "action",
    "mode",
    "selector",
    "value",
    "target",
    "delay",
    "schedule",
    "type",
    "templates",
    "entry",
    "podChaos",
]


@settings(max_examples=60)
@given(st.sampled_from(KINDS), ANYTHING | st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=6))
def test_any_resource_is_told_and_never_a_traceback(kind: str, spec: Any) -> None:
    body = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    said = "mesh.json"
    try:
        files.parse(json.dumps(body), "mesh.json")
    except UsageError as error:
        said = str(error)
    assert "mesh.json" in said


@pytest.mark.parametrize("file", files.shipped(), ids=lambda file: file.stem)
def test_chaos_toolkit_finds_our_experiments_valid(file: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from chaoslib.experiment import ensure_experiment_is_valid

        made = chaostoolkit.experiment(files.load(file), sys.executable, without=[])
        ensure_experiment_is_valid(made)
