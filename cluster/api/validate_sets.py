"""Rules of StatefulSet, ReplicationController and PodTemplate (Kubernetes: apps and core validation).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from typing import Any

from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.selectors import from_label_selector
from cluster.api.validate_apps import at_most_all, is_zero
from cluster.api.validate_pod import label_selector, pod_spec

_SPEC = at(ROOT, "spec")
_TEMPLATE = at(_SPEC, "template")
_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def stateful_set(obj: Object, errors: Errors) -> None:
    spec, selector = obj["spec"], obj["spec"]["selector"]
    _strategy(spec.get("updateStrategy") or {}, at(_SPEC, "updateStrategy"), errors)
    label_selector(selector, at(_SPEC, "selector"), errors)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.invalid(at(_SPEC, "selector"), selector, "empty selector is invalid for statefulset")
    template = spec["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not from_label_selector(selector).matches(labels):
        errors.invalid(at(_TEMPLATE, "metadata", "labels"), labels, "`selector` does not match template `labels`")
    _runs_for_ever(_with_claims(template, spec.get("volumeClaimTemplates") or ()), "StatefulSet", errors)


def _with_claims(template: Object, claims: Any) -> Object:
    """The template as its pods will be: each claim is a volume of its name, in place of one that the template has."""
    names = [name for claim in claims if (name := (claim.get("metadata") or {}).get("name"))]
    if not names or not template.get("spec"):
        return template
    own = [volume for volume in template["spec"].get("volumes") or () if volume["name"] not in names]
    more = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    return {**template, "spec": {**template["spec"], "volumes": [*own, *more]}}


def _strategy(strategy: Object, path: Path, errors: Errors) -> None:
    rolling, path = strategy.get("rollingUpdate"), at(path, "rollingUpdate")
    if rolling is None:
        return
    if strategy.get("type") == "OnDelete":
        errors.invalid(path, rolling, "only allowed for updateStrategy 'RollingUpdate'")
    unavailable = rolling.get("maxUnavailable")
    if unavailable is not None:
        if is_zero(unavailable):
            errors.invalid(at(path, "maxUnavailable"), unavailable, "cannot be 0")
        at_most_all(unavailable, at(path, "maxUnavailable"), errors)


def _runs_for_ever(template: Object, kind: str, errors: Errors) -> None:
    spec, path = template.get("spec"), at(_TEMPLATE, "spec")
    if spec is None:
        errors.required(path)
        return
    pod_spec(spec, path, errors)
    if spec.get("restartPolicy", "Always") != "Always":
        errors.unsupported(at(path, "restartPolicy"), spec["restartPolicy"], ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        errors.forbidden(at(path, "activeDeadlineSeconds"), f"activeDeadlineSeconds in {kind} is not Supported")


def stateful_set_update(new: Object, old: Object, errors: Errors) -> None:
    fixed = [{k: v for k, v in obj["spec"].items() if k not in _MUTABLE} for obj in (new, old)]
    if fixed[0] != fixed[1]:
        words = [f"'{name}'" for name in _MUTABLE]
        text = f"{', '.join(words[:-1])} and {words[-1]}"
        errors.forbidden(_SPEC, f"updates to statefulset spec for fields other than {text} are forbidden")


def replication_controller(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        errors.required(at(_SPEC, "selector"))
    if template is None:
        errors.required(_TEMPLATE)
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not selector.items() <= labels.items():
        errors.invalid(at(_TEMPLATE, "metadata", "labels"), labels, "`selector` does not match template `labels`")
    _runs_for_ever(template, "ReplicationController", errors)


def pod_template(obj: Object, errors: Errors) -> None:
    spec = (obj.get("template") or {}).get("spec")
    if spec is None:
        errors.required(at(ROOT, "template", "spec"))
    else:
        pod_spec(spec, at(ROOT, "template", "spec"), errors)
