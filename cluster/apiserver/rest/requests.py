"""From an HTTP request to the verb that the bus has, and its arguments.

Pure. Must not know sockets, or what a verb does. Source: Kubernetes API concepts, "API verbs"; the queries are those of
meta/v1 ListOptions, CreateOptions, UpdateOptions, PatchOptions and DeleteOptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import negotiation
from cluster.apiserver.rest.paths import Resource
from cluster.errors import StatusError

Object = dict[str, Any]
Query = Mapping[str, str]
"""The first value of each parameter."""

NOT_ALLOWED = "the server does not allow this method on the requested resource"
TRUE = ("1", "true", "t", "True", "TRUE")
FALSE = ("", "0", "false", "f", "False", "FALSE")


@dataclass(frozen=True, slots=True)
class Ask:
    """`verb` as the bus names it ("list", "update-status"), "watch", or a stream's subresource ("log", "exec");
    `args`: the body of that request on the bus. `status`: of a success. `seconds`: how long a watch may last (0: as the
    server likes). `bookmarks`: a watch wants them."""

    verb: str
    args: Object = field(default_factory=dict)
    status: int = 200
    seconds: float = 0.0
    bookmarks: bool = False
    initial: bool = False
    """A watch that begins with all there is and says when that is over (sendInitialEvents)."""


def ask(method: str, resource: Resource, query: Query, body: Any = None, content_type: str = "") -> Ask:
    """What the request means. MethodNotAllowed, BadRequest, NotFound for a subresource that the kind does not have,
    UnsupportedMediaType for a patch of an unknown type. `body`: the decoded object, or None."""
    if resource.kind.read_only and (method != "GET" or resource.subresource):
        raise StatusError("MethodNotAllowed", NOT_ALLOWED)
    if resource.subresource:
        return _sub(method, resource, query, body, content_type)
    where = _where(resource)
    if not resource.name:
        if method == "GET":
            return _watch(resource, query) if flag(query, "watch") else _list(resource, query)
        if method == "POST":
            return Ask("create", {**where, **_write(query), "object": placed(resource, body)}, 201)
        if method == "DELETE":
            return Ask("delete-collection", {**where, **_selectors(query), **_delete(query, body)})
        raise StatusError("MethodNotAllowed", NOT_ALLOWED)
    named = {**where, "name": resource.name}
    if method == "GET":
        if flag(query, "watch"):
            return _watch(resource, query)
        return Ask("get", {**named, "resourceVersion": query.get("resourceVersion", "")})
    if method == "PUT":
        return Ask("update", {**where, **_write(query), "object": placed(resource, body)})
    if method == "PATCH":
        return Ask("patch", {**named, **_write(query), **_patch(resource, query, body, content_type)})
    if method == "DELETE":
        return Ask("delete", {**named, **_delete(query, body)})
    raise StatusError("MethodNotAllowed", NOT_ALLOWED)


# ── subresources ─────────────────────────────────────────────────────────────────────────────────────────────


def _sub(method: str, resource: Resource, query: Query, body: Any, content_type: str) -> Ask:
    kind, sub = resource.kind, resource.subresource
    named = {**_where(resource), "name": resource.name}
    if sub == "status" and kind.status:
        return _on_part(method, resource, query, body, content_type)
    if sub == "scale" and kind.scale:
        return _on_scale(method, resource, query, body, content_type)
    if kind.kind == "Pod" and sub in ("log", "exec", "attach", "portforward"):
        if method not in ("GET", "POST"):
            raise StatusError("MethodNotAllowed", NOT_ALLOWED)
        return Ask(sub, named)
    if kind.kind == "Pod" and sub == "ephemeralcontainers":
        return _on_part(method, resource, query, body, content_type, "ephemeral")
    if kind.kind == "Pod" and sub == "binding" and method == "POST":
        target = _map(_map(body).get("target"))
        uid = str(_map(_map(body).get("metadata")).get("uid") or "")
        return Ask("bind", {**named, "node": str(target.get("name") or ""), "uid": uid}, 201)
    if kind.kind == "Pod" and sub == "eviction" and method == "POST":
        meta = _map(_map(body, "the body of the request is an object").get("metadata"), "metadata is a map")
        if meta.get("name") != resource.name:
            raise bad_request("name in URL does not match name in Eviction object")
        return Ask("evict", {**named, **_delete(query, _map(body).get("deleteOptions"))}, 201)
    if kind.kind == "CertificateSigningRequest" and sub == "approval":
        return _on_part(method, resource, query, body, content_type, "approval")
    if kind.kind == "ServiceAccount" and sub == "token" and method == "POST":
        return Ask("token", {**named, "object": body}, 201)
    if kind.kind == "Namespace" and sub == "finalize" and method == "PUT":
        return Ask("update-finalize", {**_where(resource), "object": placed(resource, body)})
    if kind.kind == "Pod" and sub == "binding" or (sub, kind.kind) in (("eviction", "Pod"), ("finalize", "Namespace")):
        raise StatusError("MethodNotAllowed", NOT_ALLOWED)
    raise StatusError("NotFound", "the server could not find the requested resource")


def _on_part(method: str, resource: Resource, query: Query, body: Any, content_type: str, part: str = "status") -> Ask:
    named = {**_where(resource), "name": resource.name}
    if method == "GET":
        return Ask("get", {**named, "resourceVersion": query.get("resourceVersion", "")})
    if method == "PUT":
        return Ask(f"update-{part}", {**_write(query), "object": placed(resource, body)})
    if method == "PATCH":
        return Ask(f"patch-{part}", {**named, **_write(query), **_patch(resource, query, body, content_type)})
    raise StatusError("MethodNotAllowed", NOT_ALLOWED)


def _on_scale(method: str, resource: Resource, query: Query, body: Any, content_type: str) -> Ask:
    named = {**_where(resource), "name": resource.name}
    if method == "GET":
        return Ask("get-scale", named)
    if method == "PUT":
        return Ask("update-scale", {**_write(query), "object": placed(resource, body, typed=False)})
    if method == "PATCH":
        patch = {"patch": body, "type": patch_type(content_type)}
        return Ask("patch-scale", {**named, **_write(query), **patch})
    raise StatusError("MethodNotAllowed", NOT_ALLOWED)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────


def _where(resource: Resource) -> Object:
    return {"namespace": resource.namespace}


def _selectors(query: Query) -> Object:
    return {"labels": query.get("labelSelector", ""), "fields": query.get("fieldSelector", "")}


def _list(resource: Resource, query: Query) -> Ask:
    args = {
        **_where(resource),
        **_selectors(query),
        "limit": number(query, "limit"),
        "continue": query.get("continue", ""),
        "resourceVersion": query.get("resourceVersion", ""),
    }
    match = query.get("resourceVersionMatch", "")
    if match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(
            f'resourceVersionMatch: Unsupported value: "{match}": supported values: "Exact", "NotOlderThan"'
        )
    if match and not args["resourceVersion"]:
        raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
    return Ask("list", {**args, "exact": match == "Exact"})


def _watch(resource: Resource, query: Query) -> Ask:
    fields = query.get("fieldSelector", "")
    if resource.name:
        fields = ",".join(part for part in (fields, f"metadata.name={resource.name}") if part)
    args = {
        **_where(resource),
        "labels": query.get("labelSelector", ""),
        "fields": fields,
        "resourceVersion": query.get("resourceVersion", ""),
    }
    initial = flag(query, "sendInitialEvents")
    if initial and query.get("resourceVersionMatch") != "NotOlderThan":
        raise bad_request("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    seconds = number(query, "timeoutSeconds") or 0
    return Ask("watch", args, seconds=float(seconds), bookmarks=flag(query, "allowWatchBookmarks"), initial=initial)


def _write(query: Query) -> Object:
    """What create, update and patch have in common."""
    validation = query.get("fieldValidation", "")
    if validation not in ("", "Ignore", "Warn", "Strict"):
        raise bad_request(f'fieldValidation: Unsupported value: "{validation}": supported: "Ignore", "Warn", "Strict"')
    return {
        "dryRun": _dry_run(query.get("dryRun", "")),
        "fieldValidation": validation or "Warn",
        "fieldManager": query.get("fieldManager", ""),
        "force": flag(query, "force"),
    }


def _dry_run(text: str) -> bool:
    if text not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{text}": supported values: "All"')
    return text == "All"


def _delete(query: Query, body: Any) -> Object:
    """DeleteOptions from the body, or from the query, which the body overrules."""
    options = _map(body)
    conditions = _map(options.get("preconditions"))
    grace = options.get("gracePeriodSeconds", number(query, "gracePeriodSeconds"))
    if grace is not None and type(grace) is not int:
        raise bad_request("gracePeriodSeconds is a whole number")
    propagation = options.get("propagationPolicy") or query.get("propagationPolicy", "")
    orphan = options.get("orphanDependents")
    if orphan is not None and not propagation:
        propagation = "Orphan" if orphan else "Background"
    dry = options.get("dryRun") or [query.get("dryRun", "")]
    if type(dry) is not list or any(type(word) is not str for word in dry):
        raise bad_request("dryRun is a list of strings")
    return {
        "uid": str(conditions.get("uid") or ""),
        "resourceVersion": str(conditions.get("resourceVersion") or ""),
        "grace": grace,
        "propagation": str(propagation),
        "dryRun": any(_dry_run(word) for word in dry),
    }


def placed(resource: Resource, body: Any, *, typed: bool = True) -> Object:
    """The object that came, where the URL says: namespace and name of the one fill what the other leaves out and must
    not contradict; kind and apiVersion may be left out (Python's clients do)."""
    obj = dict(_map(body, "the body of the request is an object"))
    meta = dict(_map(obj.get("metadata"), "metadata is a map"))
    given = meta.get("namespace") or ""
    if resource.namespace:
        if given and given != resource.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        meta["namespace"] = resource.namespace
    elif resource.kind.namespaced and not given:
        meta["namespace"] = "default"
    if resource.name:
        if meta.get("name") and meta["name"] != resource.name:
            text = f"the name of the object ({meta['name']}) does not match the name on the URL ({resource.name})"
            raise bad_request(text)
        meta["name"] = resource.name
    if typed:
        for field_, right in (("kind", resource.kind.kind), ("apiVersion", resource.kind.api_version)):
            obj[field_] = obj.get(field_) or right
    return {**obj, "metadata": meta}


def _patch(resource: Resource, query: Query, body: Any, content_type: str) -> Object:
    """The patch and its type. What is applied is an object, so it is where the URL says."""
    type = patch_type(content_type)
    if type != "apply":
        if flag(query, "force"):
            raise _wrong_option("force", "Forbidden: may not be specified for non-apply patch")
        return {"patch": body, "type": type}
    if not query.get("fieldManager"):
        raise _wrong_option("fieldManager", "Required value: is required for apply patch")
    config = placed(resource, body, typed=False)
    if not config.get("kind") or not config.get("apiVersion"):
        raise bad_request("Object 'Kind' is missing" if not config.get("kind") else "apiVersion is missing")
    return {"patch": config, "type": type}


def _wrong_option(name: str, why: str) -> StatusError:
    reason = "FieldValueRequired" if why.startswith("Required") else "FieldValueForbidden"
    details = {"group": "meta.k8s.io", "kind": "PatchOptions"}
    causes = [{"field": name, "reason": reason, "message": why}]
    return StatusError(
        "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {name}: {why}', details | {"causes": causes}
    )


def patch_type(content_type: str) -> str:
    """json, merge, strategic or apply."""
    found = negotiation.PATCHES.get(negotiation.media_of(content_type))
    if found is None:
        raise negotiation.unsupported(content_type, tuple(negotiation.PATCHES))
    return found


def flag(query: Query, name: str) -> bool:
    text = query.get(name, "")
    if text in TRUE:
        return True
    if text in FALSE:
        return name in query and text == "" and name == "watch"
    raise bad_request(f'strconv.ParseBool: parsing "{text[:64]}": invalid syntax ({name})')


def number(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise bad_request(f'strconv.ParseInt: parsing "{text[:64]}": invalid syntax ({name})')
    return int(text)


def _map(value: Any, what: str = "") -> Mapping[str, Any]:
    if value is None and not what:
        return {}
    if value is None and what.startswith("metadata"):
        return {}
    if type(value) is not dict:
        raise bad_request(what or "a map is expected here")
    return value
