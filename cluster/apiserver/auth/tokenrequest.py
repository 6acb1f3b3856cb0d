"""TokenRequest: which token is asked for, and the answer with it.

Pure. Must not sign. Source: Kubernetes API, TokenRequest (pkg/registry/core/serviceaccount/storage/token.go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.api.fielderrors import FieldError
from cluster.api.kinds import KINDS
from cluster.api.meta import deleting, timestamp
from cluster.apiserver import refusals
from cluster.apiserver.auth.tokens import DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS, Bound, Find, Terms
from cluster.errors import StatusError

Object = dict[str, Any]
API_VERSION, KIND = "authentication.k8s.io/v1", "TokenRequest"
BOUND_TO = {"Pod": "v1", "Secret": "v1", "Node": "v1"}


MOUNTED_SECONDS, YEAR = 3607, 365 * 24 * 3600
"""What admission writes into pods: such a token is good for a year, for clients that read it once (Kubernetes:
--service-account-extend-token-expiration); it ends with its pod all the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    audiences: tuple[str, ...]
    seconds: int
    bound: Bound | None = None
    node: Bound | None = None
    lasting: int = 0


def read(request: Object, sa: Object | None, place: tuple[str, str], find: Find) -> Asked:
    """What it asks for. `place`: (namespace, name) of the account. NotFound, Invalid, Conflict, BadRequest."""
    namespace, name = place
    if sa is None or deleting(sa):
        raise refusals.not_found(KINDS["ServiceAccount"], name)
    for field, right in (("kind", KIND), ("apiVersion", API_VERSION)):
        if request.get(field, right) != right:
            raise refusals.bad_request(f"the object's {field} is {request[field]!s:.64}; this is for {right}")
    spec = request.get("spec") or {}
    if type(spec) is not dict:
        raise refusals.bad_request("spec is a map")
    audiences = spec.get("audiences") or []
    seconds = spec.get("expirationSeconds")
    seconds = DEFAULT_SECONDS if seconds is None else seconds
    if type(audiences) is not list or any(type(word) is not str for word in audiences):
        raise refusals.bad_request("spec.audiences is a list of strings")
    if type(seconds) is not int:
        raise refusals.bad_request("spec.expirationSeconds is a whole number")
    if seconds < LEAST_SECONDS:
        raise _invalid(f"Invalid value: {seconds}: may not specify a duration less than 10 minutes")
    if seconds > MOST_SECONDS:
        raise _invalid(f"Invalid value: {seconds}: may not specify a duration larger than 2^32 seconds")
    bound, node = _bound(spec.get("boundObjectRef"), sa, namespace, find)
    mounted = seconds == MOUNTED_SECONDS and bound is not None and bound.kind == "Pod" and not audiences
    return Asked(tuple(audiences), seconds, bound, node, YEAR if mounted else 0)


def _bound(ref: Any, sa: Object, namespace: str, find: Find) -> tuple[Bound | None, Bound | None]:
    if not ref:
        return None, None
    if type(ref) is not dict:
        raise refusals.bad_request("spec.boundObjectRef is a map")
    kind, name, uid = (str(ref.get(field) or "") for field in ("kind", "name", "uid"))
    if kind not in BOUND_TO or ref.get("apiVersion", "v1") != "v1":
        text = f"cannot bind token for serviceaccount {sa['metadata']['name']!r} to object of kind {kind!r}"
        raise refusals.bad_request(text.replace("'", '"'))
    found = find(kind, name if kind == "Node" else f"{namespace}/{name}")
    if found is None:
        raise refusals.not_found(KINDS[kind], name)
    real = found["metadata"]["uid"]
    if uid and uid != real:
        why = (
            f"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have "
            "been deleted and then recreated"
        )
        raise refusals.conflict(KINDS[kind], name, why)
    account = (found.get("spec") or {}).get("serviceAccountName")
    if kind == "Pod" and account != sa["metadata"]["name"]:
        raise refusals.bad_request(
            f'cannot bind token for serviceaccount "{sa["metadata"]["name"]}" to pod running with different '
            "serviceaccount name."
        )
    node = None
    if kind == "Pod" and (on := (found.get("spec") or {}).get("nodeName")):
        machine = find("Node", on)
        node = Bound("Node", on, machine["metadata"]["uid"] if machine else "")
    return Bound(kind, name, real), node


def _invalid(why: str) -> StatusError:
    error = FieldError("spec.expirationSeconds", "FieldValueInvalid", why)
    causes = [{"field": error.path, "reason": error.reason, "message": error.message}]
    details = {"group": "authentication.k8s.io", "kind": KIND, "causes": causes}
    text = f'{KIND}.authentication.k8s.io "" is invalid: {error.path}: {why}'
    return StatusError("Invalid", text, details)


def answered(request: Object, terms: Terms, now: float, token: str) -> Object:
    """The request, filled in."""
    spec = {**(request.get("spec") or {}), "audiences": list(terms.audiences), "expirationSeconds": terms.seconds}
    meta = {**(request.get("metadata") or {}), "creationTimestamp": timestamp(now)}
    status = {"token": token, "expirationTimestamp": timestamp(now + terms.seconds)}
    return {"kind": KIND, "apiVersion": API_VERSION, "metadata": meta, "spec": spec, "status": status}
