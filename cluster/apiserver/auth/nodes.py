"""The Node authorizer: a kubelet may touch its node, the pods on it, and what those pods use.

Pure. Must not decide what a kubelet may write into them: `noderestriction` does. Source: Kubernetes, "Using Node
Authorization" (plugin/pkg/auth/authorizer/node).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.apiserver.auth.defaultroles import NODE_RULES
from cluster.apiserver.auth.rbac import Source, rule_of
from cluster.apiserver.auth.rules import NODE, NODES, Attributes, Rule, Who

Object = dict[str, Any]
RULES = tuple(map(rule_of, NODE_RULES))
LEASES = "kube-node-lease"
NO_RELATION = "no relationship found between node '{node}' and this object"
_READ = ("get", "list", "watch")
_USED = ("secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts")
Names = dict[str, set[str]]
"""By resource: "namespace/name" of what the pods of a node use; "pods" are they themselves."""


def node_of(who: Who) -> str:
    """The node whose kubelet it is; "" for anybody else."""
    return who.name.removeprefix(NODE) if who.name.startswith(NODE) and NODES in who.groups else ""


class NodeAuthorizer:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._versions: tuple[int, ...] = ()
        self._used: dict[str, Names] = {}

    def allows(self, who: Who, asked: Attributes) -> bool:
        node = node_of(who)
        if not node or not any(rule.allows(asked) for rule in RULES):
            return False
        return not self._denied(node, asked)

    def rules(self, who: Who, namespace: str = "") -> Sequence[Rule]:
        return RULES if node_of(who) else ()

    def explain(self, who: Who, asked: Attributes) -> str:
        node = node_of(who)
        return self._denied(node, asked) if node else ""

    def _denied(self, node: str, asked: Attributes) -> str:
        """Why a kubelet may not do what its role allows; "" if it may."""
        if asked.path:
            return ""
        place = f"{asked.namespace}/{asked.name}" if asked.namespace else asked.name
        match asked.group, asked.resource:
            case "", resource if resource in _USED:
                return self._use(node, asked, place)
            case "", "nodes":
                mine = asked.name == node or (asked.verb == "create" and not asked.name)
                return "" if mine else f"node '{node}' cannot read '{asked.name}', only its own Node object"
            case "", "pods":
                return self._pods(node, asked, place)
            case "coordination.k8s.io", "leases":
                if asked.namespace != LEASES:
                    return f'can only access leases in the "{LEASES}" system namespace'
                mine = asked.name == node or (asked.verb == "create" and not asked.name)
                return "" if mine else "can only access node lease with the same name as the requesting node"
            case "storage.k8s.io", "csinodes":
                mine = asked.name == node or (asked.verb == "create" and not asked.name)
                return "" if mine else "can only access CSINode with the same name as the requesting node"
        return ""

    def _use(self, node: str, asked: Attributes, place: str) -> str:
        token = asked.resource == "serviceaccounts" and asked.subresource == "token"
        if asked.subresource and not token:
            return "cannot use subresource"
        if not asked.name:
            return "No Object name found"
        if asked.verb not in (("create",) if token else _READ):
            return "can only read resources of this type"
        found = self._names(node).get(asked.resource, ())
        return "" if place in found else NO_RELATION.format(node=node)

    def _pods(self, node: str, asked: Attributes, place: str) -> str:
        if asked.verb in ("list", "watch") and not asked.name:
            mine = asked.node == node
            return "" if mine else "can only list/watch pods with spec.nodeName field selector"
        if asked.verb == "get":
            return "" if place in self._names(node).get("pods", ()) else NO_RELATION.format(node=node)
        return ""

    def _names(self, node: str) -> Mapping[str, set[str]]:
        versions = (self._source.version("Pod"), self._source.version("PersistentVolumeClaim"))
        if versions != self._versions:
            self._versions, self._used = versions, {}
        found = self._used.get(node)
        if found is None:
            found = self._used[node] = self._collected(node)
        return found

    def _collected(self, node: str) -> Names:
        found: Names = {}
        for stored in self._source.objects("Pod"):
            pod = stored.obj
            if (pod.get("spec") or {}).get("nodeName") == node:
                namespace = pod["metadata"]["namespace"]
                found.setdefault("pods", set()).add(f"{namespace}/{pod['metadata']['name']}")
                for resource, name in used_by(pod):
                    found.setdefault(resource, set()).add(f"{namespace}/{name}")
        return found


def used_by(pod: Object) -> Iterator[tuple[str, str]]:
    """(resource, name) of what a pod uses of its namespace; several times, maybe."""
    spec = pod.get("spec") or {}
    yield "serviceaccounts", spec.get("serviceAccountName") or "default"
    for secret in spec.get("imagePullSecrets") or ():
        yield "secrets", str(secret.get("name") or "")
    for word in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(word) or ():
            yield from _of_environment(container)
    for volume in spec.get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim:
            yield "persistentvolumeclaims", str(claim.get("claimName") or "")
        projected = (volume.get("projected") or {}).get("sources") or ()
        for source in (volume, *projected):
            if source.get("configMap"):
                yield "configmaps", str(source["configMap"].get("name") or "")
            if source.get("secret"):
                yield "secrets", str(source["secret"].get("secretName") or source["secret"].get("name") or "")


def _of_environment(container: Object) -> Iterator[tuple[str, str]]:
    words = (("configMapRef", "configmaps"), ("secretRef", "secrets"))
    for source in container.get("envFrom") or ():
        for word, resource in words:
            if source.get(word):
                yield resource, str(source[word].get("name") or "")
    keys = (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets"))
    for variable in container.get("env") or ():
        for word, resource in keys:
            ref = (variable.get("valueFrom") or {}).get(word)
            if ref:
                yield resource, str(ref.get("name") or "")
