"""What a ServiceAccount's token says, and whether that still holds: its account, what it is bound to, its time.

Pure. Must not sign or verify: `cluster.pki.keyring` does. Source: Kubernetes, "Configure Service Accounts for Pods"
(pkg/serviceaccount: claims.go, legacy.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api.meta import deleting
from cluster.apiserver.auth.rules import ACCOUNT, Who, account

Object = dict[str, Any]
Find = Callable[[str, str], Object | None]
"""(kind, key) to the object as last heard of."""

PRIVATE = "kubernetes.io"
LEGACY_ISSUER, LEGACY = "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/"
EXTRA = "authentication.kubernetes.io/"
LEAST_SECONDS, MOST_SECONDS, DEFAULT_SECONDS = 600, 1 << 32, 3600
SLACK = 10
"""Seconds by which clocks of one cluster may differ."""


class Rejected(Exception):
    """Why a token is not accepted. `newer`: an object is not known, which a fresher look may change."""

    def __init__(self, why: str, *, newer: bool = False) -> None:
        super().__init__(why)
        self.newer = newer


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token ends with: "Pod", "Secret" or "Node"."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Terms:
    """`audiences`: whom it is for. `seconds`: how long it is good. `serial`: of this token among all."""

    issuer: str
    audiences: tuple[str, ...]
    seconds: int
    serial: str
    bound: Bound | None = None
    node: Bound | None = None
    """Where the pod is that it is bound to."""
    lasting: int = 0
    """Seconds after which it really ends, if that is later."""


def claims_of(sa: Object, terms: Terms, now: float) -> Object:
    """Of a token for an account."""
    meta = sa["metadata"]
    private: Object = {
        "namespace": meta["namespace"],
        "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
    }
    for bound in (terms.node, terms.bound):
        if bound is not None:
            private[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
    if terms.lasting:
        private["warnafter"] = int(now) + terms.seconds
    return {
        "aud": list(terms.audiences),
        "exp": int(now) + (terms.lasting or terms.seconds),
        "iat": int(now),
        "nbf": int(now),
        "iss": terms.issuer,
        "jti": terms.serial,
        "sub": f"{ACCOUNT}{meta['namespace']}:{meta['name']}",
        PRIVATE: private,
    }


def legacy_claims(sa: Object, secret: Object) -> Object:
    """Of a token in a Secret of type kubernetes.io/service-account-token: good until the Secret or the account goes."""
    meta = sa["metadata"]
    return {
        "iss": LEGACY_ISSUER,
        LEGACY + "namespace": meta["namespace"],
        LEGACY + "secret.name": secret["metadata"]["name"],
        LEGACY + "service-account.name": meta["name"],
        LEGACY + "service-account.uid": meta["uid"],
        "sub": f"{ACCOUNT}{meta['namespace']}:{meta['name']}",
    }


def accepted(claims: Mapping[str, Any], issuer: str, audiences: Sequence[str], find: Find, now: float) -> Who:
    """The user. Rejected with the reason."""
    if claims.get("iss") == LEGACY_ISSUER:
        return _legacy(claims, find)
    if claims.get("iss") != issuer:
        raise Rejected("it was issued by another cluster")
    ends, begins = claims.get("exp"), claims.get("nbf") or 0
    if not isinstance(ends, int) or not isinstance(begins, int):
        raise Rejected("it does not say how long it is good")
    if now > ends + SLACK:
        raise Rejected("service account token has expired")
    if now < begins - SLACK:
        raise Rejected("service account token is not valid yet")
    meant = claims.get("aud") or []
    if not set(audiences) & set(meant if isinstance(meant, list) else [meant]):
        raise Rejected("it is meant for another audience")
    private = _map(claims.get(PRIVATE))
    namespace = str(private.get("namespace") or "")
    named = _map(private.get("serviceaccount"))
    _same(find, "ServiceAccount", namespace, named)
    extra = [(EXTRA + "credential-id", (f"JTI={claims.get('jti')}",))]
    for word, kind in (("secret", "Secret"), ("pod", "Pod"), ("node", "Node")):
        ref = _map(private.get(word))
        if not ref:
            continue
        if kind != "Node" or not private.get("pod"):  # the pod's node is told, but not what it is bound to
            _same(find, kind, "" if kind == "Node" else namespace, ref)
        if kind != "Secret":
            extra += [(f"{EXTRA}{word}-name", (str(ref["name"]),)), (f"{EXTRA}{word}-uid", (str(ref["uid"]),))]
    return account(namespace, str(named["name"]), str(named["uid"]), tuple(extra))


def _legacy(claims: Mapping[str, Any], find: Find) -> Who:
    namespace, name = (
        str(claims.get(LEGACY + "namespace") or ""),
        str(claims.get(LEGACY + "service-account.name") or ""),
    )
    uid = str(claims.get(LEGACY + "service-account.uid") or "")
    _same(find, "ServiceAccount", namespace, {"name": name, "uid": uid})
    key = f"{namespace}/{claims.get(LEGACY + 'secret.name')}"
    secret = find("Secret", key)
    if secret is None or deleting(secret):
        raise Rejected("service account token has been invalidated: its Secret is gone", newer=secret is None)
    return account(namespace, name, uid)


def _same(find: Find, kind: str, namespace: str, ref: Mapping[str, Any]) -> None:
    """The object still is the one that was meant."""
    name, uid = str(ref.get("name") or ""), str(ref.get("uid") or "")
    found = find(kind, f"{namespace}/{name}" if namespace else name)
    if found is None:
        raise Rejected(f'{_words(kind)} "{name}" not found', newer=True)
    if found["metadata"].get("uid") != uid:
        text = f"{_words(kind)} UID ({found['metadata'].get('uid')}) does not match claim ({uid})"
        raise Rejected(text, newer=True)
    if kind == "ServiceAccount" and deleting(found):
        raise Rejected("service account has been deleted")


def _words(kind: str) -> str:
    return "service account" if kind == "ServiceAccount" else kind.lower()


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
