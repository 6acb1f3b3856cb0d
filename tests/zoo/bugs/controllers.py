"""Planted bugs of the controllers, and of what they stand on: election, caches. Must not contain correct code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from cluster.api import meta
from cluster.client.cache import Cache
from cluster.client.election import Candidate, Elector
from cluster.client.informer import Informer
from cluster.controllers import (
    daemonpods,
    daemonset,
    deployment,
    endpointslice,
    garbage,
    namespace,
    replicaset,
    rollout,
    tainteviction,
)
from cluster.controllers.carry import Carrier
from cluster.controllers.controller import Context, View
from cluster.controllers.plan import Delete, Plan, Purge, Verify
from cluster.controllers.zones import Zones
from tests.store.raft.bugs import Patch
from tests.zoo.bug import Bug, register

BUGS: dict[str, Bug] = {}
planted = register("controllers", BUGS)
Object = dict[str, Any]


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "delete-without-uid",
    "a controller deletes the object that it looked at, not the successor of its name",
    "Kubernetes: Preconditions.UID",
    story="families",
    check="controllers-spare",
)
def delete_without_uid(patch: Patch) -> None:
    right = Carrier._delete

    async def delete(carrier: Carrier, action: Delete) -> None:
        await right(carrier, replace(action, uid=""))

    patch.setattr(Carrier, "_delete", delete)


@planted(
    "gc-trusts-its-cache",
    "before a dependent is deleted, a live look confirms that its owner is gone",
    "Kubernetes: garbage collector (absentOwnerCache, attemptToDeleteItem)",
    story="families",
    check="controllers-spare",
)
def gc_trusts_its_cache(patch: Patch) -> None:
    right = Carrier._verify

    async def verify(carrier: Carrier, action: Verify) -> None:
        if action.expect != "gone":
            await right(carrier, action)

    patch.setattr(Carrier, "_verify", verify)


@planted(
    "gc-ignores-uid",
    "an owner is named by its uid: another object of its name is no owner",
    "Kubernetes: Owners and Dependents",
    story="families",
    check="garbage-collected",
)
def gc_ignores_uid(patch: Patch) -> None:
    right = garbage._dependent

    class ByName:
        """A view in which whoever has an owner's name is that owner."""

        def __init__(self, view: View, obj: Object) -> None:
            self._view = view
            self._uids = {owner["name"]: owner["uid"] for owner in meta.owners_of(obj)}

        def __getattr__(self, name: str) -> Any:
            return getattr(self._view, name)

        def get(self, kind: str, namespace: str, name: str) -> Object | None:
            found = self._view.get(kind, namespace, name)
            if found is None:
                return None
            return {**found, "metadata": {**found["metadata"], "uid": self._uids.get(name, meta.uid_of(found))}}

    patch.setattr(garbage, "_dependent", lambda view, obj: right(ByName(view, obj), obj))


@planted(
    "foreground-does-not-wait",
    "an owner that is deleted in the foreground goes after the dependents that block it",
    "Kubernetes: Foreground cascading deletion",
    story="families",
    check="foreground-waits",
)
def foreground_does_not_wait(patch: Patch) -> None:
    right = garbage._foreground

    def foreground(view: View, owner: Object) -> Plan:
        plan = right(view, owner)
        return Plan((garbage._without_finalizer(owner, garbage.FOREGROUND), *plan.actions))

    patch.setattr(garbage, "_foreground", foreground)


@planted(
    "namespace-let-go",
    "a namespace is let go when everything in it is gone",
    "Kubernetes: namespace controller",
    story="namespaces",
    check="namespaces-emptied",
)
def namespace_let_go(patch: Patch) -> None:
    right = namespace.reconcile

    def reconcile(view: View, key: str, ctx: Context) -> Plan:
        plan = right(view, key, ctx)
        return Plan(tuple(action for action in plan.actions if not isinstance(action, Purge)))

    patch.setattr(namespace, "reconcile", reconcile)
    _swap(patch, namespace, reconcile)


