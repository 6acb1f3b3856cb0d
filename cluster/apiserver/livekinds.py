"""Objects that are not kept but found out when somebody asks: ComponentStatuses and APIServices. They are read only.

Shell. Must not write. Source: Kubernetes, registry/core/componentstatus and kube-aggregator's local APIServices.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cluster.api.kind import Kind
from cluster.api.meta import Object, parse_time, timestamp
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError
from cluster.rpc import Rpc

LEADERS = {"controller-manager": "kube-controller-manager", "scheduler": "kube-scheduler"}
"""Component -> the Lease that whoever of it leads renews."""
PATIENCE = 2.0
"""Seconds that a member of the store is given to answer."""
PRIORITIES = {"": 18000, "apiregistration.k8s.io": 18000, "events.k8s.io": 17750, "apps": 17800, "autoscaling": 17500}
"""groupPriorityMinimum of some groups (Kubernetes: aggregator's apiVersionPriorities)."""
OTHERS, CUSTOM = 17000, 1000
AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"


class LiveKinds:
    """`members`: the store's, by host; none where it is asked as a whole (`revision`). `kinds`: all that are served."""

    def __init__(
        self,
        rpc: Rpc,
        cache: WatchCache,
        members: Collection[str],
        revision: Callable[[float], Any],
        kinds: Callable[[], Iterable[Kind]],
    ) -> None:
        self._rpc = rpc
        self._cache = cache
        self._members = members
        self._revision = revision
        self._kinds = kinds
        self._began = rpc.host.clock.now()

    async def of(self, kind: Kind, patience: float) -> list[Object]:
        """All objects of a kind that is read only, sorted by name. `patience`: seconds."""
        if kind.key == "ComponentStatus":
            return await self.components(min(patience, PATIENCE))
        return api_services(self._kinds(), timestamp(self._began))

    async def components(self, patience: float) -> list[Object]:
        now = self._rpc.host.clock.now()
        found = {name: self._leader(lease, now) for name, lease in LEADERS.items()}
        names = sorted(self._members) or ["etcd-0"]
        asked = await asyncio.gather(*(self._member(name, patience) for name in names))
        found |= dict(zip(names, asked, strict=True))
        return [component_status(name, *found[name]) for name in sorted(found)]

    def _leader(self, name: str, now: float) -> tuple[str, str]:
        """(what is wrong, what is said of it) of the Lease kube-system/NAME."""
        stored = self._cache.get("Lease", f"kube-system/{name}")
        return lease_health(None if stored is None else stored.obj, now)

    async def _member(self, name: str, patience: float) -> tuple[str, str]:
        try:
            if self._members:
                await self._rpc.call(name, "store.status", [], timeout=patience)
            else:
                await self._revision(patience)
        except StatusError as error:
            return error.message, ""
        return "", "ok"


def lease_health(lease: Object | None, now: float) -> tuple[str, str]:
    """(error, message): does somebody lead, and has renewed the Lease within its time?"""
    spec = (lease or {}).get("spec") or {}
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return "nobody leads", ""
    age = now - parse_time(renewed)
    if age > spec.get("leaseDurationSeconds", 15):
        return f"{holder} leads, and has renewed its Lease {math.floor(age)}s ago", ""
    return "", "ok"


def component_status(name: str, error: str, message: str) -> Object:
    condition = {"type": "Healthy", "status": "False" if error else "True"}
    condition |= {key: text for key, text in (("message", message or error), ("error", "")) if text}
    meta = {"name": name, "creationTimestamp": None}
    return {"apiVersion": "v1", "kind": "ComponentStatus", "metadata": meta, "conditions": [condition]}


# ── APIServices ──────────────────────────────────────────────────────────────────────────────────────────────


def api_services(kinds: Iterable[Kind], stamp: str) -> list[Object]:
    """One for each group version that is served; this server serves them all."""
    places: dict[tuple[str, str], Kind] = {}
    ranks: dict[str, int] = {}
    for kind in kinds:
        if (kind.group, kind.version) not in places:
            places[kind.group, kind.version] = kind
    found = []
    for (group, version), kind in places.items():
        rank = ranks[group] = ranks.get(group, 16) - 1
        found.append(_api_service((group, version), kind.custom, rank, stamp))
    return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))


def _api_service(place: tuple[str, str], custom: bool, rank: int, stamp: str) -> Object:
    group, version = place
    condition: Mapping[str, Any] = {
        "type": "Available",
        "status": "True",
        "reason": "Local",
        "message": "Local APIServices are always available",
        "lastTransitionTime": stamp,
    }
    spec: Object = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": CUSTOM if custom else PRIORITIES.get(group, OTHERS),
        "versionPriority": max(1, rank),
    }
    name = f"{version}.{group}"
    labels = {AUTOMANAGED: "true" if custom else "onstart"}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name, "uid": f"apiservice-{name}", "creationTimestamp": stamp, "labels": labels},
        "spec": {key: value for key, value in spec.items() if value != ""},
        "status": {"conditions": [condition]},
    }
