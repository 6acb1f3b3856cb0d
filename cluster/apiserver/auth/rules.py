"""Who asks, what they ask, and a rule as RBAC writes it.

Pure. Must not know where rules come from. Source: Kubernetes, "Authorization Overview" and "Using RBAC Authorization".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
MASTERS = "system:masters"
SERVICE_ACCOUNTS = "system:serviceaccounts"
ACCOUNT = "system:serviceaccount:"
"""How the user of a ServiceAccount begins: system:serviceaccount:NAMESPACE:NAME."""
NODE, NODES = "system:node:", "system:nodes"
MANAGER = "system:kube-controller-manager"
"""It acts for all of its controllers: may take any of their accounts, so it is held back by none of their limits."""


@dataclass(frozen=True, slots=True)
class Who:
    """The user. Everybody is in one of the groups system:authenticated and system:unauthenticated."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What else is known of them, as userInfo.extra has it: the pod a token is bound to, say."""


ANONYMOUS = Who("system:anonymous", (UNAUTHENTICATED,))


def account(namespace: str, name: str, uid: str = "", extra: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Who:
    """A ServiceAccount as a user."""
    groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)
    return Who(f"{ACCOUNT}{namespace}:{name}", groups, uid, extra)


class Attributes(NamedTuple):
    """What is to be done: `verb` as RBAC names it ("get", "list", "watch", "create", "update", "patch", "delete",
    "deletecollection"); a resource, or `path` of a document. A named tuple, for there is one per request."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    node: str = ""
    """Of a list or watch: the only node whose pods it selects."""


ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done, as RBAC writes it: verbs on resources ("pods", "pods/log", "*", "*/scale") of groups, of these
    `names` only if there are any; or on paths, where one that ends in "*" means all that begin so."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def allows(self, asked: Attributes) -> bool:
        if ANY not in self.verbs and asked.verb not in self.verbs:
            return False
        if asked.path:
            path = asked.path.rstrip("/") or "/"
            return any(path.startswith(p[:-1]) if p.endswith(ANY) else path == p for p in self.paths)
        if ANY not in self.groups and asked.group not in self.groups:
            return False
        return (not self.names or asked.name in self.names) and self._has(asked.resource, asked.subresource)

    def _has(self, resource: str, subresource: str) -> bool:
        resources = self.resources
        if ANY in resources:
            return True
        if not subresource:
            return resource in resources
        return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources


class Authorizer(Protocol):
    def allows(self, who: Who, asked: Attributes) -> bool:
        """False is no opinion."""

    def rules(self, who: Who, namespace: str = "") -> Sequence[Rule]:
        """All that it allows them, cluster-wide and in that namespace."""

    def explain(self, who: Who, asked: Attributes) -> str:
        """Why it allows it, or what keeps it from knowing; "" for nothing to say."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules for everybody in a group, or for everybody at all ("")."""

    group: str
    granted: tuple[Rule, ...]

    def allows(self, who: Who, asked: Attributes) -> bool:
        if self.group and self.group not in who.groups:
            return False
        for rule in self.granted:
            if rule.allows(asked):
                return True
        return False

    def rules(self, who: Who, namespace: str = "") -> Sequence[Rule]:
        return self.granted if not self.group or self.group in who.groups else ()

    def explain(self, who: Who, asked: Attributes) -> str:
        return ""


EVERYTHING = (Rule((ANY,), (ANY,), (ANY,)), Rule((ANY,), paths=(ANY,)))
SUPERUSERS = Grant(MASTERS, EVERYTHING)
"""Whatever the roles say, this group may do everything: so one cannot lock oneself out."""
