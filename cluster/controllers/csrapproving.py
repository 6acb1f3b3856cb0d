"""Certificate requests of kubelets for themselves are approved without a person.

Must not sign. Source: Kubernetes, "Certificate Signing Requests" (csrapproving: sarapprove.go, recognizers). There a
SubjectAccessReview decides; here its usual outcome does: who came with a bootstrap token, and a node for itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Object, Plan, Update

KIND = "CertificateSigningRequest"
SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
NODE, NODES, BOOTSTRAPPERS = "system:node:", "system:nodes", "system:bootstrappers"


def decided(csr: Object) -> bool:
    conditions = (csr.get("status") or {}).get("conditions") or ()
    return any(c.get("type") in ("Approved", "Denied") for c in conditions)


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    from cluster.controllers.csrsigning import wrong_for  # reads certificates: only where there are some
    from cluster.pki.requests import Unreadable, read

    csr = view.get(KIND, "", key)
    if csr is None or decided(csr) or csr["spec"].get("signerName") != SIGNER:
        return DONE
    spec = csr["spec"]
    try:
        asked = read(str(spec.get("request") or ""))
    except Unreadable:
        return DONE
    if wrong_for(SIGNER, asked, spec.get("usages") or ()):
        return DONE
    groups, user = spec.get("groups") or (), str(spec.get("username") or "")
    if NODES in groups and user.startswith(NODE):
        if user != asked.subject.name:
            return DONE
        text = "Auto approving self kubelet client certificate after SubjectAccessReview."
    elif BOOTSTRAPPERS in groups:
        text = "Auto approving kubelet client certificate after SubjectAccessReview."
    else:
        return DONE
    stamp = meta.timestamp(ctx.now)
    condition = {"type": "Approved", "status": "True", "reason": "AutoApproved", "message": text}
    condition |= {"lastUpdateTime": stamp, "lastTransitionTime": stamp}
    status = csr.get("status") or {}
    approved = {**csr, "status": {**status, "conditions": [*(status.get("conditions") or ()), condition]}}
    return Plan((Update(approved, "approval"),))


def keys_of(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if new is not None:
        yield meta.name_of(new)


CONTROLLER = Controller(name="csrapproving", kinds=(KIND,), keys=keys_of, reconcile=reconcile)
