"""Eviction: the deletion of a pod that asks its PodDisruptionBudget first (Kubernetes: pods/eviction).

Shell. Must not count healthy pods: what the disruption controller has written into the budget's status counts. Two
evictions at once cannot take the same disruption: each is a guarded write of the budget, made before the deletion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from cluster.api import disruption, meta, views
from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import Object
from cluster.apiserver import refusals
from cluster.apiserver.feed import Feed
from cluster.apiserver.registry import DeleteOptions, Outcome, check_preconditions
from cluster.apiserver.request import Call
from cluster.apiserver.verbs import Verbs, delete_options
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host

TRIES = 8
"""Looks at a pod that changes while it is looked at."""
VIOLATION = "Cannot evict pod as it would violate the pod's disruption budget."
LATER = 10
"""Seconds after which a budget that is being counted may be asked again."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The pod may be evicted. `exactly`: only as it was seen, because what it was seen to be is why."""

    pod: Object
    exactly: bool = False
    budget: str = ""


class Evictions:
    def __init__(self, host: Host, cache: WatchCache, feed: Feed, verbs: Verbs) -> None:
        self._host = host
        self._cache = cache
        self._feed = feed
        self._verbs = verbs

    async def evict(self, kind: Kind, call: Call) -> Object:
        """The pod as this left it. TooManyRequests while its budget does not allow it."""
        key, options = call.args.key(kind), delete_options(call)
        for _ in range(TRIES):
            permit = await self._permit(kind, key, options, call)
            try:
                return await self._delete(kind, permit, options, call)
            except StatusError as error:
                if error.reason != "Conflict" or options.resource_version or not permit.exactly:
                    raise
                if permit.budget:  # it may have become ready meanwhile: then its budget counts
                    raise still_counted(permit.budget) from None
        raise refusals.conflict(kind, key.rpartition("/")[2])

    async def _permit(self, kind: Kind, key: str, options: DeleteOptions, call: Call) -> Permit:
        """Of the newest state: a budget made a moment ago counts. For a pod that is not meant nothing is taken."""
        await self._feed.fresh(call.left())
        stored = self._cache.get(kind.key, key)
        if stored is None:
            raise refusals.not_found(kind, key.rpartition("/")[2])
        pod = stored.obj
        check_preconditions(kind, pod, options.uid, options.resource_version)
        if disruption.needs_no_budget(pod):
            return Permit(pod, exactly=views.pod_phase(pod) == "Pending" and not meta.deleting(pod))
        found = [s.obj for s in self._cache.objects("PodDisruptionBudget") if disruption.guards(s.obj, pod)]
        if len(found) > 1:
            text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise StatusError("InternalError", text, definite=True)
        if not found:
            return Permit(pod)
        budget = found[0]
        if not views.pod_ready(pod) and disruption.may_go_unhealthy(budget):
            return Permit(pod, exactly=True, budget=meta.name_of(budget))
        change = partial(taken, pod=meta.name_of(pod), now=meta.timestamp(self._host.clock.now()))
        await self._verbs.change_status(KINDS["PodDisruptionBudget"], meta.key_of(budget), call, change)
        return Permit(pod, budget=meta.name_of(budget))

    async def _delete(self, kind: Kind, permit: Permit, options: DeleteOptions, call: Call) -> Object:
        """Says on the pod why it goes, then deletes it."""
        key = meta.key_of(permit.pod)
        wanted = options.resource_version or (permit.pod["metadata"]["resourceVersion"] if permit.exactly else "")
        if not meta.deleting(permit.pod) and not views.pod_terminal(permit.pod):
            now = meta.timestamp(self._host.clock.now())
            mark = partial(marked, kind=kind, uid=options.uid, resource_version=wanted, now=now)
            pod = await self._verbs.change_status(kind, key, call, mark)
            wanted = wanted and pod["metadata"]["resourceVersion"]
            if call.args.flag("dryRun"):
                wanted = ""
        return await self._verbs.remove(kind, key, call, replace(options, resource_version=wanted))


def taken(budget: Object, pod: str, now: str) -> Outcome:
    """One disruption less; a refusal if the budget does not allow it (Kubernetes: checkAndDecrement)."""
    status = budget.get("status") or {}
    name, allowed = meta.name_of(budget), status.get("disruptionsAllowed") or 0
    if (status.get("observedGeneration") or 0) < meta.generation_of(budget):
        raise still_counted(name)
    if allowed < 0:
        raise refusals.forbidden(KINDS["PodDisruptionBudget"], name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or {}) > disruption.MOST_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise refusals.forbidden(KINDS["PodDisruptionBudget"], name, why)
    if allowed == 0:
        raise _violated(name, status, meta.condition(budget, disruption.ALLOWED) or {})
    return Outcome(disruption.without_one(budget, pod, now))


def marked(pod: Object, kind: Kind, uid: str, resource_version: str, now: str) -> Outcome:
    """With the condition that says that it is evicted."""
    check_preconditions(kind, pod, uid, resource_version)
    status = pod.get("status") or {}
    conditions = meta.set_condition(
        status.get("conditions") or (),
        disruption.TARGET,
        "True",
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
        now,
    )
    return Outcome({**pod, "status": {**status, "conditions": conditions}})


def _violated(name: str, status: Object, condition: Object) -> StatusError:
    if condition.get("status") == "False" and condition.get("reason") == disruption.SYNC_FAILED:
        why = f"does not allow evicting pods currently because it failed sync: {condition.get('message', '')}"
    else:
        healthy = (status.get("desiredHealthy") or 0, status.get("currentHealthy") or 0)
        why = f"needs {healthy[0]} healthy pods and has {healthy[1]} currently"
    return _too_many(f"The disruption budget {name} {why}", 0)


def still_counted(name: str) -> StatusError:
    return _too_many(f"The disruption budget {name} is still being processed by the server.", LATER)


def _too_many(cause: str, seconds: int) -> StatusError:
    causes = [{"reason": disruption.CAUSE, "message": cause}]
    return StatusError("TooManyRequests", VIOLATION, {"causes": causes, "retryAfterSeconds": seconds})