def _swap(patch: Patch, module: Any, reconcile: Any) -> None:
    """The manager's table holds the function itself."""
    from cluster.controllers import manager

    rows = tuple(
        replace(row, reconcile=reconcile) if row.name == module.CONTROLLER.name else row for row in manager.CONTROLLERS
    )
    patch.setattr(manager, "CONTROLLERS", rows)


# ── workloads ────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "no-expectations",
    "what a controller has just made counts, whether or not its watch has told it yet",
    "Kubernetes: ControllerExpectations",
    story="scaling",
    check="replicas-not-exceeded",
)
def no_expectations(patch: Patch) -> None:
    patch.setattr(Cache, "written", lambda cache, obj: None)


@planted(
    "daemon-names-random",
    "a DaemonSet's pod on a node is made once, whoever makes it and however often",
    "docs/decisions.md: names of a DaemonSet's pods (Kubernetes has generated names and the race)",
    story="daemons",
    check="daemonset-coverage",
)
def daemon_names_random(patch: Patch) -> None:
    right = daemonpods.pod_for
    dice = Random(0)

    def pod_for(owner: Object, node: str, revision: str, beside: bool = False) -> Object:
        pod = right(owner, node, revision, beside)
        pod["metadata"]["name"] = f"{meta.name_of(owner)[:50]}-{meta.random_suffix(dice, 8)}"
        return pod

    patch.setattr(daemonset, "pod_for", pod_for)


@planted(
    "max-unavailable-ignored",
    "a rollout takes no more pods away than maxUnavailable says",
    "Kubernetes: Deployments, max unavailable",
    story="rollouts",
    check="rollout-available",
)
def max_unavailable_ignored(patch: Patch) -> None:
    def old_sizes(owner: Object, old: Sequence[Object], new: Object | None) -> dict[str, int]:
        return {meta.name_of(rs): 0 for rs in old if rollout.replicas_of(rs)}

    for module in (rollout, deployment):
        if hasattr(module, "old_sizes"):
            patch.setattr(module, "old_sizes", old_sizes)


@planted(
    "unready-first-kept",
    "of the pods that a ReplicaSet gives up, those that are not ready go first",
    "Kubernetes: ActivePodsWithRanks",
    story="rollouts",
    check="rollout-available",
)
def unready_first_kept(patch: Patch) -> None:
    right = replicaset.victims
    patch.setattr(replicaset, "victims", lambda pods, related: right(pods, related)[::-1])


@planted(
    "endpoints-of-the-unready",
    "only the addresses of ready pods are ready endpoints",
    "Kubernetes: EndpointSlices, conditions",
    story="silences",
    check="proxies-follow",
)
def endpoints_of_the_unready(patch: Patch) -> None:
    right = endpointslice._endpoint

    def endpoint(view: View, service: Object, pod: Object) -> Object:
        found = right(view, service, pod)
        return {**found, "conditions": {**found["conditions"], "ready": not meta.deleting(pod), "serving": True}}

    patch.setattr(endpointslice, "_endpoint", endpoint)


@planted(
    "endpoints-of-the-ended",
    "a pod that is being deleted is no ready endpoint any more",
    "Kubernetes: EndpointSlices, terminating",
    story="services",
    check="proxies-follow",
)
def endpoints_of_the_ended(patch: Patch) -> None:
    """An address that was ready once stays so in the slices."""
    right = endpointslice._wanted
    known: dict[str, dict[str, dict[str, Object]]] = {}

    def wanted(view: View, service: Object) -> dict[str, dict[str, Object]]:
        kept = known.setdefault(meta.uid_of(service), {})
        for ports, found in right(view, service).items():
            ready = {identity: entry for identity, entry in found.items() if entry["conditions"]["ready"]}
            kept.setdefault(ports, {}).update(ready)
        return {ports: dict(found) for ports, found in kept.items()}

    patch.setattr(endpointslice, "_wanted", wanted)


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "evicts-everywhere",
    "when no node at all is Ready nobody is evicted: then it is the control plane that is cut off",
    "Kubernetes: Nodes, rate limits on eviction",
    story="blackout",
    check="evicted-by-the-rules",
)
def evicts_everywhere(patch: Patch) -> None:
    patch.setattr(Zones, "all_down", property(lambda zones: False))
    patch.setattr(Zones, "interval", lambda zones, zone, normal: normal)


