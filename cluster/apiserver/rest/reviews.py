"""Answers to "who am I" and "may I", from the authorizers that decide about requests.

Pure. Must not decide anything itself. Source: Kubernetes API, SelfSubjectReview, SubjectAccessReview and its kin,
SelfSubjectRulesReview.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest.identity import Attributes, Authorizer, Who, explained
from cluster.apiserver.rest.paths import Question
from cluster.apiserver.rest.userinfo import user_info
from cluster.errors import StatusError

Object = dict[str, Any]

_ATTRIBUTES = ("verb", "group", "resource", "subresource", "namespace", "name")


def answer(asked: Question, body: Any, who: Who, authorizers: Sequence[Authorizer]) -> Object:
    """The object that was asked, with its status. BadRequest, or Invalid for a question that cannot be meant."""
    kind = asked.kind
    obj = dict(body) if type(body) is dict else {}
    for name, right in (("kind", kind.kind), ("apiVersion", kind.api_version)):
        if obj.get(name, right) != right:
            raise bad_request(f"the object's {name} is {obj[name]!s:.64}; this is for {right}")
    spec = obj.get("spec") or {}
    if type(spec) is not dict:
        raise bad_request("spec is a map")
    meta: Object = {"creationTimestamp": None}
    if asked.namespace:
        meta["namespace"] = asked.namespace
    head = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
    if kind.kind == "SelfSubjectReview":
        return {**head, "status": {"userInfo": user_info(who)}}
    if kind.kind == "SelfSubjectRulesReview":
        return {**head, "spec": spec, "status": _rules(who, str(spec.get("namespace") or ""), authorizers)}
    subject = who if kind.kind == "SelfSubjectAccessReview" else _subject(asked, spec)
    about = _attributes(asked, spec)
    status: Object = {"allowed": any(authorizer.allows(subject, about) for authorizer in authorizers)}
    if why := explained(subject, about, authorizers):
        status["reason"] = why
    return {**head, "spec": spec, "status": status}


def _rules(who: Who, namespace: str, authorizers: Sequence[Authorizer]) -> Object:
    rules = [rule for authorizer in authorizers for rule in authorizer.rules(who, namespace)]
    resources = [
        {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
        | ({"resourceNames": list(rule.names)} if rule.names else {})
        for rule in rules
        if rule.resources
    ]
    paths = [{"verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)} for rule in rules if rule.paths]
    return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}


def _subject(asked: Question, spec: Mapping[str, Any]) -> Who:
    user, groups = spec.get("user") or "", spec.get("groups") or []
    if type(user) is not str or type(groups) is not list or any(type(group) is not str for group in groups):
        raise bad_request("spec.user is a string and spec.groups a list of strings")
    if not user and not groups:
        raise _invalid(asked, "spec.user", "at least one of user or group must be specified")
    return Who(user, tuple(groups), str(spec.get("uid") or ""))


def _attributes(asked: Question, spec: Mapping[str, Any]) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid(asked, "spec.resourceAttributes", text)
    given = resource if resource is not None else path
    if type(given) is not dict or any(type(value) is not str for value in given.values()):
        raise bad_request("resourceAttributes and nonResourceAttributes are maps of strings")
    if path is not None:
        return Attributes(str(path.get("verb", "")), path=str(path.get("path", "")))
    if asked.namespace and given.get("namespace") != asked.namespace:
        raise _invalid(asked, "spec.resourceAttributes.namespace", f"must match metadata.namespace: {asked.namespace}")
    return Attributes(**{name: str(given.get(name, "")) for name in _ATTRIBUTES})


def _invalid(asked: Question, path: str, why: str) -> StatusError:
    kind = asked.kind
    text = f'{kind.kind}.{kind.group} "" is invalid: {path}: Invalid value: {why}'
    causes = [{"field": path, "reason": "FieldValueInvalid", "message": f"Invalid value: {why}"}]
    return StatusError("Invalid", text, {"group": kind.group, "kind": kind.kind, "causes": causes})
