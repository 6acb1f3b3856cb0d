"""TokenReview: whose token is this, and for whom is it meant?

Shell only in that it may wait for the cache. Must not decide: the gate does. Source: Kubernetes API, TokenReview.
"""

from __future__ import annotations

from typing import Any

from cluster.apiserver.auth.gate import Gate
from cluster.apiserver.auth.tokens import Rejected
from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest.userinfo import user_info

Object = dict[str, Any]


async def answer(body: Any, gate: Gate | None, timeout: float) -> Object:
    """The TokenReview with its status. BadRequest."""
    spec = body.get("spec") if type(body) is dict else None
    if type(spec) is not dict:
        raise bad_request("spec is a map")
    token, audiences = spec.get("token") or "", spec.get("audiences") or []
    if type(token) is not str or type(audiences) is not list or any(type(word) is not str for word in audiences):
        raise bad_request("spec.token is a string and spec.audiences a list of strings")
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    head = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {"creationTimestamp": None}}
    return {**head, "spec": spec, "status": await _status(token, audiences, gate, timeout)}


async def _status(token: str, audiences: list[str], gate: Gate | None, timeout: float) -> Object:
    if gate is None:
        return {"authenticated": False, "user": {}, "error": "this server knows no tokens"}
    for audience in audiences or [gate.access.issuer]:
        try:
            who = await gate.user_of(token, (audience,), timeout)
        except Rejected as error:
            why = str(error)
        else:
            meant = [audience, *(other for other in audiences if other != audience and gate.means(token, other))]
            return {"authenticated": True, "user": user_info(who), "audiences": meant}
    return {"authenticated": False, "user": {}, "error": f"[invalid bearer token, {why}]"}
