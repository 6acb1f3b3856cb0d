"""What a request's manner of asking makes of an object: fields that are unknown, and who owns which field.

Pure. Must not know the store. Fields are owned on objects that came through the second door, or were applied through
it: a write over the bus keeps their owners right, and gives none to an object that has none.
"""

from __future__ import annotations

import re
from typing import Any

from cluster.api import managedfields, versions
from cluster.api.fielderrors import MOST_TOLD, ROOT, UNKNOWN_FIELD, Errors, shown
from cluster.api.kinds import Kind
from cluster.api.managedfields import Manager
from cluster.api.meta import name_of, namespace_of, timestamp
from cluster.api.model import Model
from cluster.api.schema import REGISTRY, Struct
from cluster.api.unknown import unknown_fields, without_unknown
from cluster.apiserver import ownedversions, refusals, registry, subresources
from cluster.apiserver.registry import NOTHING, Outcome
from cluster.apiserver.request import Call
from cluster.errors import StatusError

Object = dict[str, Any]


def manager(kind: Kind, call: Call, now: float, subresource: str = "") -> Manager:
    """Who asks: the fieldManager that a request names, or the component that sent it over the bus; "" for neither."""
    name = call.args.text("fieldManager")
    if not name and call.request is not None:
        name = re.sub(r"-\d+$", "", call.request.src)
    return Manager(name, kind.api_version, timestamp(now), subresource, _struct(kind))


def _struct(kind: Kind) -> Struct:
    if kind.model is not None:
        return kind.model.struct
    return REGISTRY.struct(kind.kind if kind.form is None else kind.form.struct)


def made(obj: Object, call: Call, who: Manager) -> Object:
    """A new object; with its owner if the request named one."""
    return ownedversions.created(obj, who) if call.args.text("fieldManager") else obj


def kept(old: Object, outcome: Outcome, who: Manager) -> Outcome:
    """An update's outcome with the fields' owners; NOTHING if all that it changed was to leave them out."""
    if outcome.obj is None or not (
        old["metadata"].get("managedFields") or outcome.obj["metadata"].get("managedFields")
    ):
        return outcome
    new = ownedversions.updated(old, outcome.obj, who)
    if not outcome.remove and registry.same(old, new):
        return NOTHING
    return Outcome(new, outcome.remove, outcome.claims, outcome.releases)


def given(kind: Kind, call: Call) -> Object:
    """The object that came with a request, without fields that are unknown, as it is stored. Over the bus it may be in
    any version that is served; at the second door the URL says which."""
    version = versions.view_of(kind, call.args.any("object")) if call.request is not None else kind
    return versions.read(version, known(version, call.args.object(version), call))


# ── unknown fields ───────────────────────────────────────────────────────────────────────────────────────────


def known(kind: Kind, obj: Object, call: Call, patch: Any = None) -> Object:
    """The object without fields that its kind does not have, as the request's fieldValidation wants it: Strict refuses
    them, Warn says so, Ignore is silent; "" leaves them to validation. `patch`: what made the object."""
    mode = call.args.text("fieldValidation")
    if not mode:
        return obj
    model = kind.model
    found = [f'unknown field "{path}"' for path in (unknown_fields(obj) if model is None else model.unknown(obj))]
    told = [*call.args.texts("duplicates"), *found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        told.append(f"and {len(found) - MOST_TOLD} more unknown fields")
    if not told:
        return obj
    if mode == "Strict":
        raise _strict(kind, ", ".join(told), patch)
    if mode == "Warn":
        call.warn(told)
    if model is not None or not found:
        return obj  # what its schema does not name goes when it is completed
    return without_unknown(obj)


def _strict(kind: Kind, told: str, patch: Any) -> StatusError:
    text = f"strict decoding error: {told}"
    if patch is not None:
        text = f"patch: Invalid value: {shown(patch)}: {text}"
        cause = {"field": "patch", "reason": "FieldValueInvalid", "message": text.removeprefix("patch: ")}
        return StatusError("Invalid", f' "" is invalid: {text}', {"causes": [cause]})
    version = kind.api_version.rpartition("/")[2]
    return refusals.bad_request(f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: {text}')


# ── apply ────────────────────────────────────────────────────────────────────────────────────────────────────


def appliable(kind: Kind, config: Object, subresource: str = "") -> Object:
    """What of `config` counts: the status alone, or all but a status that has a subresource. BadRequest for what cannot
    be applied: owners in it, fields that are unknown or of another type."""
    if config["metadata"].get("managedFields"):
        raise refusals.bad_request("metadata.managedFields must be nil")
    errors = Errors()
    if kind.model is None:
        _struct(kind).check(config, ROOT, errors)
    else:
        _check_custom(kind.model, config, errors)
    wrong = []
    for error in errors.found:
        if error.reason == UNKNOWN_FIELD:
            wrong.append(f".{error.path}: field not declared in schema")
        elif error.reason in ("FieldValueTypeInvalid", "FieldValueDuplicate"):
            wrong.append(f".{error.path}: {error.message}")
    if wrong:
        place = f"{namespace_of(config)}/{name_of(config)}" if kind.namespaced else f"/{name_of(config)}"
        if len(wrong) > MOST_TOLD:
            wrong[MOST_TOLD:] = ["and others"]
        text = wrong[0] if len(wrong) == 1 else "errors:\n" + "\n".join(f"  {line}" for line in wrong)
        raise refusals.bad_request(
            f"failed to create typed patch object ({place}; {kind.api_version}, Kind={kind.kind}): {text}"
        )
    if subresource:
        names = ("name", "namespace", "uid", "resourceVersion")
        meta = {name: value for name, value in config["metadata"].items() if name in names}
        return {name: config[name] for name in ("apiVersion", "kind", "status") if name in config} | {"metadata": meta}
    return {name: value for name, value in config.items() if name != "status"} if kind.status else config


def _check_custom(model: Model, config: Object, errors: Errors) -> None:
    for path in model.unknown(config):
        errors.add((ROOT, path), UNKNOWN_FIELD, "unknown field")
    model.check(model.pruned(config), errors)


def apply(kind: Kind, old: Object, config: Object, who: Manager, *, force: bool) -> Outcome:
    """What becomes of `old` when `config` is applied to it. Conflict, as `managedfields.applied`."""
    meta = config["metadata"]
    registry.check_preconditions(kind, old, meta.get("uid") or "", meta.get("resourceVersion") or "")
    new = ownedversions.applied(old, config, who, force=force)
    if new is old:
        return NOTHING
    if not who.subresource:
        return registry.prepare_update(kind, old, new)
    outcome = subresources.set_status(kind, old, new)
    owned = managedfields.with_entries(outcome.obj or old, new["metadata"]["managedFields"])
    return registry.settle(old, owned)
