"""PodSecurity: what the Pod Security Standards' levels say of a pod, as its namespace's labels want it.

Pure. Must not know the checks themselves: see podchecks. Source: Kubernetes, staging/src/k8s.io/pod-security-admission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from cluster.api.fielderrors import FieldError
from cluster.api.meta import labels_of, name_of
from cluster.api.validate import invalid
from cluster.apiserver.admission import podchecks
from cluster.apiserver.admission.review import CREATE, UPDATE, Object, Plugin, Review, Sources

PREFIX = "pod-security.kubernetes.io/"
MODES = ("enforce", "audit", "warn")
LEVELS = ("privileged", "baseline", "restricted")
_VERSION = re.compile(r"latest|v1\.\d+")
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **{
        kind: ("spec", "template")
        for kind in ("ReplicationController", "ReplicaSet", "Deployment", "DaemonSet", "StatefulSet", "Job")
    },
}
MOST_PODS = 3000
"""Of a namespace whose level is raised, that are looked at (Kubernetes: namespaceMaxPodsToCheck)."""


class Policy(NamedTuple):
    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


def policy_of(namespace: Object | None, mode: str) -> Policy:
    """A level that cannot be read counts as restricted, a version as latest: better safe (PolicyToEvaluate)."""
    labels = labels_of(namespace or {})
    level = labels.get(PREFIX + mode)
    if level is None:
        return Policy()
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    return Policy(level if level in LEVELS else "restricted", version if _VERSION.fullmatch(version) else "latest")


def violations(pod: Object, policy: Policy) -> str:
    """ "" for none: 'privileged (container "a" must not set ...), host namespaces (hostPID=true)'."""
    if policy.level == "privileged":
        return ""
    spec = pod.get("spec")
    meta = pod.get("metadata")
    found = podchecks.evaluate(meta if type(meta) is dict else {}, spec if type(spec) is dict else {}, policy.level)
    return ", ".join(found)


def check(review: Review, sources: Sources) -> None:
    namespace = sources.find("Namespace", review.namespace)
    if namespace is None or not any(label.startswith(PREFIX) for label in labels_of(namespace)):
        return
    is_pod = review.kind.kind == "Pod"
    pod = review.current
    if review.operation == UPDATE and (not is_pod or not _matters(pod, review.old or {})):
        return
    for step in () if is_pod else _TEMPLATES[review.kind.kind]:
        inner = pod.get(step)
        if type(inner) is not dict:
            return
        pod = inner
    seen: dict[Policy, str] = {}

    def found(mode: str) -> tuple[Policy, str]:
        policy = policy_of(namespace, mode)
        if policy not in seen:
            seen[policy] = violations(pod, policy)
        return policy, seen[policy]

    if is_pod:
        policy, wrong = found("enforce")
        review.annotations[PREFIX + "enforce-policy"] = str(policy)
    else:
        wrong = ""
    audit, text = found("audit")
    if text:
        review.annotations[PREFIX + "audit-violations"] = f'would violate PodSecurity "{audit}": {text}'
    if wrong:
        raise review.forbidden(f'violates PodSecurity "{policy}": {wrong}')
    warn, text = found("warn")
    if text:
        review.warn(f'would violate PodSecurity "{warn}": {text}')


def _matters(new: Object, old: Object) -> bool:
    """Of an update of a pod only images and ephemeral containers do; all else that counts cannot change."""
    spec, had = new.get("spec") or {}, old.get("spec") or {}
    return any(spec.get(f) != had.get(f) for f in ("containers", "initContainers", "ephemeralContainers"))


# ── namespaces ───────────────────────────────────────────────────────────────────────────────────────────────


def check_namespace(review: Review, sources: Sources) -> None:
    """Labels that mean nothing are refused; pods that a new level would not have let in are told of."""
    errors = list(_label_errors(labels_of(review.current)))
    old_errors = list(_label_errors(labels_of(review.old or {})))
    if errors and not old_errors:
        raise invalid(review.kind, review.name, errors)
    if review.operation != UPDATE:
        return
    new, had = policy_of(review.current, "enforce"), policy_of(review.old, "enforce")
    if new == had or LEVELS.index(new.level) <= LEVELS.index(had.level) and new.version == had.version:
        return
    pods = list(sources.within("Pod", review.name))[:MOST_PODS]
    by_text: dict[str, list[str]] = {}
    for pod in pods:
        if text := violations(pod, new):
            by_text.setdefault(text, []).append(name_of(pod))
    if not by_text:
        return
    review.warn(f'existing pods in namespace "{review.name}" violate the new PodSecurity enforce level "{new}"')
    for text, names in by_text.items():
        more = len(names) - 1
        others = "" if not more else f" (and {more} other pod{'s' if more > 1 else ''})"
        review.warn(f"{min(names)}{others}: {text}")


def _label_errors(labels: Mapping[str, str]) -> list[FieldError]:
    found = []
    for mode in MODES:
        level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
        if level is not None and level not in LEVELS:
            found.append(_wrong(PREFIX + mode, level, f"must be one of {', '.join(LEVELS)}"))
        if version is not None and not _VERSION.fullmatch(version):
            found.append(_wrong(f"{PREFIX}{mode}-version", version, 'must be "latest" or "v1.x"'))
    return found


def _wrong(label: str, value: str, why: str) -> FieldError:
    return FieldError(f"metadata.labels[{label}]", "FieldValueInvalid", f'Invalid value: "{value}": {why}')


_KINDS = ("Pod", *_TEMPLATES)
PLUGIN = Plugin(
    "PodSecurity", {CREATE: _KINDS, UPDATE: _KINDS}, validate=check, subresources=("", "ephemeralcontainers")
)
NAMESPACES = Plugin("PodSecurity", {CREATE: ("Namespace",), UPDATE: ("Namespace",)}, validate=check_namespace)
