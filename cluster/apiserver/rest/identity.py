"""Who asks, and whether they may: the user of a client certificate, and the authorizers that are asked in turn.

Pure. Source: Kubernetes, "Authenticating" and "Authorization Overview" (any may allow, else: Forbidden).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.apiserver.rest.paths import Document, Named, Resource
from cluster.errors import StatusError

AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Who:
    """The user. Everybody is in one of the groups system:authenticated and system:unauthenticated."""

    name: str
    groups: tuple[str, ...] = ()


ANONYMOUS = Who("system:anonymous", (UNAUTHENTICATED,))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is to be done: `verb` as RBAC names it ("get", "list", "watch", "create", "update", "patch", "delete",
    "deletecollection"); a resource, or `path` of a document."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


Authorizer = Callable[[Who, Attributes], bool]
"""Does it allow that? False is no opinion."""


def of_certificate(peer: Any) -> Who:
    """The user of a verified client certificate, as `ssl.SSLSocket.getpeercert` gives it: common name and
    organizations of its subject; anonymous without one."""
    names: dict[str, list[str]] = {}
    for part in (peer or {}).get("subject") or ():
        for key, value in part:
            names.setdefault(key, []).append(value)
    common = names.get("commonName")
    if not common:
        return ANONYMOUS
    return Who(common[0], (*names.get("organizationName", ()), AUTHENTICATED))


def attributes(method: str, named: Named, verb: str = "", path: str = "") -> Attributes:
    """`verb`: as `requests.ask` names it."""
    if isinstance(named, Document):
        return Attributes({"GET": "get", "HEAD": "get"}.get(method, method.lower()), path=path)
    return Attributes(
        _verb(method, named, verb),
        named.kind.group,
        named.kind.plural,
        named.subresource,
        named.namespace,
        named.name,
    )


def _verb(method: str, resource: Resource, verb: str) -> str:
    if verb in ("watch", "list"):
        return verb
    if method == "DELETE":
        return "delete" if resource.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, "get")


def masters(who: Who, _: Attributes) -> bool:
    """The group system:masters may do everything, whatever the rules say: so one cannot lock oneself out."""
    return MASTERS in who.groups


PUBLIC = ("/healthz", "/livez", "/readyz", "/version")


def public(_: Who, asked: Attributes) -> bool:
    """What anybody may look at (Kubernetes: system:public-info-viewer)."""
    return asked.verb == "get" and asked.path.rstrip("/") in PUBLIC


def authorize(who: Who, asked: Attributes, authorizers: Sequence[Authorizer]) -> None:
    """Forbidden, in Kubernetes' words, if none allows it."""
    if any(allows(who, asked) for allows in authorizers):
        return
    if asked.path:
        raise StatusError("Forbidden", f'forbidden: User "{who.name}" cannot {asked.verb} path "{asked.path}"')
    what = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    subject = f'{qualified} "{asked.name}"' if asked.name else qualified
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = (
        f'{subject} is forbidden: User "{who.name}" cannot {asked.verb} resource "{what}" in API group "{asked.group}"'
    )
    raise StatusError(
        "Forbidden", f"{text} {where}", {"name": asked.name, "group": asked.group, "kind": asked.resource}
    )
