"""The rows of IngressClasses and NetworkPolicies.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, name_of
from cluster.api.printing import NONE, Printer, age, selector_text


def _ingress_class(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    found = spec.get("parameters")
    parameters = NONE
    if found:
        group = f"{found['apiGroup']}/" if found.get("apiGroup") else ""
        parameters = f"{group}{found.get('kind', '')}/{found.get('name', '')}"
    return [name_of(obj), spec.get("controller") or "", parameters, age(obj, now)]


def _network_policy(obj: Object, now: float) -> list[str]:
    return [name_of(obj), selector_text((obj.get("spec") or {}).get("podSelector") or {}), age(obj, now)]


INGRESS_CLASS = Printer(("NAME", "CONTROLLER", "PARAMETERS", "AGE"), _ingress_class)
NETWORK_POLICY = Printer(("NAME", "POD-SELECTOR", "AGE"), _network_policy)
