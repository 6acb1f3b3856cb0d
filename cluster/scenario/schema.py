"""The JSON schema of scenario files (draft 7, which editors know), made from the tables of actions and forms.

Must not say more than the tables do: an editor helps with it, but the reader is the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cluster.scenario.actions import ACTIONS, Action, Field
from cluster.scenario.forms import CHECK, CLUSTER, FORMAT, STEADY, STEP, TOP, WORKLOAD, WORKLOADS, Form
from cluster.scenario.reading import Known
from cluster.scenario.subjects import SUBJECTS
from cluster.scenario.target import ROLES
from cluster.scenario.timeline import NESTS
from cluster.scenario.units import BYTES_PATTERN, DURATION_PATTERN, SHARE_PATTERN

Schema = dict[str, Any]
_NOTHING: Schema = {"type": "null"}


def schema(known: Known) -> Schema:
    """The whole schema; `known`: the checks that there are."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Capstan scenario",
        "description": "One story of a cluster that is broken on purpose: docs/scenarios.md",
        **_object(TOP, "a scenario"),
        "definitions": _definitions(known),
    }


def _definitions(known: Known) -> dict[str, Schema]:
    return {
        "target": _target(),
        "condition": _condition(),
        "duration": {
            "description": "such as 250ms, 10s, 1m30s; a number is seconds",
            "anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number"}],
        },
        "share": {
            "description": "0 to 1, or a percentage such as 30%",
            "anyOf": [{"type": "string", "pattern": SHARE_PATTERN}, {"type": "number", "minimum": 0, "maximum": 1}],
        },
        "bytes": {
            "description": "such as 512, 64KB, 1MiB or 1Mbit",
            "anyOf": [{"type": "string", "pattern": BYTES_PATTERN}, {"type": "number", "exclusiveMinimum": 0}],
        },
        "apiObject": {
            "description": "an API object, or the path of a manifest",
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "required": ["apiVersion", "kind", "metadata"]},
            ],
        },
        "cluster": _object(CLUSTER, "the cluster"),
        "workload": _workload(),
        "steadyState": _object(STEADY, "what holds before the timeline begins, and again after healing"),
        "entry": {"anyOf": [{"$ref": f"#/definitions/{name}"} for name in ACTIONS] + [_bare_entry()]},
        "check": _check(known),
        **{name: _entry(name, action) for name, action in ACTIONS.items()},
    }


def _target() -> Schema:
    examples = [role.example for role in ROLES.values()]
    return {
        "type": "string",
        "minLength": 1,
        "description": "a host, a machine or a role: [AMOUNT of] [machine of] NAME[, NAME] [except NAME]",
        "examples": [*examples, "one of members", "50% of workers", "members except leader:store"],
    }


def _condition() -> Schema:
    examples = [p.example for subject in SUBJECTS.values() for p in subject.predicates.values()]
    return {"type": "string", "minLength": 1, "description": "a sentence about observed state", "examples": examples}


def _object(specs: Mapping[str, Field], doc: str) -> Schema:
    return {
        "type": "object",
        "description": doc,
        "additionalProperties": False,
        "required": [name for name, spec in specs.items() if spec.required],
        "properties": {name: _field(name, spec) for name, spec in specs.items()},
    }


def _field(name: str, spec: Field) -> Schema:
    found = dict(_special(name) or _TYPES[spec.type](spec))
    if spec.doc:
        found["description"] = spec.doc
    if isinstance(spec.default, str | int | float) and spec.default != "" and spec.type not in ("duration", "share"):
        found["default"] = spec.default
    return found


def _special(name: str) -> Schema | None:
    """Fields that have a form of their own."""
    if name == "capstan":
        return {"const": FORMAT}
    if name == "cluster":
        return {"$ref": "#/definitions/cluster"}
    if name == "steadyState":
        return {"anyOf": [{"$ref": "#/definitions/steadyState"}, _many({"$ref": "#/definitions/condition"})]}
    return None


def _ref(name: str) -> Callable[[Field], Schema]:
    return lambda spec: {"allOf": [{"$ref": f"#/definitions/{name}"}]}


