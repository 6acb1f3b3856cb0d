"""certificatesigningrequests/NAME/approval: what somebody says of a request, and nothing else of it.

Shell only in that it hands changes to `Verbs`. Must not know who may approve: admission does. Source: Kubernetes,
pkg/registry/certificates/certificates/strategy.go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cluster.api import meta as m
from cluster.api.kinds import Kind
from cluster.api.patch import apply
from cluster.apiserver import refusals
from cluster.apiserver.arguments import well_formed
from cluster.apiserver.registry import Object, Outcome, check_preconditions, complete, settle
from cluster.apiserver.request import Call
from cluster.apiserver.verbs import Verbs

SUBRESOURCE = "approval"


def replace(kind: Kind, stamp: str, old: Object, given: Object) -> Outcome:
    """Take over the conditions of `given`; those that do not say when get `stamp`. Certificate and spec stay."""
    check_preconditions(kind, old, m.uid_of(given), given["metadata"].get("resourceVersion") or "")
    told = given.get("status")
    found = (told.get("conditions") if type(told) is dict else None) or []
    conditions = found
    if type(found) is list and all(type(condition) is dict for condition in found):
        conditions = [{"lastUpdateTime": stamp, "lastTransitionTime": stamp, **_said(c)} for c in found]
    new = {**old, "status": {**(old.get("status") or {}), "conditions": conditions}}
    return settle(old, complete(kind, new, old, subresource=SUBRESOURCE))


def _said(condition: Object) -> Object:
    """Without times that are empty, as kubectl sends them."""
    times = ("lastUpdateTime", "lastTransitionTime")
    return {name: value for name, value in condition.items() if value is not None or name not in times}


class Approvals:
    def __init__(self, verbs: Verbs, now: Callable[[], float]) -> None:
        self._verbs = verbs
        self._now = now

    async def update(self, kind: Kind, call: Call) -> Object:
        given = call.args.object(kind)
        stamp = m.timestamp(self._now())
        return await self._verbs.change_status(
            kind, m.name_of(given), call, partial(replace, kind, stamp, given=given), SUBRESOURCE
        )

    async def patch(self, kind: Kind, call: Call) -> Object:
        patch, type, stamp = call.args.any("patch"), call.args.text("type"), m.timestamp(self._now())
        if type == "apply":
            raise refusals.bad_request("an approval is updated or patched, not applied")

        def change(old: Object) -> Outcome:
            new = well_formed(kind, apply(old, patch, type))
            if m.name_of(new) != m.name_of(old):
                raise refusals.bad_request("a patch may not change name or namespace")
            return replace(kind, stamp, old, new)

        return await self._verbs.change_status(kind, call.args.key(kind), call, change, SUBRESOURCE)
