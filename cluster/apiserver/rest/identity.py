"""Who asks, and whether they may: the user of a client certificate, what a request asks for, whom it is made for.

Pure. Must not hold rules: `cluster.apiserver.auth` does. Source: Kubernetes, "Authenticating" and "Authorization
Overview" (any may allow, else: Forbidden).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api.selectors import parse_field_selector
from cluster.apiserver.auth.rules import (
    ACCOUNT,
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    SUPERUSERS,
    UNAUTHENTICATED,
    Attributes,
    Authorizer,
    Grant,
    Rule,
    Who,
)
from cluster.apiserver.auth.rules import account as account_user
from cluster.apiserver.rest.paths import Document, Measure, Named, Question, Resource
from cluster.apiserver.rest.reviewkinds import AUTHENTICATION, AUTHORIZATION, SELF
from cluster.errors import StatusError

__all__ = [
    "ANONYMOUS",
    "AUTHENTICATED",
    "AUTHORIZERS",
    "MASTERS",
    "UNAUTHENTICATED",
    "Attributes",
    "Authorizer",
    "Grant",
    "Rule",
    "Who",
    "attributes",
    "authorize",
    "explained",
    "impersonated",
    "impersonates",
    "of_certificate",
    "refused",
]

HEALTH = ("/healthz", "/livez", "/readyz", "/version")
AUTHORIZERS: tuple[Authorizer, ...] = (
    SUPERUSERS,
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
"""Of a server without RBAC: everybody who is known may look around, and nobody else may do anything."""


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


def attributes(
    method: str, named: Named, verb: str = "", path: str = "", query: Mapping[str, str] | None = None
) -> Attributes:
    """`verb`: as `requests.ask` names it. A collection of which the `query` selects one name is that one object."""
    if isinstance(named, Document):
        return Attributes({"GET": "get", "HEAD": "get"}.get(method, method.lower()), path=path)
    if isinstance(named, Question):
        verb = {"POST": "create", "GET": "get"}.get(method, method.lower())
        return Attributes(verb, named.kind.group, named.kind.plural, namespace=named.namespace)
    if isinstance(named, Measure):
        about = (named.kind.group, named.kind.plural, "", named.namespace, named.name)
        return Attributes("get" if named.name else "list", *about)
    namespace, name, node = named.namespace, named.name, ""
    if not name and (fields := (query or {}).get("fieldSelector", "")):
        selector = parse_field_selector(fields)
        name, node = selector.exact("metadata.name") or "", selector.exact("spec.nodeName") or ""
    if named.kind.kind == "Namespace":  # it is in itself
        namespace = name
    what = (named.kind.group, named.kind.plural, named.subresource, namespace, name)
    return Attributes(_verb(method, named, verb), *what, node=node)


def _verb(method: str, resource: Resource, verb: str) -> str:
    if verb in ("watch", "list"):
        return verb
    if method == "DELETE":
        return "delete" if resource.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, "get")


def authorize(who: Who, asked: Attributes, authorizers: Sequence[Authorizer]) -> None:
    """Forbidden, in Kubernetes' words, if none allows it."""
    for authorizer in authorizers:
        if authorizer.allows(who, asked):
            return
    raise refused(who, asked, explained(who, asked, authorizers))


def explained(who: Who, asked: Attributes, authorizers: Sequence[Authorizer]) -> str:
    """What they have to say about it, beyond yes and no."""
    return "; ".join(text for authorizer in authorizers if (text := authorizer.explain(who, asked)))


def refused(who: Who, asked: Attributes, why: str = "") -> StatusError:
    tail = f": {why}" if why else ""
    if asked.path:
        return StatusError("Forbidden", f'forbidden: User "{who.name}" cannot {asked.verb} path "{asked.path}"{tail}')
    what = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    subject = f'{qualified} "{asked.name}"' if asked.name else qualified
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = (
        f'{subject} is forbidden: User "{who.name}" cannot {asked.verb} resource "{what}" in API group "{asked.group}"'
    )
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    return StatusError("Forbidden", f"{text} {where}{tail}", details)


EXTRA = "impersonate-extra-"


def impersonates(headers: Mapping[str, str]) -> bool:
    """Whether a request is made for somebody else; `headers`: names in small letters."""
    return any(name.startswith("impersonate-") for name in headers)


def impersonated(who: Who, headers: Mapping[str, str], authorizers: Sequence[Authorizer]) -> Who:
    """Whom a request is made for (kubectl --as, --as-group, --as-uid), if who makes it may do so; else Forbidden.
    BadRequest for groups without a user. Several values of one header are joined by commas."""
    user = headers.get("impersonate-user", "")
    groups = tuple(group.strip() for group in headers.get("impersonate-group", "").split(",") if group.strip())
    uid = headers.get("impersonate-uid", "")
    extra = {name.removeprefix(EXTRA): value for name, value in headers.items() if name.startswith(EXTRA)}
    if not user:
        if groups or uid or extra:
            what = "groups" if groups else "uid" if uid else "extra"
            raise StatusError("BadRequest", f"requested {what} for impersonation without impersonating a user")
        return who
    namespace, colon, name = user.removeprefix(ACCOUNT).partition(":")
    of_account = user.startswith(ACCOUNT) and bool(colon)
    if of_account:
        about = Attributes("impersonate", resource="serviceaccounts", namespace=namespace, name=name)
        authorize(who, about, authorizers)
    else:
        authorize(who, Attributes("impersonate", resource="users", name=user), authorizers)
    for group in groups:
        authorize(who, Attributes("impersonate", resource="groups", name=group), authorizers)
    if uid:
        authorize(who, Attributes("impersonate", AUTHENTICATION, "uids", name=uid), authorizers)
    for key, value in extra.items():
        about = Attributes("impersonate", AUTHENTICATION, "userextras", key, name=value)
        authorize(who, about, authorizers)
    if user == ANONYMOUS.name:
        return ANONYMOUS
    if of_account and not groups:
        groups = account_user(namespace, name).groups
    rest = () if AUTHENTICATED in groups else (AUTHENTICATED,)
    return Who(user, (*groups, *rest), uid, tuple((key, (value,)) for key, value in sorted(extra.items())))
