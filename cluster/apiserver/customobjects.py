"""An object of a kind that was defined at run time as it is to be stored: pruned, filled in, judged; and its scale.

Pure. Must not know requests. Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions".
"""

from __future__ import annotations

from typing import Any

from cluster.api import jsonpath, validate
from cluster.api.fielderrors import ROOT, UNKNOWN_FIELD, Errors, FieldError
from cluster.api.kind import Kind
from cluster.api.meta import Object, name_of
from cluster.api.model import Model
from cluster.api.schema import REGISTRY
from cluster.apiserver import customrules, refusals
from cluster.errors import StatusError


def complete(kind: Kind, model: Model, obj: Object, old: Object | None) -> Object:
    """What the schema names, with defaults, and valid; or Invalid with all that is wrong. Rules that are expressions
    are asked only of what is well formed."""
    full = model.filled(model.pruned({**obj, "apiVersion": kind.api_version, "kind": kind.kind}))
    full["metadata"] = _metadata(obj["metadata"])
    errors = Errors()
    REGISTRY.struct("ObjectMeta").check(full["metadata"], (ROOT, "metadata"), errors)
    errors.found = [error for error in errors.found if error.reason != UNKNOWN_FIELD]
    if not errors.found:
        validate.metadata(full, old, kind, errors)
    model.check(full, errors)
    if not errors.found and model.node.ruled:
        customrules.check(model.node, full, old, errors)
    if errors.found:
        raise refusals.invalid(kind, name_of(obj), errors.found)
    return full


def _metadata(given: Object) -> Object:
    known = REGISTRY.struct("ObjectMeta").fields or {}
    return {name: value for name, value in given.items() if name in known and value is not None}


def unreadable(definition: Object) -> list[FieldError]:
    """Rules of its schemas that are no expressions."""
    errors = Errors()
    customrules.check_definition(definition, errors)
    return errors.found


def ending(kind: Kind) -> StatusError | None:
    """Why no new object is taken."""
    if kind.model is None or not kind.model.ending:
        return None
    return StatusError("MethodNotAllowed", "create not allowed while custom resource definition is terminating")


# ── scale ────────────────────────────────────────────────────────────────────────────────────────────────────


def replicas_of(obj: Object, path: str) -> int:
    found = jsonpath.find(path, obj)
    return found[0] if found and type(found[0]) is int else 0


def selector_of(obj: Object, path: str) -> str:
    found = jsonpath.find(path, obj) if path else []
    return found[0] if found and type(found[0]) is str else ""


def with_replicas(obj: Object, path: str, replicas: int) -> Object:
    """The object with another number at a path of field names."""
    changed: Object = _put(obj, path.strip(".").split("."), replicas)
    return changed


def _put(at: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    inner = at if isinstance(at, dict) else {}
    return {**inner, parts[0]: _put(inner.get(parts[0]), parts[1:], value)}
