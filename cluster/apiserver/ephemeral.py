"""What pods/NAME/ephemeralcontainers makes of a pod: more containers for a look inside, and nothing else.

Pure. Must not know the store. Source: Kubernetes, validation.ValidatePodEphemeralContainersUpdate.
"""

from __future__ import annotations

from typing import Any

from cluster.api import meta as m
from cluster.api.fielderrors import FieldError
from cluster.api.kinds import Kind
from cluster.apiserver import refusals
from cluster.apiserver.registry import Outcome, check_preconditions, complete, settle

Object = dict[str, Any]
SUBRESOURCE = "ephemeralcontainers"
FIELD = "spec.ephemeralContainers"
NOT_FOR_THEM = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources", "resizePolicy",
                "restartPolicy")  # fmt: skip
"""What would make the pod depend on them."""


def replace(kind: Kind, old: Object, given: Object) -> Outcome:
    """Take over spec.ephemeralContainers of `given`. Invalid if one that is there would change or go."""
    check_preconditions(kind, old, m.uid_of(given), given["metadata"].get("resourceVersion") or "")
    spec = old.get("spec") or {}
    new = {**old, "spec": {**spec, "ephemeralContainers": (given.get("spec") or {}).get("ephemeralContainers") or []}}
    full = complete(kind, new, old, subresource=SUBRESOURCE)
    errors = _wrong(full["spec"], spec)
    if errors:
        raise refusals.invalid(kind, m.name_of(old), errors)
    return settle(old, full)


def _wrong(spec: Object, was: Object) -> list[FieldError]:
    errors = []
    own = [str(c["name"]) for part in ("containers", "initContainers") for c in spec.get(part) or ()]
    mains = [str(c["name"]) for c in spec.get("containers") or ()]
    found = {str(c["name"]): c for c in spec["ephemeralContainers"]}
    for index, container in enumerate(spec["ephemeralContainers"]):
        place, name = f"{FIELD}[{index}]", str(container["name"])
        if name in own or found[name] is not container:
            errors.append(FieldError(f"{place}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
        target = container.get("targetContainerName")
        if target and target not in mains:
            errors.append(FieldError(f"{place}.targetContainerName", "FieldValueNotFound", f'Not found: "{target}"'))
        for field in NOT_FOR_THEM:
            if container.get(field):
                why = "Forbidden: cannot be set for an Ephemeral Container"
                errors.append(FieldError(f"{place}.{field}", "FieldValueForbidden", why))
    for before in was.get("ephemeralContainers") or ():
        now = found.get(before["name"])
        if now is None or now != before:
            what = "removed" if now is None else "changed"
            why = f'Forbidden: existing ephemeral containers "{before["name"]}" may not be {what}\n'
            errors.append(FieldError(FIELD, "FieldValueForbidden", why))
    return errors
