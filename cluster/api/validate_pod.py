"""Rules of pods and pod templates that look at more than one field (Kubernetes: ValidatePod).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.validate_containers import containers_and_volumes

Map = Mapping[str, Any]


def pod(obj: Object, errors: Errors) -> None:
    pod_spec(obj["spec"], at(ROOT, "spec"), errors)


def pod_template(template: Map, path: Path, errors: Errors) -> None:
    """A workload's template: its pods must be of the kind that run for ever."""
    spec = template.get("spec")
    if spec is None:
        errors.required(at(path, "spec"))
        return
    pod_spec(spec, at(path, "spec"), errors)
    if spec.get("restartPolicy", "Always") != "Always":
        errors.unsupported(at(path, "spec", "restartPolicy"), spec["restartPolicy"], ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        errors.forbidden(
            at(path, "spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in a template is not supported"
        )


def pod_spec(spec: Map, path: Path, errors: Errors) -> None:
    containers_and_volumes(spec, path, errors)
    for index, found in enumerate(spec.get("tolerations") or ()):
        toleration(found, at(path, "tolerations", index), errors)
    affinity = spec.get("affinity")
    if affinity:
        _affinity(affinity, at(path, "affinity"), errors)
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        place = at(path, "topologySpreadConstraints", index)
        label_selector(constraint.get("labelSelector"), at(place, "labelSelector"), errors)
        if constraint.get("minDomains") is not None and constraint["whenUnsatisfiable"] != "DoNotSchedule":
            errors.invalid(
                at(place, "minDomains"),
                constraint["minDomains"],
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            )
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        errors.required(
            at(path, "dnsConfig", "nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None"
        )


def toleration(found: Map, path: Path, errors: Errors) -> None:
    operator = found.get("operator") or "Equal"
    if not found.get("key") and operator != "Exists":
        errors.invalid(
            at(path, "operator"),
            found.get("operator", ""),
            "operator must be Exists when `key` is empty, which means 'match all values and all keys'",
        )
    if operator == "Exists" and found.get("value"):
        errors.invalid(at(path, "operator"), found["value"], "value must be empty when `operator` is 'Exists'")
    if found.get("tolerationSeconds") is not None and found.get("effect") != "NoExecute":
        errors.invalid(
            at(path, "effect"),
            found.get("effect", ""),
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        )


def _affinity(affinity: Map, path: Path, errors: Errors) -> None:
    node = affinity.get("nodeAffinity") or {}
    place = at(path, "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for index, term in enumerate(required.get("nodeSelectorTerms") or ()):
        node_term(term, at(place, index), errors)
    place = at(path, "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution")
    for index, preferred in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        node_term(preferred["preference"], at(place, index, "preference"), errors)
    for which in ("podAffinity", "podAntiAffinity"):
        found = affinity.get(which) or {}
        place = at(path, which, "requiredDuringSchedulingIgnoredDuringExecution")
        for index, term in enumerate(found.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            _pod_term(term, at(place, index), errors)
        place = at(path, which, "preferredDuringSchedulingIgnoredDuringExecution")
        for index, preferred in enumerate(found.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
            _pod_term(preferred["podAffinityTerm"], at(place, index, "podAffinityTerm"), errors)


def _pod_term(term: Map, path: Path, errors: Errors) -> None:
    label_selector(term.get("labelSelector"), at(path, "labelSelector"), errors)
    label_selector(term.get("namespaceSelector"), at(path, "namespaceSelector"), errors)


def node_term(term: Map, path: Path, errors: Errors) -> None:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        _requirement(requirement, at(path, "matchExpressions", index), errors)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        place = at(path, "matchFields", index)
        if requirement["key"] != "metadata.name":
            errors.invalid(at(place, "key"), requirement["key"], "not a valid field selector key")
        if requirement["operator"] not in ("In", "NotIn"):
            errors.invalid(at(place, "operator"), requirement["operator"], "not a valid selector operator")
        elif len(requirement.get("values") or ()) != 1:
            errors.required(at(place, "values"), "must be only one value when `operator` is 'In' or 'NotIn'")


def _requirement(requirement: Map, path: Path, errors: Errors) -> None:
    values: Sequence[str] = requirement.get("values") or ()
    operator = requirement["operator"]
    if operator in ("In", "NotIn") and not values:
        errors.required(at(path, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist") and values:
        errors.forbidden(at(path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            errors.required(at(path, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'")
        elif not values[0].lstrip("+-").isdecimal():
            errors.invalid(at(path, "values"), values[0], "must be an integer when `operator` is 'Lt' or 'Gt'")


def label_selector(selector: Map | None, path: Path, errors: Errors) -> None:
    """A LabelSelector's expressions: values where the operator takes some, and none where it does not."""
    for index, requirement in enumerate((selector or {}).get("matchExpressions") or ()):
        _requirement(requirement, at(path, "matchExpressions", index), errors)


_POD_UPDATES = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: Object, old: Object, errors: Errors) -> None:
    """A pod's spec is fixed once it is made, but for images, deadline (set or shortened) and more tolerations."""
    spec, was = new["spec"], old["spec"]
    if spec == was:
        return
    path = at(ROOT, "spec")
    for which in ("containers", "initContainers"):
        if len(spec.get(which) or ()) != len(was.get(which) or ()):
            errors.forbidden(at(path, which), "pod updates may not add or remove containers")
            return
    deadline, before = spec.get("activeDeadlineSeconds"), was.get("activeDeadlineSeconds")
    if before is not None and (deadline is None or deadline > before):
        errors.invalid(
            at(path, "activeDeadlineSeconds"), deadline, f"must be less than or equal to previous value ({before})"
        )
    if any(toleration not in (spec.get("tolerations") or ()) for toleration in was.get("tolerations") or ()):
        errors.forbidden(
            at(path, "tolerations"), "existing toleration can not be modified except its tolerationSeconds"
        )
    if any(gate not in (was.get("schedulingGates") or ()) for gate in spec.get("schedulingGates") or ()):
        errors.forbidden(at(path, "schedulingGates"), "only deletion is allowed, but found new scheduling gates")
    if _fixed(spec) != _fixed(was):
        changed = [name for name in {**was, **spec} if _fixed(spec).get(name) != _fixed(was).get(name)]
        errors.forbidden(path, f"{_POD_UPDATES}; changed: {', '.join(sorted(changed))}")


def _fixed(spec: Map) -> dict[str, Any]:
    """What of a pod's spec can never change."""
    kept = {k: v for k, v in spec.items() if k not in ("activeDeadlineSeconds", "tolerations", "schedulingGates")}
    for which in ("containers", "initContainers"):
        kept[which] = [{k: v for k, v in container.items() if k != "image"} for container in spec.get(which) or ()]
    return kept