def _many(item: Schema) -> Schema:
    """One, or a list of them."""
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _word(spec: Field) -> Schema:
    return {"type": "string", "enum": list(spec.choices)} if spec.choices else {"type": ["string", "number", "boolean"]}


def _words(spec: Field) -> Schema:
    item: Schema = {"type": "string", "enum": list(spec.choices)} if spec.choices else {"type": ["string", "number"]}
    return {"anyOf": [{"type": "string"}, {"type": "array", "items": item}]}


def _groups(_: Field) -> Schema:
    side = _many({"$ref": "#/definitions/target"})
    return {"anyOf": [{"type": "string", "pattern": r"\|"}, {"type": "array", "items": side, "minItems": 2}]}


_TYPES: Mapping[str, Callable[[Field], Schema]] = {
    "target": _ref("target"),
    "targets": lambda _: _many({"$ref": "#/definitions/target"}),
    "groups": _groups,
    "duration": _ref("duration"),
    "share": _ref("share"),
    "bytes": _ref("bytes"),
    "number": lambda _: {"type": "number"},
    "integer": lambda _: {"type": "integer"},
    "flag": lambda _: {"type": "boolean"},
    "word": _word,
    "words": _words,
    "text": lambda _: {"type": ["string", "number", "boolean", "null"]},
    "condition": _ref("condition"),
    "conditions": lambda _: _many({"$ref": "#/definitions/condition"}),
    "object": lambda _: _many({"$ref": "#/definitions/apiObject"}),
    "objects": lambda _: _many({"$ref": "#/definitions/apiObject"}),
    "mapping": lambda _: {"type": "object"},
    "workloads": lambda _: _many({"$ref": "#/definitions/workload"}),
    "steps": lambda _: {"type": "array", "items": {"$ref": "#/definitions/entry"}},
    "checks": lambda _: _many({"$ref": "#/definitions/check"}),
}


def _bare_entry() -> Schema:
    able = [
        name
        for name, a in ACTIONS.items()
        if name not in NESTS and not any(spec.required for spec in a.fields.values())
    ]
    return {"type": "string", "enum": able, "description": "an action that needs nothing"}


def _entry(name: str, action: Action) -> Schema:
    """The action's fields stand in its mapping or beside it, so none is required by itself."""
    beside = {key: _field(key, spec) for key, spec in action.fields.items() if key != name}
    common = {key: _field(key, spec) for key, spec in STEP.items() if key != "for" or action.lasts or name == "wait"}
    return {
        "type": "object",
        "description": action.doc,
        "additionalProperties": False,
        "required": [name],
        "properties": {name: _value(name, action), **beside, **common},
    }


def _value(name: str, action: Action) -> Schema:
    if name in NESTS:
        return {"type": "array", "items": {"$ref": "#/definitions/entry"}, "minItems": 1, "description": action.doc}
    inside = _object(action.fields, action.doc)
    inside.pop("required")
    forms: list[Schema] = [inside, _NOTHING]
    forms += [_field(key, spec) for key, spec in action.fields.items() if spec.short]
    return {"anyOf": forms, "description": action.doc}


def _workload() -> Schema:
    each = []
    for name, form in WORKLOADS.items():
        found = _object(WORKLOAD, form.doc)
        found["properties"]["type"] = {"const": name, "description": form.doc}
        found["properties"]["options"] = _form_options(form)
        if any(spec.required for spec in form.options.values()):
            found["required"].append("options")
        each.append(found)
    return {"anyOf": [{"type": "string", "enum": list(WORKLOADS), "description": "a type"}, *each]}


def _form_options(form: Form) -> Schema:
    return _object(form.options, "of this type")


def _check(known: Known) -> Schema:
    forms: list[Schema] = [{"type": "string", "enum": list(known), "description": "a check without options"}]
    for name, check in known.items():
        options = {key: Field(o.type, o.doc, o.default, choices=tuple(o.choices)) for key, o in check.options.items()}
        beside = {key: _field(key, spec) for key, spec in options.items()}
        inside = {"anyOf": [_object(options, check.doc), _NOTHING], "description": check.doc}
        properties = {name: inside, **beside, **{key: _field(key, spec) for key, spec in CHECK.items()}}
        forms.append({"type": "object", "required": [name], "additionalProperties": False, "properties": properties})
    return {"anyOf": forms}
