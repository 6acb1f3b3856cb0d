"""Who asks, and whether they may: the user of a client certificate, and the authorizers that are asked in turn.

Pure. Source: Kubernetes, "Authenticating" and "Authorization Overview" (any may allow, else: Forbidden).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.apiserver.rest.paths import Document, Named, Question, Resource
from cluster.apiserver.rest.reviewkinds import AUTHENTICATION, AUTHORIZATION, SELF
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


ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done, as RBAC writes it: verbs on resources ("pods", "pods/log", "*") of groups, or on paths; one
    that ends in "*" means all that begin so."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def allows(self, asked: Attributes) -> bool:
        if ANY not in self.verbs and asked.verb not in self.verbs:
            return False
        if asked.path:
            path = asked.path.rstrip("/") or "/"
            return any(path.startswith(p[:-1]) if p.endswith(ANY) else path == p for p in self.paths)
        what = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        return bool({ANY, asked.group} & {*self.groups}) and bool({ANY, what} & {*self.resources})


class Authorizer(Protocol):
    def allows(self, who: Who, asked: Attributes) -> bool:
        """False is no opinion."""

    def rules(self, who: Who) -> Sequence[Rule]:
        """All that it allows them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules for everybody in a group, or for everybody at all ("")."""

    group: str
    granted: tuple[Rule, ...]

    def allows(self, who: Who, asked: Attributes) -> bool:
        return any(rule.allows(asked) for rule in self.rules(who))

    def rules(self, who: Who) -> Sequence[Rule]:
        return self.granted if not self.group or self.group in who.groups else ()


HEALTH = ("/healthz", "/livez", "/readyz", "/version")
AUTHORIZERS: tuple[Authorizer, ...] = (
    # Whatever the rules say, this group may do everything: so one cannot lock oneself out.
    Grant(MASTERS, (Rule((ANY,), (ANY,), (ANY,)), Rule((ANY,), paths=(ANY,)))),
    # Kubernetes: system:basic-user and system:discovery.
    Grant(
        AUTHENTICATED,
        (
            Rule(("create",), (AUTHENTICATION, AUTHORIZATION), SELF),
            Rule(("get",), paths=("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")),
        ),
    ),
    # Kubernetes: system:public-info-viewer.
    Grant("", (Rule(("get",), paths=HEALTH),)),
)


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
    if isinstance(named, Question):
        verb = {"POST": "create", "GET": "get"}.get(method, method.lower())
        return Attributes(verb, named.kind.group, named.kind.plural, namespace=named.namespace)
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


def authorize(who: Who, asked: Attributes, authorizers: Sequence[Authorizer]) -> None:
    """Forbidden, in Kubernetes' words, if none allows it."""
    if any(authorizer.allows(who, asked) for authorizer in authorizers):
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


def impersonated(who: Who, headers: Mapping[str, str], authorizers: Sequence[Authorizer]) -> Who:
    """Whom a request is made for (kubectl --as, --as-group), if who makes it may do so; else Forbidden. BadRequest for
    groups without a user. `headers`: names in small letters, several values of one joined by commas."""
    user = headers.get("impersonate-user", "")
    groups = [group.strip() for group in headers.get("impersonate-group", "").split(",") if group.strip()]
    if not user:
        if groups:
            raise StatusError("BadRequest", "requested groups for impersonation without impersonating a user")
        return who
    authorize(who, Attributes("impersonate", resource="users", name=user), authorizers)
    for group in groups:
        authorize(who, Attributes("impersonate", resource="groups", name=group), authorizers)
    if user == ANONYMOUS.name:
        return ANONYMOUS
    return Who(user, (*groups, *(() if AUTHENTICATED in groups else (AUTHENTICATED,))))
