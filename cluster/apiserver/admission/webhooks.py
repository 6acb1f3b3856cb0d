"""Webhooks: which are asked about a request, what they are sent, and what their answers mean.

Pure. Must not send: see cluster/apiserver/hooks.py. Source: admission.k8s.io/v1 AdmissionReview; Kubernetes,
apiserver/pkg/admission/plugin/webhook.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cluster.api.meta import name_of, new_uid
from cluster.api.patch import apply
from cluster.apiserver.admission.cel import Budget, CelError
from cluster.apiserver.admission.review import Object, Review, Sources, maps
from cluster.apiserver.admission.rules import EXEMPT, Facts, conditions, matches, request_of
from cluster.errors import StatusError

MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
NO_EFFECT = ("None", "NoneOnDryRun")
TIMEOUT = 10.0
"""Seconds, of a webhook that names no time."""
BY_CODE = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "TooLarge",
    422: "Invalid",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of one configuration."""

    configuration: str
    spec: Object
    mutating: bool

    @property
    def name(self) -> str:
        return str(self.spec.get("name", ""))

    @property
    def timeout(self) -> float:
        return float(self.spec.get("timeoutSeconds") or TIMEOUT)

    @property
    def ignores(self) -> bool:
        """Whether a failure to get an answer lets the request pass."""
        return bool(self.spec.get("failurePolicy", "Fail") == "Ignore")

    @property
    def again(self) -> bool:
        return bool(self.spec.get("reinvocationPolicy") == "IfNeeded")


def concerned(review: Review, sources: Sources, kind: str) -> Iterator[Hook]:
    """The webhooks that are to be asked, in order. A StatusError when that cannot be found out, and must be."""
    if review.kind.key in EXEMPT:
        return
    facts = Facts(review, sources)
    for configuration in sorted(sources.all(kind), key=name_of):
        for spec in maps(configuration.get("webhooks")):
            hook = Hook(name_of(configuration), spec, kind == MUTATING)
            if not matches(spec, facts, rules="rules"):
                continue
            try:
                if not conditions(spec, facts, Budget()):
                    continue
            except CelError as error:
                if hook.ignores:
                    continue
                raise review.forbidden(f"{hook.name}: {error}") from None
            if review.dry_run and spec.get("sideEffects") not in NO_EFFECT:
                raise StatusError("BadRequest", f'admission webhook "{hook.name}" does not support dry run')
            yield hook


