"""Validation: everything that is wrong with an object, each with the path of its field, in Kubernetes' words.

Must not know who asks: the server refuses by it, a command line may ask before it sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api import defaults as _tables  # noqa: F401  (reads the schema's tables)
from cluster.api import formats
from cluster.api.fielderrors import MOST_FOUND, MOST_TOLD, ROOT, UNKNOWN_FIELD, Errors, FieldError, at
from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import Object, deleting, finalizers_of, name_of, owners_of
from cluster.api.schema import REGISTRY
from cluster.errors import StatusError

__all__ = ["UNKNOWN_FIELD", "FieldError", "invalid", "validate"]


def validate(obj: Object, old: Object | None = None, *, subresource: str = "") -> list[FieldError]:
    """What is wrong with a defaulted object, in order of finding; [] if nothing.

    `old`: the object that it replaces, for what may not change. `subresource`: "status" and "binding" leave the rules
    of spec to the writes that may touch it. A missing namespace is not an error here: the request gives it.
    """
    errors = Errors()
    name = obj.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        errors.required(at(ROOT, "kind")) if not name else errors.unsupported(at(ROOT, "kind"), name, KINDS)
        return errors.found
    if obj.get("apiVersion") != kind.api_version:
        errors.unsupported(at(ROOT, "apiVersion"), obj.get("apiVersion", ""), [kind.api_version])
    REGISTRY.struct(kind.kind).check(obj, ROOT, errors)
    if any(error.reason != UNKNOWN_FIELD for error in errors.found):  # the rules below rely on shapes
        named = Errors()
        if not any(error.path.partition(".")[0] == "metadata" for error in errors.found):
            metadata(obj, old, kind, named)
        return [*named.found, *errors.found]
    metadata(obj, old, kind, errors)
    if not subresource:
        if kind.rule is not None:
            kind.rule(obj, errors)
        if old is not None and kind.update_rule is not None:
            kind.update_rule(obj, old, errors)
    elif old is not None and kind.status_rule is not None:
        kind.status_rule(obj, old, errors)
    return errors.found


def invalid(kind: Kind, name: str, errors: Sequence[FieldError]) -> StatusError:
    """The answer that refuses an object: the message as kubectl shows it, the causes in details."""
    told = errors[:MOST_TOLD]
    texts = [str(error) for error in told]
    if more := len(errors) - len(told):
        texts.append(f"and {more}{' or more' if len(errors) >= MOST_FOUND else ''} others")
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    causes = [{"field": error.path, "reason": error.reason, "message": error.message} for error in told]
    details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": causes}
    return StatusError("Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def metadata(obj: Object, old: Object | None, kind: Kind, errors: Errors) -> None:
    """What is wrong with the metadata of an object of any kind, once it has the right shape."""
    _metadata(obj, kind, errors)
    if old is not None:
        _metadata_update(obj, old, errors)


def _metadata(obj: Object, kind: Kind, errors: Errors) -> None:
    path = at(ROOT, "metadata")
    metadata = obj.get("metadata") or {}
    rule = kind.name
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if prefix and (wrong := rule(prefix.rstrip("-.") or prefix)):
        errors.invalid(at(path, "generateName"), prefix, wrong)
    if not name:
        if not prefix:
            errors.required(at(path, "name"), "name or generateName is required")
    elif wrong := rule(name):
        errors.invalid(at(path, "name"), name, wrong)
    namespace = metadata.get("namespace")
    if namespace and not kind.namespaced:
        errors.forbidden(at(path, "namespace"), "not allowed on this type")
    elif namespace and (wrong := formats.dns_label(namespace)):
        errors.invalid(at(path, "namespace"), namespace, wrong)
    controllers = [owner for owner in owners_of(obj) if owner.get("controller")]
    if len(controllers) > 1:
        errors.invalid(
            at(path, "ownerReferences"),
            [owner["name"] for owner in controllers],
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]['name']} and {controllers[1]['name']}",
        )


def _metadata_update(obj: Object, old: Object, errors: Errors) -> None:
    path = at(ROOT, "metadata")
    metadata, was = obj.get("metadata") or {}, old.get("metadata") or {}
    if name_of(obj) != name_of(old):
        errors.invalid(at(path, "name"), name_of(obj), "field is immutable")
    for field in ("namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        # What the request leaves out, the server fills in from the old object.
        if metadata.get(field) is not None and was.get(field) is not None and metadata[field] != was[field]:
            errors.invalid(at(path, field), metadata[field], "field is immutable")
    if deleting(old):
        added = [f for f in finalizers_of(obj) if f not in finalizers_of(old)]
        if added:
            errors.forbidden(
                at(path, "finalizers"),
                f"no new finalizers can be added if the object is being deleted, found new finalizers {added}",
            )
