"""ServiceAccount, second part: every container finds its account's token, unless pod or account does not want it.

Pure. Must not make tokens: the kubelet asks for one when the pod starts. Source: Kubernetes, "ServiceAccount admission
controller" and "Bound service account token volume".
"""

from __future__ import annotations

from typing import Any

from cluster.api.meta import safe_encode, uid_of
from cluster.apiserver.admission.review import CREATE, Plugin, Review, Sources, maps

Object = dict[str, Any]
PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
PREFIX = "kube-api-access-"
SECONDS = 3607
"""As Kubernetes asks for, so that one that was asked for by hand can be told apart."""
ROOT_CA = "kube-root-ca.crt"


def mount(review: Review, sources: Sources) -> None:
    spec = review.spec()
    account = sources.find("ServiceAccount", f"{review.namespace}/{spec.get('serviceAccountName')}") or {}
    if "kubernetes.io/config.mirror" in (review.current["metadata"].get("annotations") or {}):
        return
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken"))
    fields: Object = {}
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        fields["imagePullSecrets"] = account["imagePullSecrets"]
    if wanted is not False:
        fields |= _mounted(review, spec)
    if fields:
        review.with_spec(**fields)


def _mounted(review: Review, spec: Object) -> Object:
    """The volume, and its mount in each container that has nothing at that path; {} if all have."""
    there = [v for v in maps(spec.get("volumes")) if str(v.get("name")).startswith(PREFIX) and v.get("projected")]
    letters = uid_of(review.current).replace("-", "")[:5]
    name = there[0]["name"] if there else PREFIX + safe_encode(letters)
    fields: Object = {}
    for word in ("initContainers", "containers"):
        before = spec.get(word)
        if type(before) is list and all(type(container) is dict for container in before):
            after = [_with_mount(container, name) for container in before]
            if after != before:
                fields[word] = after
    volumes = spec.get("volumes") or []
    if fields and not there and type(volumes) is list:
        fields["volumes"] = [*volumes, volume(name)]
    return fields


def _with_mount(container: Object, name: str) -> Object:
    mounts = container.get("volumeMounts") or []
    if type(mounts) is not list or any(type(m) is not dict or m.get("mountPath") == PATH for m in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, {"name": name, "readOnly": True, "mountPath": PATH}]}


def volume(name: str) -> Object:
    """token, ca.crt and namespace."""
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": SECONDS, "path": "token"}},
        {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"defaultMode": 0o644, "sources": sources}}


PLUGIN = Plugin("ServiceAccount", {CREATE: ("Pod",)}, mutate=mount)
