"""Approved certificate requests get their certificate, if they ask for what their signer gives.

Must not approve, nor touch files: the authority comes in. Source: Kubernetes, "Kubernetes signers" (signer.go).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.csrapproving import KIND, NODE, NODES, keys_of
from cluster.controllers.plan import DONE, Plan, Update

if TYPE_CHECKING:
    from cluster.pki.authority import Pair
    from cluster.pki.requests import Requested

CLIENT, KUBELET = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"
SIGNERS = (CLIENT, KUBELET, SERVING)
SECONDS, LEAST_SECONDS = 365 * 24 * 3600, 600
_BOTH = ("key encipherment", "digital signature")


def reconcile(ca: Pair, view: View, key: str, ctx: Context) -> Plan:
    from cluster.pki.requests import Unreadable, read, sign

    csr = view.get(KIND, "", key)
    if csr is None or csr["spec"].get("signerName") not in SIGNERS:
        return DONE
    spec, status = csr["spec"], csr.get("status") or {}
    types = [c.get("type") for c in status.get("conditions") or ()]
    if status.get("certificate") or "Approved" not in types or "Denied" in types or "Failed" in types:
        return DONE
    usages, signer = spec.get("usages") or (), spec["signerName"]
    try:
        asked = read(str(spec.get("request") or ""))
        why = wrong_for(signer, asked, usages)
        if not why:
            now = datetime.fromtimestamp(ctx.now, UTC)
            seconds = max(LEAST_SECONDS, min(int(spec.get("expirationSeconds") or SECONDS), SECONDS))
            signed = sign(ca, str(spec["request"]), usages, now, seconds)
            return Plan((Update({**csr, "status": {**status, "certificate": signed}}, "status"),))
    except Unreadable as error:
        why = str(error)
    stamp = meta.timestamp(ctx.now)
    failed = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": why}
    failed |= {"lastUpdateTime": stamp, "lastTransitionTime": stamp}
    conditions = [*(status.get("conditions") or ()), failed]
    return Plan((Update({**csr, "status": {**status, "conditions": conditions}}, "status"),))


def wrong_for(signer: str, asked: Requested, usages: Collection[str]) -> str:
    """Why a signer does not give what is asked for; "" if it does."""
    wanted = "server auth" if signer == SERVING else "client auth"
    subject = asked.subject
    if signer == CLIENT:
        if "client auth" not in usages:
            return "invalid usages for client certificate"
        return _beyond(usages, "client auth")
    if subject.groups != (NODES,):
        return f"organization in CSR does not match [{NODES}]"
    if not subject.name.startswith(NODE) or subject.name == NODE:
        return f"subject common name does not begin with {NODE}"
    if signer == KUBELET and (asked.names or asked.addresses or asked.others):
        return "DNS SANs are not allowed: a kubelet's client certificate is good for no host"
    if signer == SERVING:
        if not (asked.names or asked.addresses):
            return "at least one DNS or IP subjectAltName is required"
        if asked.others or not all(map(_is_address, asked.addresses)):
            return "email and URI subjectAltNames are not allowed"
    if not {"digital signature", wanted} <= set(usages):
        return f"usages did not match [{', '.join((*_BOTH, wanted))}]"
    return _beyond(usages, wanted)


def _beyond(usages: Collection[str], wanted: str) -> str:
    allowed = (*_BOTH, wanted)
    return "" if set(usages) <= set(allowed) else f"usages did not match [{', '.join(allowed)}]"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def controller(ca: Pair) -> Controller:
    return Controller(name="csrsigning", kinds=(KIND,), keys=keys_of, reconcile=partial(reconcile, ca))
