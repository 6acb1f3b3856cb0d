"""NodeRestriction: a kubelet writes its own node and the status of its own pods, and nothing that draws pods to it.

Pure. Must not decide what it may read: `auth/nodes` does. Source: Kubernetes, "NodeRestriction"
(plugin/pkg/admission/noderestriction).
"""

from __future__ import annotations

from typing import Any

from cluster.apiserver.admission.review import CREATE, DELETE, UPDATE, Plugin, Review, Sources
from cluster.apiserver.auth.nodes import node_of, used_by

Object = dict[str, Any]
MIRROR = "kubernetes.io/config.mirror"
KUBELET_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
)
KUBELET_SPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")


def restrict(review: Review, sources: Sources) -> None:
    """Forbidden for what a kubelet may not; others pass."""
    node = node_of(review.who)
    if not node:
        return
    if review.kind.kind == "Pod":
        _pod(node, review, sources)
    elif review.kind.kind == "Node":
        _node(node, review)
    elif review.name and review.name != node:  # a Lease or CSINode
        what = "lease" if review.kind.kind == "Lease" else "CSINode"
        raise review.forbidden(f"can only access {what} with the same name as the requesting node")


def _pod(node: str, review: Review, sources: Sources) -> None:
    if review.subresource == "eviction" or review.operation == DELETE:
        pod = review.old or sources.find("Pod", f"{review.namespace}/{review.name}") or {}
        if (pod.get("spec") or {}).get("nodeName") != node:
            verb = "evict" if review.subresource == "eviction" else "delete"
            raise review.forbidden(f'node "{node}" can only {verb} pods with spec.nodeName set to itself')
    elif review.operation == CREATE:
        _mirror(node, review)
    elif review.subresource == "status":
        if ((review.old or {}).get("spec") or {}).get("nodeName") != node:
            raise review.forbidden(
                f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
            )
        if _labels(review.old) != _labels(review.obj):
            raise review.forbidden(f'node "{node}" cannot update labels through pod status')
    else:
        raise review.forbidden(
            f'unexpected operation {review.operation!r}, node "{node}" can only create and delete mirror pods'
        )


def _mirror(node: str, review: Review) -> None:
    pod = review.current
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        text = f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
        raise review.forbidden(text)
    if (pod.get("spec") or {}).get("nodeName") != node:
        raise review.forbidden(f'node "{node}" can only create pods with spec.nodeName set to itself')
    for resource, _ in used_by(pod):
        if resource != "serviceaccounts":
            raise review.forbidden(f'node "{node}" can not create pods that reference {resource}')


def _node(node: str, review: Review) -> None:
    if review.operation == DELETE:
        raise review.forbidden(f'node "{node}" is not allowed to delete node "{review.name}"')
    if review.name != node:
        raise review.forbidden(f'node "{node}" is not allowed to modify node "{review.name}"')
    old, new = review.old, review.current
    if old is not None and _taints(old) != _taints(new):
        raise review.forbidden(f'node "{node}" is not allowed to modify taints')
    before = _labels(old)
    changed = {key for key, value in _labels(new).items() if before.get(key) != value} | (
        set(before) - set(_labels(new))
    )
    wrong = sorted(key for key in changed if not _kubelets(key))
    if wrong:
        verb = "set" if old is None else "modify"
        raise review.forbidden(f"is not allowed to {verb} the following labels: {', '.join(wrong)}")


def _kubelets(key: str) -> bool:
    """May a kubelet give its node this label? Those of nobody, yes; of Kubernetes', those that are a kubelet's."""
    space, slash, _ = key.partition("/")
    if not slash or not any(space == own or space.endswith("." + own) for own in ("kubernetes.io", "k8s.io")):
        return True
    if space == "node-restriction.kubernetes.io" or space.endswith(".node-restriction.kubernetes.io"):
        return False
    return key in KUBELET_LABELS or any(space == own or space.endswith("." + own) for own in KUBELET_SPACES)


def _labels(obj: Object | None) -> dict[str, str]:
    return dict(((obj or {}).get("metadata") or {}).get("labels") or {})


def _taints(node: Object) -> Any:
    return (node.get("spec") or {}).get("taints") or []


_KINDS = ("Pod", "Node", "Lease", "CSINode")
PLUGIN = Plugin(
    "NodeRestriction",
    {CREATE: _KINDS, UPDATE: _KINDS, DELETE: _KINDS},
    validate=restrict,
    subresources=("", "status", "eviction"),
)
