"""Planted bugs of the proxy, and of how it hears of Services. Must not contain correct code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cluster.client.cache import Cache
from nodes.proxy import table
from nodes.proxy.table import Changes, Table
from tests.store.raft.bugs import Patch
from tests.zoo.bug import Bug, register

BUGS: dict[str, Bug] = {}
planted = register("proxy", BUGS)
Object = dict[str, Any]


@planted(
    "endpoints-never-leave",
    "an endpoint that is gone from its slice gets no connections",
    "Kubernetes: Virtual IPs and Service Proxies",
    story="services",
    check="proxies-follow",
)
def endpoints_never_leave(patch: Patch) -> None:
    right = Table.slice

    def slice(self: Table, old: Object | None, new: Object | None) -> Changes:
        if old is not None and new is not None:
            both = [*(old.get("endpoints") or ()), *(new.get("endpoints") or ())]
            kept = {e["addresses"][0]: e for e in both if e["conditions"]["ready"]}
            new["endpoints"] = list(kept.values())
        return right(self, old, new)

    patch.setattr(Table, "slice", slice)


@planted(
    "unready-endpoints-served",
    "connections go to endpoints that are ready",
    "Kubernetes: Virtual IPs and Service Proxies",
    story="silences",
    check="proxies-follow",
)
def unready_endpoints_served(patch: Patch) -> None:
    right = table._states

    def states(entry: Object, port: int) -> list[Any]:
        return right({**entry, "conditions": {}}, port)

    patch.setattr(table, "_states", states)


@planted(
    "relist-not-told",
    "what a fresh list shows to have changed is told like an event",
    "Kubernetes: client-go, DeltaFIFO.Replace (Sieve: unobserved states)",
    story="lists",
    check="proxies-follow",
)
def relist_not_told(patch: Patch) -> None:
    right = Cache.replace

    def replace(cache: Cache, kind: str, objects: Iterable[Object], revision: int) -> None:
        shelf = cache._shelves[kind]
        told = shelf.callbacks
        if shelf.objects:
            shelf.callbacks = []
        right(cache, kind, objects, revision)
        shelf.callbacks = told

    patch.setattr(Cache, "replace", replace)
