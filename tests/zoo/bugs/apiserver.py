"""Planted bugs of the apiserver. Must not contain correct code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cluster.api import meta as m
from cluster.api.kinds import Kind
from cluster.apiserver import registry, subresources
from cluster.apiserver.feed import Feed
from cluster.apiserver.hub import Hub
from cluster.apiserver.registry import Outcome
from cluster.apiserver.storage import Storage, Write, Written
from cluster.apiserver.watchcache import Change, WatchCache
from tests.store.raft.bugs import Patch
from tests.zoo.bug import Bug, register

BUGS: dict[str, Bug] = {}
planted = register("apiserver", BUGS)
Object = dict[str, Any]


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "lost-update",
    "an update that names a resourceVersion is refused when the object has changed since",
    "Kubernetes API conventions: concurrency control",
    story="registers",
    check="linearizable",
)
def lost_update(patch: Patch) -> None:
    right = registry.check_preconditions

    def check(kind: Kind, old: Object, uid: str, resource_version: str) -> None:
        right(kind, old, uid, "")

    patch.setattr(registry, "check_preconditions", check)


@planted(
    "create-overwrites",
    "a create, under a generated name too, is refused when the name is taken",
    "Kubernetes API conventions: names",
    story="names",
    check="created-once",
)
def create_overwrites(patch: Patch) -> None:
    """The write says: whatever is there, instead of: nothing must be there."""
    right = Storage.commit

    async def commit(storage: Storage, write: Write, timeout: float) -> Written:
        if write.expected == 0 and write.obj is not None:
            found = await storage.get(write.kind, write.key, timeout)
            write = replace(write, expected=found.revision if found else 0)
        return await right(storage, write, timeout)

    patch.setattr(Storage, "commit", commit)


@planted(
    "status-overwrites-spec",
    "a write of the status subresource changes nothing but status",
    "Kubernetes API conventions: spec and status",
    story="names",
    check="status-apart",
)
def status_overwrites_spec(patch: Patch) -> None:
    right = subresources.set_status

    def set_status(kind: Kind, old: Object, given: Object) -> Outcome:
        return right(kind, {**old, "spec": given.get("spec", old.get("spec"))}, given)

    patch.setattr(subresources, "set_status", set_status)


@planted(
    "bound-again",
    "a pod that has a node is not bound again",
    "Kubernetes: BindingREST.setPodHostAndAnnotations",
    story="names",
    check="bound-once",
)
def bound_again(patch: Patch) -> None:
    right = subresources.bind

    def bind(kind: Kind, old: Object, node: str, uid: str, now: float) -> Outcome:
        free = {**old, "spec": {k: v for k, v in old["spec"].items() if k != "nodeName"}}
        return right(kind, free, node, uid, now)

    patch.setattr(subresources, "bind", bind)


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "vanishing-pod",
    "a pod that is on a node is marked for deletion, and stays until its kubelet has stopped it",
    "Kubernetes: Termination of Pods",
    story="gentle",
    check="deletion-announced",
)
def vanishing_pod(patch: Patch) -> None:
    patch.setattr(registry, "_grace", lambda kind, old, asked: 0)


@planted(
    "finalizers-ignored",
    "an object that has finalizers is only marked, and removed with the last of them",
    "Kubernetes: Finalizers",
    story="names",
    check="finalizers-held",
)
def finalizers_ignored(patch: Patch) -> None:
    right = registry.removable

    def removable(obj: Object) -> bool:
        meta = {k: v for k, v in obj["metadata"].items() if k != "finalizers"}
        return right({**obj, "metadata": meta})

    patch.setattr(registry, "removable", removable)


@planted(
    "namespace-goes-early",
    "a namespace whose own finalizers are not done is not removed",
    "Kubernetes: Namespaces (finalizers)",
    story="namespaces",
    check="namespaces-emptied",
)
def namespace_goes_early(patch: Patch) -> None:
    def removable(obj: Object) -> bool:
        held = m.finalizers_of(obj) or obj["metadata"].get("deletionGracePeriodSeconds")
        return m.deleting(obj) and not held

    patch.setattr(registry, "removable", removable)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


@planted(
    "stale-list",
    "a list without a resourceVersion is as new as the store is at that moment",
    "Kubernetes API concepts: resourceVersion unset means most recent",
    story="registers",
    check="linearizable",
)
def stale_list(patch: Patch) -> None:
    async def fresh(feed: Feed, timeout: float) -> None:
        await feed.ready()

    patch.setattr(Feed, "fresh", fresh)


@planted(
    "watch-resumes-late",
    "a watch from version n tells what came after n, the first of it too",
    "Kubernetes API concepts: efficient detection of changes",
    story="watching",
    check="watch-tells-all",
)
def watch_resumes_late(patch: Patch) -> None:
    right = WatchCache.since

    def since(cache: WatchCache, kind: str, revision: int) -> Sequence[Change]:
        return right(cache, kind, revision)[1:]

    patch.setattr(WatchCache, "since", since)


@planted(
    "no-410",
    "a watch from a version that the cache has forgotten (or never knew) is told so: 410 Gone",
    "Kubernetes API concepts: 410 Gone",
    story="watching",
    check="watch-tells-all",
)
def no_410(patch: Patch) -> None:
    right = WatchCache.since

    def since(cache: WatchCache, kind: str, revision: int) -> Sequence[Change]:
        return right(cache, kind, max(revision, cache._shelves[kind].floor))

    patch.setattr(WatchCache, "since", since)


@planted(
    "bookmark-ahead",
    "a bookmark names a version up to which everything has been told",
    "Kubernetes API concepts: watch bookmarks",
    story="watching",
    check="watch-tells-all",
)
def bookmark_ahead(patch: Patch) -> None:
    right = Hub.bookmark
    patch.setattr(Hub, "bookmark", lambda hub, revision: right(hub, revision + 3))
