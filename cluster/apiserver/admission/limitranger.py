"""LimitRanger: defaults, minima, maxima and ratios for containers, pods and claims of a namespace with LimitRanges.

Pure. Must not know quotas. Source: Kubernetes, plugin/pkg/admission/limitranger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from cluster.api import quantity
from cluster.api.defaults import default
from cluster.api.meta import annotations_of, name_of
from cluster.api.views import pod_limits, pod_requests
from cluster.apiserver.admission.review import CREATE, UPDATE, Object, Plugin, Review, Sources, maps

ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, Fraction]


def _items(ranges: list[Object], type: str) -> Iterator[Object]:
    for each in ranges:
        for item in maps((each.get("spec") or {}).get("limits")):
            if item.get("type") == type:
                yield item


def _ranges(review: Review, sources: Sources) -> list[Object]:
    return sorted(sources.within("LimitRange", review.namespace), key=name_of)


# ── defaults ─────────────────────────────────────────────────────────────────────────────────────────────────


def fill(review: Review, sources: Sources) -> None:
    """Requests and limits that a pod's containers leave out."""
    if review.kind.kind != "Pod" or review.operation != CREATE:
        return
    ranges = _ranges(review, sources)
    if not ranges or type(review.spec().get("containers")) is not list:
        return
    assert review.obj is not None
    try:
        pod = default(review.obj)  # a limit without a request is a request too, before any range has a word
    except (TypeError, ValueError, AttributeError, KeyError):
        return  # it is malformed: the validator will say where
    requests: Object = {}
    limits: Object = {}
    for item in _items(ranges, "Container"):
        for name, value in (item.get("defaultRequest") or {}).items():
            requests.setdefault(name, value)
        for name, value in (item.get("default") or {}).items():
            limits.setdefault(name, value)
    told: list[str] = []
    spec = {**pod["spec"]}
    for field, what in (("containers", "container"), ("initContainers", "init container")):
        if type(spec.get(field)) is list:
            spec[field] = [_filled(each, (requests, limits), what, told) for each in spec[field]]
    if not told:
        return
    notes = {**annotations_of(pod), ANNOTATION: "LimitRanger plugin set: " + "; ".join(told)}
    review.obj = {**pod, "spec": spec, "metadata": {**pod["metadata"], "annotations": notes}}


def _filled(container: Any, defaults: tuple[Object, Object], what: str, told: list[str]) -> Any:
    if type(container) is not dict:
        return container
    resources = dict(container.get("resources") or {})
    changed = False
    for field, given in zip(("requests", "limits"), defaults, strict=True):
        had = resources.get(field) or {}
        added = {name: value for name, value in given.items() if name not in had}
        if added:
            resources[field] = {**had, **added}
            told.append(f"{', '.join(sorted(added))} {field[:-1]} for {what} {container.get('name', '')}")
            changed = True
    return {**container, "resources": resources} if changed else container


# ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────


def check(review: Review, sources: Sources) -> None:
    kind = review.kind.kind
    if kind == "Pod" and review.operation != CREATE:
        return
    ranges = _ranges(review, sources)
    if not ranges:
        return
    wrong: list[str] = []
    if kind == "PersistentVolumeClaim":
        asked = _amounts((review.spec().get("resources") or {}).get("requests"))
        for item in _items(ranges, kind):
            for name, enforced in _bounds(item, "min"):
                wrong += _minimum(name, kind, enforced, asked, {})
            for name, enforced in _bounds(item, "max"):
                wrong += _at_most(name, kind, enforced, asked)
    else:
        pod = review.current
        for item in _items(ranges, "Container"):
            for each in (*maps(review.spec().get("containers")), *maps(review.spec().get("initContainers"))):
                resources = each.get("resources") or {}
                amounts = _amounts(resources.get("requests")), _amounts(resources.get("limits"))
                wrong += _violations(item, "Container", *amounts)
        for item in _items(ranges, "Pod"):
            wrong += _violations(item, "Pod", _numbers(pod_requests(pod)), _numbers(pod_limits(pod)))
    if wrong:
        raise review.forbidden(wrong[0] if len(wrong) == 1 else "[" + ", ".join(dict.fromkeys(wrong)) + "]")


def _violations(item: Object, type: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, enforced in _bounds(item, "min"):
        yield from _minimum(name, type, enforced, requests, limits)
    for name, enforced in _bounds(item, "max"):
        yield from _maximum(name, type, enforced, requests, limits)
    for name, enforced in _bounds(item, "maxLimitRequestRatio"):
        yield from _ratio(name, type, enforced, requests, limits)


def _minimum(name: str, type: str, enforced: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    least = f"minimum {name} usage per {type} is {quantity.canonical(enforced)}"
    if name not in requests:
        yield f"{least}.  No request is specified"
    elif requests[name] < quantity.parse(enforced):
        yield f"{least}, but request is {_shown(name, requests[name])}"
    elif name in limits and limits[name] < quantity.parse(enforced):
        yield f"{least}, but limit is {_shown(name, limits[name])}"


def _maximum(name: str, type: str, enforced: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    most = f"maximum {name} usage per {type} is {quantity.canonical(enforced)}"
    if name not in limits:
        yield f"{most}.  No limit is specified"
    elif limits[name] > quantity.parse(enforced):
        yield f"{most}, but limit is {_shown(name, limits[name])}"
    elif name in requests and requests[name] > quantity.parse(enforced):
        yield f"{most}, but request is {_shown(name, requests[name])}"


def _at_most(name: str, type: str, enforced: str, requests: Amounts) -> Iterator[str]:
    most = f"maximum {name} usage per {type} is {quantity.canonical(enforced)}"
    if name not in requests:
        yield f"{most}.  No request is specified"
    elif requests[name] > quantity.parse(enforced):
        yield f"{most}, but request is {_shown(name, requests[name])}"


def _ratio(name: str, type: str, enforced: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    most = f"{name} max limit to request ratio per {type} is {quantity.canonical(enforced)}"
    if not requests.get(name):
        yield f"{most}, but no request is specified or request is 0"
    elif not limits.get(name):
        yield f"{most}, but no limit is specified or limit is 0"
    elif limits[name] / requests[name] > quantity.parse(enforced):
        yield f"{most}, but provided ratio is {float(limits[name] / requests[name]):f}"


def _bounds(item: Object, field: str) -> list[tuple[str, str]]:
    return sorted((item.get(field) or {}).items())


def _amounts(quantities: Any) -> Amounts:
    return {name: quantity.parse(value) for name, value in (quantities or {}).items()}


def _numbers(resources: Mapping[str, int]) -> Amounts:
    return {name: Fraction(number, 1000) if name == "cpu" else Fraction(number) for name, number in resources.items()}


def _shown(name: str, amount: Fraction) -> str:
    return quantity.format_resource(name, int(amount * 1000) if name == "cpu" else -(-amount // 1))


PLUGIN = Plugin(
    "LimitRanger",
    {CREATE: ("Pod", "PersistentVolumeClaim"), UPDATE: ("PersistentVolumeClaim",)},
    mutate=fill,
    validate=check,
)
