"""Secrets of type kubernetes.io/service-account-token: filled with a token, gone with their account.

Must not sign: `sign` comes in. Source: Kubernetes, "Manually create an API token for a ServiceAccount"
(tokens_controller.go).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Delete, Object, Plan, Update, Verify

TYPE = "kubernetes.io/service-account-token"
NAME, UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
ISSUER, CLAIM = "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/"
Sign = Callable[[dict[str, Any]], str]


def claims(account: Object, secret: Object) -> dict[str, Any]:
    """Of a token that is good until Secret or account goes (Kubernetes: legacy.go)."""
    namespace, name = meta.namespace_of(account), meta.name_of(account)
    return {
        "iss": ISSUER,
        CLAIM + "namespace": namespace,
        CLAIM + "secret.name": meta.name_of(secret),
        CLAIM + "service-account.name": name,
        CLAIM + "service-account.uid": meta.uid_of(account),
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def reconcile(sign: Sign, ca: str, view: View, key: str, ctx: Context) -> Plan:
    """`ca`: PEM, of the cluster's authority."""
    namespace, name = meta.split_key(key)
    secret = view.get("Secret", namespace, name)
    if secret is None or secret.get("type") != TYPE or meta.deleting(secret):
        return DONE
    notes = meta.annotations_of(secret)
    account = view.get("ServiceAccount", namespace, notes.get(NAME, ""))
    known = notes.get(UID)
    if account is None or (known and known != meta.uid_of(account)):
        # A new Secret may be heard of before its account: a live look decides.
        if account is not None:
            return Plan((Delete("Secret", namespace, name, meta.uid_of(secret)),))
        gone = Verify("ServiceAccount", namespace, notes.get(NAME, ""), "unchanged")
        return Plan((gone, Delete("Secret", namespace, name, meta.uid_of(secret))))
    data = secret.get("data") or {}
    wanted = {"ca.crt": _coded(ca), "namespace": _coded(namespace)}
    if known and data.get("token") and wanted.items() <= data.items():
        return DONE
    token = data.get("token") or _coded(sign(claims(account, secret)))
    about = {**secret["metadata"], "annotations": {**notes, UID: meta.uid_of(account)}}
    return Plan((Update({**secret, "metadata": about, "data": {**data, **wanted, "token": token}}),))


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    obj = new or old or {}
    if kind == "Secret":
        if obj.get("type") == TYPE:
            yield meta.key_of(obj)
    elif old is None or new is None:
        for secret in view.list("Secret", meta.namespace_of(obj)):
            if secret.get("type") == TYPE and meta.annotations_of(secret).get(NAME) == meta.name_of(obj):
                yield meta.key_of(secret)


def controller(sign: Sign, ca: str) -> Controller:
    return Controller(
        name="tokens-controller",
        kinds=("Secret", "ServiceAccount"),
        keys=_keys,
        reconcile=partial(reconcile, sign, ca),
    )
