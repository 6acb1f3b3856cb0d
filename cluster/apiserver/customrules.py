"""Rules of a schema that are expressions (x-kubernetes-validations): asked of a value, and of what it was before.

Pure. Must not know how expressions are read (`admission/cel.py`). Source: Kubernetes, "CRD validation rules".
"""

from __future__ import annotations

from typing import Any

from cluster.api import jsonpath
from cluster.api.fielderrors import ROOT, Errors, MapKey, Path, at
from cluster.api.meta import Object
from cluster.api.structural import Node, Rule
from cluster.api.structuralcheck import type_name
from cluster.api.structuralrules import children
from cluster.apiserver.admission.cel import Budget, CelError, Exhausted, program, value_of


def check(node: Node, value: Any, old: Any, errors: Errors) -> None:
    """Of a whole object; `old` None when it is new."""
    _check(node, value, old, ROOT, errors, Budget())


def _check(node: Node, value: Any, old: Any, path: Path, errors: Errors, budget: Budget) -> None:
    if not node.ruled or value is None:
        return
    for rule in node.rules:
        if rule.transition and old is None and not rule.optional_old:
            continue
        _ask(rule, value, old, path, errors, budget)
    if isinstance(value, dict):
        was = old if isinstance(old, dict) else {}
        for name, item in value.items():
            inner = node.properties.get(name)
            if inner is not None:
                _check(inner, item, was.get(name), (path, name), errors, budget)
            elif node.additional is not None:
                _check(node.additional, item, was.get(name), (path, MapKey(name)), errors, budget)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            _check(node.items, item, _partner(node, item, old), (path, index), errors, budget)


def _partner(node: Node, item: Any, old: Any) -> Any:
    """The item of the old list that this one was: only lists that go by keys have such."""
    if node.list_type != "map" or not isinstance(old, list) or not isinstance(item, dict):
        return None
    keys = [item.get(key) for key in node.keys]
    return next((each for each in old if [each.get(key) for key in node.keys] == keys), None)


def _ask(rule: Rule, value: Any, old: Any, path: Path, errors: Errors, budget: Budget) -> None:
    values = {"self": value_of(value)}
    if old is not None or rule.optional_old:
        values["oldSelf"] = value_of(old)
    where = at(path, *rule.field_path.strip(".").split(".")) if rule.field_path else path
    try:
        if program(rule.rule).evaluate(values, budget) is True:
            return
        text = rule.message or f"failed rule: {rule.rule}"
        if rule.message_expression:
            told = program(rule.message_expression).evaluate(values, budget)
            text = told if isinstance(told, str) and told.strip() else text
    except CelError as error:
        text = f"rule evaluation error: {error}: evaluating rule: {rule.rule}"
    except Exhausted:
        text = "validation failed due to running out of cost budget, no further validation rules will be run"
    said = {
        "FieldValueForbidden": f"Forbidden: {text}",
        "FieldValueRequired": f"Required value: {text}",
        "FieldValueDuplicate": f"Duplicate value: {jsonpath.text(type_name(value))}",
    }
    shown = type_name(value) if isinstance(value, dict | list) else jsonpath.text(value)
    errors.add(where, rule.reason, said.get(rule.reason, f'Invalid value: "{shown}": {text}'))


# ── whether they can be read ─────────────────────────────────────────────────────────────────────────────────


def check_definition(definition: Object, errors: Errors) -> None:
    """Of every rule in the schemas of a definition that is well formed otherwise."""
    for index, version in enumerate(definition["spec"]["versions"]):
        path = at(ROOT, "spec", "versions", index, "schema", "openAPIV3Schema")
        _readable(version["schema"]["openAPIV3Schema"], path, errors)


def _readable(schema: Object, path: Path, errors: Errors) -> None:
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        for field in ("rule", "messageExpression"):
            if not rule.get(field):
                continue
            try:
                program(rule[field])
            except CelError as error:
                where = at(path, "x-kubernetes-validations", index, field)
                errors.invalid(where, rule[field], f"compilation failed: {error}")
    for parts, inner in children(schema):
        _readable(inner, at(path, *parts), errors)
