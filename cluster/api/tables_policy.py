"""The rows of HorizontalPodAutoscalers, PodDisruptionBudgets and RuntimeClasses.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from typing import Any

from cluster.api.meta import Object, name_of
from cluster.api.printing import NONE, UNKNOWN, Printer, age
from cluster.api.validate_autoscaling import SOURCES

SHOWN = 2
"""Metrics in a row; of the others it says how many there are."""


def _target(metric: Object, measured: Object) -> str:
    """ "cpu: 20%/80%", "3/10 (avg)"; what was not measured yet is <unknown>."""
    name = SOURCES.get(str(metric.get("type")), "")
    source, current = metric.get(name) or {}, (measured.get(name) or {}).get("current") or {}
    wanted = source.get("target") or {}
    if name in ("resource", "containerResource"):
        if wanted.get("averageValue") is not None:
            text = f"{current.get('averageValue') or UNKNOWN}/{wanted['averageValue']}"
        else:
            text = f"{_percent(current, UNKNOWN)}/{_percent(wanted, '<auto>')}"
        return f"{source.get('name', '')}: {text}"
    if name == "pods":
        return f"{current.get('averageValue') or UNKNOWN}/{wanted.get('averageValue')}"
    if wanted.get("averageValue") is not None:
        return f"{current.get('averageValue') or UNKNOWN}/{wanted['averageValue']} (avg)"
    return f"{current.get('value') or UNKNOWN}/{wanted.get('value')}"


def _percent(found: Object, otherwise: str) -> str:
    value = found.get("averageUtilization")
    return otherwise if value is None else f"{value}%"


def _targets(spec: Object, status: Object) -> str:
    metrics, measured = spec.get("metrics") or [], status.get("currentMetrics") or []
    if not metrics:
        return NONE
    texts = [_target(m, measured[i] if i < len(measured) else {}) for i, m in enumerate(metrics)]
    more = f" + {len(texts) - SHOWN} more..." if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _autoscaler(found: Object, now: float) -> list[str]:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    reference = spec.get("scaleTargetRef") or {}
    least = spec.get("minReplicas")
    return [
        name_of(found),
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        _targets(spec, status),
        "<unset>" if least is None else str(least),
        str(spec.get("maxReplicas", 0)),
        str(status.get("currentReplicas") or 0),
        age(found, now),
    ]


def _or_not(value: Any) -> str:
    return "N/A" if value is None else str(value)


def _budget(found: Object, now: float) -> list[str]:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    limits = [_or_not(spec.get(name)) for name in ("minAvailable", "maxUnavailable")]
    return [name_of(found), *limits, str(status.get("disruptionsAllowed") or 0), age(found, now)]


def _runtime_class(found: Object, now: float) -> list[str]:
    return [name_of(found), found.get("handler") or "", age(found, now)]


AUTOSCALER = Printer(("NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"), _autoscaler)
BUDGET = Printer(("NAME", "MIN AVAILABLE", "MAX UNAVAILABLE", "ALLOWED DISRUPTIONS", "AGE"), _budget)
RUNTIME_CLASS = Printer(("NAME", "HANDLER", "AGE"), _runtime_class)
