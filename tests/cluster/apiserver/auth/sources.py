"""Objects as the watch cache has them, for tests of what reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster.apiserver.watchcache import Stored

Object = dict[str, Any]


@dataclass
class Objects:
    """`Source` and `find` of a few objects."""

    made: list[Object] = field(default_factory=list)
    changes: int = 0

    def add(self, *objects: Object) -> None:
        self.made += objects
        self.changes += 1

    def objects(self, kind: str) -> Iterable[Stored]:
        return [Stored(obj, 1) for obj in self.made if obj["kind"] == kind]

    def version(self, kind: str) -> int:
        return self.changes

    def find(self, kind: str, key: str) -> Object | None:
        for obj in self.made:
            meta = obj["metadata"]
            name = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
            if obj["kind"] == kind and name == key:
                return obj
        return None


def role(name: str, *rules: Object, namespace: str = "") -> Object:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"kind": "Role" if namespace else "ClusterRole", "metadata": meta, "rules": list(rules)}


def rule(verbs: str, groups: str, resources: str, names: str = "") -> Object:
    """Words parted by blanks; "-" for the core group."""
    made: Object = {"verbs": verbs.split(), "resources": resources.split()}
    made["apiGroups"] = ["" if group == "-" else group for group in groups.split()]
    return {**made, "resourceNames": names.split()} if names else made


def binding(name: str, ref: str, subject: str, namespace: str = "") -> Object:
    """`ref`: "ClusterRole/view"; `subject`: "User/jane", "ServiceAccount/ns:name"."""
    kind, _, who = subject.partition("/")
    ref_kind, _, ref_name = ref.partition("/")
    home, colon, account = who.partition(":")
    one: Object = {"kind": kind, "name": account if colon and kind == "ServiceAccount" else who}
    if colon and kind == "ServiceAccount":
        one["namespace"] = home
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return {"kind": kind, "metadata": meta, "roleRef": {"kind": ref_kind, "name": ref_name}, "subjects": [one]}
