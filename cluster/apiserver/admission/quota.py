"""ResourceQuota: what a request would use, whether that is left, and the quota as it is once it is used.

Pure. Must not write: the quotas are written in the transaction of the object that uses them, or not at all.
Source: Kubernetes, apiserver/pkg/admission/plugin/resourcequota.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from cluster.api import usage
from cluster.api.meta import name_of
from cluster.apiserver.admission.review import CREATE, UPDATE, Object, Review

HANDLED_ON_UPDATE = ("Service", "PersistentVolumeClaim")


def handles(review: Review) -> bool:
    """Whether a request can use anything: a creation, or a change of what may grow."""
    if review.subresource or not review.kind.namespaced:
        return False
    return review.operation == CREATE or (review.operation == UPDATE and review.kind.key in HANDLED_ON_UPDATE)


def charged(review: Review, quotas: Sequence[Object]) -> list[Object]:
    """Those of a namespace's quotas that change, with what the request uses added to status.used. Forbidden when one is
    exceeded, when a pod does not say what it takes, or when it is not known yet what is used."""
    assert review.obj is not None
    delta = usage.usage(review.kind, review.obj)
    if review.old is not None:
        for name, amount in usage.usage(review.kind, review.old).items():
            delta[name] = delta.get(name, Fraction(0)) - amount
    delta = {name: amount for name, amount in delta.items() if amount}
    found = []
    for quota in sorted(quotas, key=name_of):
        if not usage.concerns(quota, review.kind, review.obj):
            continue
        hard = usage.amounts((quota.get("spec") or {}).get("hard"))
        if review.kind.key == "Pod" and review.operation == CREATE:
            silent = usage.unspecified(hard, review.obj)
            if silent:
                raise review.forbidden(f"failed quota: {name_of(quota)}: must specify {silent}")
        asked = {name: amount for name, amount in delta.items() if name in hard}
        if asked:
            found.append(_used(review, quota, asked))
    return found


def _used(review: Review, quota: Object, asked: Mapping[str, Fraction]) -> Object:
    name, status = name_of(quota), quota.get("status") or {}
    hard, used = usage.amounts(status.get("hard")), usage.amounts(status.get("used"))
    unknown = sorted(each for each in asked if each not in hard or each not in used)
    if unknown:
        raise review.forbidden(f"status unknown for quota: {name}, resources: {','.join(unknown)}")
    over = [each for each in sorted(asked) if asked[each] > 0 and used[each] + asked[each] > hard[each]]
    if over:
        told = (
            f"exceeded quota: {name}, requested: {_pretty(asked, over)}, used: {_pretty(used, over)}, "
            f"limited: {_pretty(hard, over)}"
        )
        raise review.forbidden(told)
    new = {each: max(amount + asked.get(each, 0), Fraction(0)) for each, amount in used.items()}
    return {**quota, "status": {**status, "used": usage.texts(new)}}


def _pretty(amounts: Mapping[str, Fraction], names: Sequence[str]) -> str:
    return ",".join(f"{name}={usage.text(name, amounts[name])}" for name in names)
