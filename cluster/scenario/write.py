"""A scenario as a file again: plain data, and YAML that reads back as the same scenario (places and text apart).

Must not invent: what stands at its default is left out, but for `duration`, which is always said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from cluster.scenario.actions import ACTIONS, Field
from cluster.scenario.forms import CLUSTER, FORMAT, STEADY, STEP, TOP, WORKLOAD, WORKLOADS
from cluster.scenario.model import WORLDS, CheckSpec, Scenario, Step, Target, Workload
from cluster.scenario.units import plain, say_duration, say_share, say_size

STEP_NAMES = {"for": "lasting"}
"""Keys of an entry that `Step` names otherwise."""


def dump(scenario: Scenario) -> str:
    """YAML, in the order of the reference page."""
    return yaml.dump(data(scenario), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def data(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain data: what a JSON or YAML file of it holds."""
    result: dict[str, Any] = {"capstan": FORMAT, "name": scenario.name, "title": scenario.title}
    if scenario.teaches:
        result["teaches"] = scenario.teaches
    if scenario.worlds != WORLDS:
        result["worlds"] = list(scenario.worlds)
    if scenario.seed:
        result["seed"] = scenario.seed
    shape = {name: getattr(scenario.shape, name) for name in CLUSTER}
    if written := _fields(CLUSTER, shape):
        result["cluster"] = written
    if scenario.workloads:
        result["workloads"] = [_workload(w) for w in scenario.workloads]
    if scenario.steady.conditions:
        result["steadyState"] = _fields(STEADY, {name: getattr(scenario.steady, name) for name in STEADY})
    if scenario.timeline:
        result["timeline"] = [step(s) for s in scenario.timeline]
    result["duration"] = say_duration(scenario.seconds)
    if scenario.settle != TOP["settle"].default:
        result["settle"] = say_duration(scenario.settle)
    result["checks"] = [_check(c) for c in scenario.checks]
    return result


def step(entry: Step) -> dict[str, Any]:
    """One entry of the timeline as plain data."""
    action = ACTIONS[entry.action]
    result: dict[str, Any] = {}
    if entry.steps:
        result[entry.action] = [step(s) for s in entry.steps]
    else:
        args = _fields(action.fields, entry.args)
        short = next((name for name, spec in action.fields.items() if spec.short), "")
        whole = list(args) == [short] and not isinstance(args[short], dict)
        result[entry.action] = args[short] if whole else args or None
    values = {name: getattr(entry, STEP_NAMES.get(name, name)) for name in STEP}
    return result | _fields(STEP, values)


def _workload(workload: Workload) -> dict[str, Any]:
    result = _fields(WORKLOAD, {name: getattr(workload, name) for name in WORKLOAD})
    specs = WORKLOADS[workload.type].options
    options = {name: _WRITERS.get(specs[name].type, _bare)(value) for name, value in workload.options.items()}
    result.pop("options", None)
    return result | ({"options": options} if options else {})


def _check(check: CheckSpec) -> Any:
    if not check.options and check.expect == "ok" and not check.because:
        return check.check
    result: dict[str, Any] = {check.check: _bare(check.options) or None}
    if check.expect != "ok":
        result["expect"] = check.expect
    if check.because:
        result["because"] = check.because
    return result


def _fields(specs: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that do not stand at their default."""
    return {
        name: _WRITERS.get(spec.type, _bare)(values[name])
        for name, spec in specs.items()
        if name in values and values[name] != spec.default and values[name] is not None
    }


def _bare(value: Any) -> Any:
    """Plain data without tuples."""
    if isinstance(value, Mapping):
        return {str(key): _bare(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return value


def _targets(targets: tuple[Target, ...]) -> Any:
    return targets[0].text if len(targets) == 1 else [t.text for t in targets]


def _number(value: float) -> Any:
    return int(value) if value == int(value) and abs(value) < 1e15 else value


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "target": lambda target: target.text,
    "targets": _targets,
    "groups": lambda groups: [_targets(group) for group in groups],
    "duration": say_duration,
    "share": say_share,
    "bytes": lambda size: say_size(size) if size == int(size) else plain(size),
    "number": _number,
    "condition": lambda condition: condition.text,
    "conditions": lambda conditions: [c.text for c in conditions],
}
