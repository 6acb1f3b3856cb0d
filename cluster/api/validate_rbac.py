"""Rules of Roles, ClusterRoles and their bindings, in the words of Kubernetes (pkg/apis/rbac/validation).

Must not check types or single values: the schema has done that. Must not know who may do what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.schema_rbac import GROUP
from cluster.api.validate_selectors import label_selector

Map = Mapping[str, Any]


def role(obj: Object, errors: Errors) -> None:
    for index, found in enumerate(obj.get("rules") or ()):
        _policy_rule(found, at(ROOT, "rules", index), errors, namespaced=True)


def cluster_role(obj: Object, errors: Errors) -> None:
    for index, found in enumerate(obj.get("rules") or ()):
        _policy_rule(found, at(ROOT, "rules", index), errors, namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is None:
        return
    place = at(ROOT, "aggregationRule", "clusterRoleSelectors")
    selectors = aggregation.get("clusterRoleSelectors") or ()
    if not selectors:
        errors.required(place, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(selectors):
        label_selector(selector, at(place, index), errors)


def _policy_rule(rule: Map, path: Path, errors: Errors, namespaced: bool) -> None:
    if not rule.get("verbs"):
        errors.required(at(path, "verbs"), "verbs must contain at least one value")
    urls, place = rule.get("nonResourceURLs"), at(path, "nonResourceURLs")
    if urls:
        if namespaced:
            errors.invalid(place, urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            errors.invalid(place, urls, "rules cannot apply to both regular resources and non-resource URLs")
        return
    if not rule.get("apiGroups"):
        errors.required(at(path, "apiGroups"), "resource rules must supply at least one api group")
    if not rule.get("resources"):
        errors.required(at(path, "resources"), "resource rules must supply at least one resource")


def role_binding(obj: Object, errors: Errors) -> None:
    _binding(obj, errors, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(obj: Object, errors: Errors) -> None:
    _binding(obj, errors, ("ClusterRole",), namespaced=False)


def _binding(obj: Object, errors: Errors, kinds: tuple[str, ...], namespaced: bool) -> None:
    ref, place = obj["roleRef"], at(ROOT, "roleRef")
    if ref.get("apiGroup") != GROUP:
        errors.unsupported(at(place, "apiGroup"), ref.get("apiGroup", ""), [GROUP])
    if ref.get("kind") not in kinds:
        errors.unsupported(at(place, "kind"), ref.get("kind", ""), kinds)
    name = ref.get("name") or ""
    if not name:
        errors.required(at(place, "name"))
    elif wrong := formats.path_segment(name):
        errors.invalid(at(place, "name"), name, wrong)
    for index, subject in enumerate(obj.get("subjects") or ()):
        _subject(subject, at(ROOT, "subjects", index), errors, namespaced)


def _subject(subject: Map, path: Path, errors: Errors, namespaced: bool) -> None:
    kind, name, group = subject["kind"], subject.get("name") or "", subject.get("apiGroup") or ""
    if not name:
        errors.required(at(path, "name"))
    match kind:
        case "ServiceAccount":
            if name and (wrong := formats.dns_subdomain(name)):
                errors.invalid(at(path, "name"), name, wrong)
            if group:
                errors.unsupported(at(path, "apiGroup"), group, [""])
            if not namespaced and not subject.get("namespace"):
                errors.required(at(path, "namespace"))
        case "User" | "Group":
            if group != GROUP:
                errors.unsupported(at(path, "apiGroup"), group, [GROUP])
        case _:
            errors.unsupported(at(path, "kind"), kind, ["ServiceAccount", "User", "Group"])


def binding_update(new: Object, old: Object, errors: Errors) -> None:
    if new["roleRef"] != old["roleRef"]:
        errors.invalid(at(ROOT, "roleRef"), new["roleRef"], "cannot change roleRef")