def question(review: Review, rng: Random) -> tuple[str, Object]:
    """(uid, AdmissionReview) of a request."""
    uid = new_uid(rng)
    request = {"uid": uid, **request_of(review), "object": review.obj, "oldObject": review.old}
    return uid, {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def understood(hook: Hook, uid: str, answer: Any, review: Review) -> None:
    """What an answer does: changes, warns, notes for the audit, or refuses (StatusError). ValueError for an answer that
    is none, which is a failure of the webhook's."""
    response = answer.get("response") if type(answer) is dict else None
    if type(response) is not dict:
        raise ValueError("webhook response did not contain a response")
    version = answer.get("apiVersion"), answer.get("kind")
    if version != ("admission.k8s.io/v1", "AdmissionReview"):
        raise ValueError(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got "
            f"{version[0]}, Kind={version[1]}"
        )
    if response.get("uid") != uid:
        raise ValueError(f'expected response.uid="{uid}", got "{response.get("uid")}"')
    for warning in response.get("warnings") or ():
        review.warn(str(warning)[:256])
    for key, value in (response.get("auditAnnotations") or {}).items():
        review.annotations[f"{hook.name}/{key}"] = str(value)
    if response.get("allowed") is not True:
        raise denied(hook.name, response.get("status"))
    patch = response.get("patch")
    if patch and hook.mutating:
        if response.get("patchType") != "JSONPatch":
            raise ValueError('webhook returned response.patch but response.patchType is not "JSONPatch"')
        _patched(review, patch)
    elif patch:
        raise ValueError("webhook returned a patch, which a validating one may not")


def _patched(review: Review, patch: str) -> None:
    if review.obj is None:
        raise ValueError("webhook returned a patch of an object that is being deleted")
    try:
        operations = json.loads(base64.b64decode(patch, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError(f"the patch cannot be read: {error}") from None
    try:
        new = apply(review.obj, operations, "json")
    except StatusError as error:
        raise ValueError(f"the patch cannot be applied: {error.message}") from None
    if type(new) is not dict or type(new.get("metadata")) is not dict:
        raise ValueError("the patch leaves no object")
    for field in ("name", "namespace", "uid"):
        if new["metadata"].get(field) != review.obj["metadata"].get(field):
            raise ValueError(f"the patch changes metadata.{field}")
    if (new.get("kind"), new.get("apiVersion")) != (review.obj.get("kind"), review.obj.get("apiVersion")):
        raise ValueError("the patch changes what kind of object it is")
    review.obj = new


def denied(name: str, status: Any) -> StatusError:
    """Kubernetes: webhook errors.ToStatusErr."""
    status = status if type(status) is dict else {}
    code = status.get("code")
    code = code if type(code) is int and 400 <= code < 600 else 400
    by = f'admission webhook "{name}" denied the request'
    message, reason = status.get("message"), str(status.get("reason") or "")
    text = f"{by}: {message}" if message else f"{by}: {reason}" if reason else f"{by} without explanation"
    known = BY_CODE.get(code, "InternalError" if code >= 500 else "BadRequest")
    details = status.get("details") if type(status.get("details")) is dict else {}
    return StatusError(known, text, details, definite=True)


def failed(hook: Hook, why: str) -> StatusError:
    """A webhook that must be heard, and was not: Kubernetes' InternalError."""
    text = f'Internal error occurred: failed calling webhook "{hook.name}": {why}'
    causes = [{"message": text.removeprefix("Internal error occurred: ")}]
    return StatusError("InternalError", text, {"causes": causes}, definite=True)


# ── where it is ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Place:
    """`url`: as messages name it, with the timeout. `address`: host and port to connect to; ("", 0): the URL's own.
    `name`: that the certificate must be for."""

    url: str
    address: tuple[str, int] = ("", 0)
    name: str = ""
    ca: bytes = b""


def place_of(hook: Hook, sources: Sources) -> Place:
    """Of a URL or a Service, whose ready endpoints are addresses of this machine. ValueError when it has none."""
    config = hook.spec.get("clientConfig") or {}
    try:
        ca = base64.b64decode(config.get("caBundle") or "", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("unable to load root certificates: caBundle is not base64") from None
    timeout = f"?timeout={hook.timeout:g}s"
    if config.get("url"):
        return Place(f"{config['url']}{timeout}", ca=ca)
    service = config.get("service") or {}
    namespace, name = str(service.get("namespace") or ""), str(service.get("name") or "")
    port = service.get("port") or 443
    host = f"{name}.{namespace}.svc"
    path = str(service.get("path") or "").lstrip("/")
    url = f"https://{host}:{port}/{path}{timeout}"
    found = sources.find("Service", f"{namespace}/{name}")
    if found is None:
        raise ValueError(f'failed to call webhook: Post "{url}": service "{name}" not found')
    wanted = next((p for p in maps((found.get("spec") or {}).get("ports")) if p.get("port") == port), None)
    if wanted is None:
        raise ValueError(f'failed to call webhook: Post "{url}": no service port {port} found for service "{name}"')
    address = _endpoint(sources, (namespace, name), wanted)
    if address is None:
        raise ValueError(f'failed to call webhook: Post "{url}": no endpoints available for service "{name}"')
    return Place(url, address, host, ca)


def _endpoint(sources: Sources, service: tuple[str, str], wanted: Mapping[str, Any]) -> tuple[str, int] | None:
    namespace, name = service
    slices = sources.within("EndpointSlice", namespace)
    mine = [s for s in slices if (s["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name]
    for each in sorted(mine, key=name_of):
        port = _port(maps(each.get("ports")), str(wanted.get("name") or ""))
        for endpoint in maps(each.get("endpoints")) if port else ():
            addresses = endpoint.get("addresses") or ()
            if addresses and (endpoint.get("conditions") or {}).get("ready") is not False:
                return str(addresses[0]), port
    return None


def _port(ports: Sequence[Object], name: str) -> int:
    return next((int(port["port"]) for port in ports if str(port.get("name") or "") == name and port.get("port")), 0)
