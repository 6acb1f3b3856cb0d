"""What every cluster has from its first moment: four namespaces, the Service default/kubernetes and what is behind it.

Shell. Idempotent, and several apiservers may do it at once. Must not change what is there.
"""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.api.kinds import KINDS
from cluster.api.meta import key_of
from cluster.apiserver.allocation import Ranges
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.request import Call
from cluster.apiserver.verbs import Verbs
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError

Object = dict[str, Any]

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
PAUSE = 0.2
"""Seconds between tries while the store does not answer."""


def objects(ranges: Ranges, advertise: str = "") -> list[Object]:
    """In the order in which they have to be made. `advertise`: the address behind the Service, "" for none."""
    found: list[Object] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "targetPort": 6443, "protocol": "TCP"}
    found.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {"clusterIP": ranges.first_address, "ports": [port]},
        }
    )
    return [*found, *_behind(advertise)] if advertise else found


def _behind(address: str) -> list[Object]:
    """What proxies send those to who ask the Service."""
    port = {"name": "https", "port": 6443, "protocol": "TCP"}
    place = {"name": "kubernetes", "namespace": "default"}
    unmirrored = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {**place, "labels": unmirrored},
            "subsets": [{"addresses": [{"ip": address}], "ports": [port]}],
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**place, "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [port],
        },
    ]


async def bootstrap(verbs: Verbs, cache: WatchCache, ranges: Ranges, timeout: float, advertise: str = "") -> None:
    """Until all of them are there. In a cluster that has them nothing is asked of the store: a restarted apiserver
    must be able to serve what it has when no majority can be reached."""
    for obj in objects(ranges, advertise):
        if cache.get(obj["kind"], key_of(obj)) is not None:
            continue
        made = await _made(verbs, obj, timeout)
        while not made:
            await asyncio.sleep(PAUSE)
            made = await _made(verbs, obj, timeout)


async def _made(verbs: Verbs, obj: Object, timeout: float) -> bool:
    call = Call(Arguments({"object": obj}), asyncio.get_running_loop().time() + timeout)
    try:
        await verbs.create(KINDS[obj["kind"]], call)
    except StatusError as error:
        # Timeout: it may have been made. The next try finds out.
        if error.reason in ("Timeout", "ServiceUnavailable"):
            return False
        # Another apiserver was faster: it has the name, and for the Service the address.
        if error.reason not in ("AlreadyExists", "Invalid"):
            raise
        return error.reason == "AlreadyExists"
    return True
