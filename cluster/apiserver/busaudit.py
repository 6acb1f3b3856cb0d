"""Requests over the bus as the audit log sees them: by the verbs and resources that they have at the second door.

Shell. Must not decide what is worth a line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cluster.api.kind import Kind
from cluster.apiserver import audit
from cluster.apiserver.audit import Record
from cluster.apiserver.auditlog import AuditLog
from cluster.apiserver.auth.bususers import user_of_host
from cluster.apiserver.auth.rules import Who
from cluster.apiserver.rest import statuses
from cluster.errors import StatusError
from cluster.rpc import Request

VERBS: Mapping[str, tuple[str, str]] = {
    "renew": ("update", ""),
    "delete-collection": ("deletecollection", ""),
    "update-finalize": ("update", "finalize"),
    "bind": ("create", "binding"),
    "evict": ("create", "eviction"),
    "token": ("create", "token"),
}


async def audited(
    log: AuditLog | None, kind: Kind, request: Request, now: float, work: Callable[[dict[str, str]], Awaitable[Any]]
) -> Any:
    """What `work(annotations)` answers, with what the policy wants written of it."""
    if log is None:
        return await work({})
    verb = request.kind.partition(".")[2] if kind.key.count(".") == 0 else request.kind.rpartition(".")[2]
    about = record(kind, verb, request.body, user_of_host(request.src), (log.id(), now))
    rule = log.begin(about)
    if rule is None:
        return await work({})
    try:
        answer = await work(about.annotations)
    except StatusError as error:
        status = statuses.failure(error)
        about.code = status["code"]
        about.status = {name: status[name] for name in ("status", "message", "reason")}
        raise
    else:
        about.code = 201 if about.verb == "create" else 200
        about.answered = answer
        return answer
    finally:
        if about.code:
            log.stage(about, rule, audit.COMPLETE)


def record(kind: Kind, verb: str, body: Any, who: Who, about: tuple[str, float]) -> Record:
    """Of a request for `kind` whose verb is the bus's ("update-status"). `about`: (audit id, seconds since 1970)."""
    args = body if type(body) is dict else {}
    if verb in VERBS:
        means, sub = VERBS[verb]
    elif verb == "table":
        means, sub = ("get" if args.get("name") else "list"), ""
    else:
        means, _, sub = verb.partition("-")
    sent = args.get("object") if "object" in args else args.get("patch")
    meta = sent.get("metadata") if type(sent) is dict and type(sent.get("metadata")) is dict else {}
    name = str(args.get("name") or (meta or {}).get("name") or "")
    namespace = str(args.get("namespace") or (meta or {}).get("namespace") or "") if kind.namespaced else ""
    if kind.namespaced and not namespace and means not in ("list", "watch", "deletecollection"):
        namespace = "default"
    uri = _uri(kind, namespace, name if means != "create" or sub else "", sub)
    place = (kind.group, kind.version, kind.plural, sub, namespace, name)
    made = Record(about[0], uri, means, who, about[1], *place)
    made.sent = sent
    made.agent = "bus"
    return made


def _uri(kind: Kind, namespace: str, name: str, sub: str) -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{kind.plural}" + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")