@planted(
    "toleration-seconds-ignored",
    "a pod stays on a node with a NoExecute taint for its tolerationSeconds",
    "Kubernetes: Taint based Evictions",
    story="evictions",
    check="evicted-by-the-rules",
)
def toleration_seconds_ignored(patch: Patch) -> None:
    right = tainteviction.eviction_time

    def eviction_time(pod: Object, node: Object, now: float) -> float | None:
        found = right(pod, node, now)
        return None if found is None else now

    patch.setattr(tainteviction, "eviction_time", eviction_time)


@planted(
    "pods-of-the-silent-stay-ready",
    "pods on a node that has fallen silent are not ready",
    "Kubernetes: node lifecycle controller, MarkPodsNotReady",
    story="silences",
    check="no-dead-endpoints",
)
def pods_of_the_silent_stay_ready(patch: Patch) -> None:
    patch.setattr(tainteviction, "_must_be_marked", lambda pod, node: False)


# ── who leads ────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "no-renew-deadline",
    "who could not renew its lease for the renew deadline stops leading",
    "Kubernetes: client-go leaderelection, RenewDeadline",
    story="renewals",
    check="one-holder-per-lease",
)
def no_renew_deadline(patch: Patch) -> None:
    def expires(candidate: Candidate) -> float:
        return -math.inf if candidate.leading_since is None else candidate.leading_since + 1e6

    patch.setattr(Candidate, "expires", expires)


@planted(
    "woken-not-fenced",
    "who wakes from a pause writes nothing before it has looked whether it still leads",
    "cluster/client/election.py, rule 4 (Kleppmann: How to do distributed locking)",
    story="leaders",
    check="one-holder-per-lease",
)
def woken_not_fenced(patch: Patch) -> None:
    patch.setattr(Elector, "_fence", lambda elector: "")


# ── caches ───────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "missed-deletions",
    "what is not in a fresh list any more is gone, though no event said so",
    "Kubernetes: client-go, Replace (Sieve: unobserved states)",
    story="caches",
    check="caches-follow",
)
def missed_deletions(patch: Patch) -> None:
    def replaced(cache: Cache, kind: str, objects: Iterable[Object], revision: int) -> None:
        for obj in objects:
            cache._put(kind, cache._shelves[kind], obj)
        cache.passed(kind, revision)

    patch.setattr(Cache, "replace", replaced)


@planted(
    "goes-back-in-time",
    "who lists again asks for nothing older than what it has seen, and takes nothing older",
    "Kubernetes: client-go, relistResourceVersion (Sieve: stale states)",
    story="caches",
    check="caches-follow",
)
def goes_back_in_time(patch: Patch) -> None:
    """After each break it lists whatever the next apiserver has, and believes it."""
    listed, watched, put = Informer._list, Informer._watch, Cache._put
    replaced = Cache.replace

    async def relist(informer: Informer) -> None:
        informer.revision = 0
        await listed(informer)

    async def watch(informer: Informer) -> None:
        informer._relist = True
        await watched(informer)

    def take(cache: Cache, kind: str, shelf: Any, obj: Object) -> None:
        old = shelf.objects.get(meta.key_of(obj))
        if old is None or meta.revision_of(old) <= meta.revision_of(obj):
            put(cache, kind, shelf, obj)
            return
        shelf.objects[meta.key_of(obj)] = obj
        for callback in shelf.callbacks:
            callback(old, obj)

    def believe(cache: Cache, kind: str, objects: Iterable[Object], revision: int) -> None:
        shelf, listed = cache._shelves[kind], list(objects)
        names = [meta.key_of(obj) for obj in listed]
        for key in [key for key in shelf.keys if key not in names]:
            cache._drop(kind, shelf, key, meta.revision_of(shelf.objects[key]))
        shelf.stones.clear()
        replaced(cache, kind, listed, revision)

    patch.setattr(Cache, "replace", believe)
    patch.setattr(Informer, "_list", relist)
    patch.setattr(Informer, "_watch", watch)
    patch.setattr(Cache, "_put", take)
