"""The role of each controller, and the namespaced roles of the system.

Pure, data only. Source: Kubernetes, "Roles for built-in controllers" (controller_policy.go, namespace_policy.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.apiserver.auth.defaultroles import (
    APPS,
    BATCH,
    CERTIFICATES,
    COORDINATION,
    DISCOVERY,
    EVENT_RULE,
    METRICS,
    POLICY,
    RBAC,
    SCALING,
    STORAGE,
    R,
    rule,
)

Object = dict[str, Any]

CONTROLLERS: Mapping[str, tuple[Object, ...]] = {
    "attachdetach-controller": (
        rule("list watch", "-", "persistentvolumeclaims persistentvolumes"),
        rule(R, "-", "nodes"),
        rule("patch update", "-", "nodes/status"),
        rule("list watch", "-", "pods"),
        rule("create delete get list watch", STORAGE, "volumeattachments"),
        rule(R, STORAGE, "csidrivers csinodes"),
    ),
    "certificate-controller": (
        rule("delete get list watch", CERTIFICATES, "certificatesigningrequests"),
        rule("update", CERTIFICATES, "certificatesigningrequests/approval certificatesigningrequests/status"),
        rule("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
        rule(
            "sign",
            CERTIFICATES,
            "signers",
            "kubernetes.io/kube-apiserver-client",
            "kubernetes.io/kube-apiserver-client-kubelet",
            "kubernetes.io/kubelet-serving",
            "kubernetes.io/legacy-unknown",
        ),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ),
    "clusterrole-aggregation-controller": (rule("escalate get list patch update watch", RBAC, "clusterroles"),),
    "cronjob-controller": (
        rule("get list update watch", BATCH, "cronjobs"),
        rule("create delete get list patch update watch", BATCH, "jobs"),
        rule("update", BATCH, "cronjobs/finalizers cronjobs/status"),
        rule("delete list", "-", "pods"),
    ),
    "daemon-set-controller": (
        rule(R, APPS, "daemonsets"),
        rule("update", APPS, "daemonsets/finalizers daemonsets/status"),
        rule("list watch", "-", "nodes"),
        rule("create delete list patch watch", "-", "pods"),
        rule("create", "-", "pods/binding"),
        rule("create delete get list patch update watch", APPS, "controllerrevisions"),
    ),
    "deployment-controller": (
        rule("get list update watch", APPS, "deployments"),
        rule("update", APPS, "deployments/finalizers deployments/status"),
        rule("create delete get list patch update watch", APPS, "replicasets"),
        rule("get list update watch", "-", "pods"),
    ),
    "disruption-controller": (
        rule(R, APPS, "deployments replicasets statefulsets"),
        rule(R, "-", "replicationcontrollers"),
        rule(R, POLICY, "poddisruptionbudgets"),
        rule("patch update", POLICY, "poddisruptionbudgets/status"),
        rule("list watch", "-", "pods"),
        rule("patch update", "-", "pods/status"),
        rule("get", "*", "*/scale"),
    ),
    "endpoint-controller": (
        rule(R, "-", "pods services"),
        rule("create delete get list update", "-", "endpoints"),
        rule("create", "-", "endpoints/restricted"),
    ),
    "endpointslice-controller": (
        rule(R, "-", "nodes pods services"),
        rule("update", "-", "services/finalizers"),
        rule("create delete get list update", DISCOVERY, "endpointslices"),
        rule("create", DISCOVERY, "endpointslices/restricted"),
    ),
    "expand-controller": (
        rule("get list patch update watch", "-", "persistentvolumes"),
        rule("patch update", "-", "persistentvolumeclaims/status"),
        rule(R, "-", "persistentvolumeclaims"),
        rule(R, STORAGE, "storageclasses"),
    ),
    "generic-garbage-collector": (rule("delete get list patch update watch", "*", "*"),),
    "horizontal-pod-autoscaler": (
        rule(R, SCALING, "horizontalpodautoscalers"),
        rule("update", SCALING, "horizontalpodautoscalers/status"),
        rule("get update", "*", "*/scale"),
        rule("list", "-", "pods"),
        rule("list", METRICS, "pods"),
        rule("get list", "custom.metrics.k8s.io external.metrics.k8s.io", "*"),
    ),
    "job-controller": (
        rule("get list patch update watch", BATCH, "jobs"),
        rule("update", BATCH, "jobs/finalizers jobs/status"),
        rule("create delete list patch watch", "-", "pods"),
    ),
    "namespace-controller": (
        rule("delete get list watch", "-", "namespaces"),
        rule("update", "-", "namespaces/finalize namespaces/status"),
        rule("delete deletecollection get list", "*", "*"),
    ),
    "node-controller": (
        rule("delete get list patch update", "-", "nodes"),
        rule("patch update", "-", "nodes/status"),
        rule("patch update", "-", "pods/status"),
        rule("delete get list", "-", "pods"),
        rule("get list watch", COORDINATION, "leases"),
    ),
    "persistent-volume-binder": (
        rule("create delete get list update watch", "-", "persistentvolumes"),
        rule("update", "-", "persistentvolumes/status"),
        rule("get list update watch", "-", "persistentvolumeclaims"),
        rule("update", "-", "persistentvolumeclaims/status"),
        rule("create delete get list watch", "-", "pods"),
        rule(R, STORAGE, "storageclasses"),
        rule("get list", "-", "nodes"),
    ),
    "pod-garbage-collector": (
        rule("delete list watch", "-", "pods"),
        rule("get list", "-", "nodes"),
        rule("patch", "-", "pods/status"),
    ),
    "pv-protection-controller": (rule("get list update watch", "-", "persistentvolumes"),),
    "pvc-protection-controller": (
        rule("get list update watch", "-", "persistentvolumeclaims"),
        rule(R, "-", "pods"),
    ),
    "replicaset-controller": (
        rule("get list update watch", APPS, "replicasets"),
        rule("update", APPS, "replicasets/finalizers replicasets/status"),
        rule("create delete list patch watch", "-", "pods"),
    ),
    "replication-controller": (
        rule("get list update watch", "-", "replicationcontrollers"),
        rule("update", "-", "replicationcontrollers/finalizers replicationcontrollers/status"),
        rule("create delete list patch watch", "-", "pods"),
    ),
    "resourcequota-controller": (rule("list watch", "*", "*"), rule("update", "-", "resourcequotas/status")),
    "root-ca-cert-publisher": (rule("create update", "-", "configmaps"),),
    "service-account-controller": (rule("create", "-", "serviceaccounts"),),
    "statefulset-controller": (
        rule("list watch", "-", "pods"),
        rule(R, APPS, "statefulsets"),
        rule("update", APPS, "statefulsets/finalizers statefulsets/status"),
        rule("create delete get patch update", "-", "pods"),
        rule("create delete get list patch update watch", APPS, "controllerrevisions"),
        rule("create get", "-", "persistentvolumeclaims"),
    ),
    "ttl-after-finished-controller": (rule("delete get list watch", BATCH, "jobs"),),
    "ttl-controller": (rule("list patch update watch", "-", "nodes"),),
}
"""Each becomes system:controller:NAME, bound to the ServiceAccount NAME in kube-system."""
SILENT = ("clusterrole-aggregation-controller", "root-ca-cert-publisher")
"""Those that record no Events."""


def controller_rules(name: str) -> tuple[Object, ...]:
    return CONTROLLERS[name] if name in SILENT else (*CONTROLLERS[name], EVENT_RULE)


_LEADER = "get update watch"

ROLES: Mapping[tuple[str, str], tuple[Object, ...]] = {
    ("kube-system", "extension-apiserver-authentication-reader"): (
        rule(R, "-", "configmaps", "extension-apiserver-authentication"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (rule(R, "-", "secrets"),),
    ("kube-system", "system:controller:token-cleaner"): (rule("delete get list watch", "-", "secrets"), EVENT_RULE),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        rule("watch", "-", "configmaps"),
        rule(_LEADER, "-", "configmaps", "kube-controller-manager"),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        rule("watch", "-", "configmaps"),
        rule(_LEADER, "-", "configmaps", "kube-scheduler"),
    ),
    ("kube-public", "system:controller:bootstrap-signer"): (
        rule(R, "-", "configmaps"),
        rule("update", "-", "configmaps", "cluster-info"),
        EVENT_RULE,
    ),
}

_KUBE_MANAGER = {"kind": "User", "name": "system:kube-controller-manager", "apiGroup": RBAC}
_KUBE_SCHEDULER = {"kind": "User", "name": "system:kube-scheduler", "apiGroup": RBAC}


def user(name: str) -> Object:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def group(name: str) -> Object:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def account(name: str) -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}


CLUSTER_BINDINGS: Mapping[str, tuple[str, tuple[Object, ...]]] = {
    "cluster-admin": ("cluster-admin", (group("system:masters"),)),
    "system:monitoring": ("system:monitoring", (group("system:monitoring"),)),
    "system:discovery": ("system:discovery", (group("system:authenticated"),)),
    "system:basic-user": ("system:basic-user", (group("system:authenticated"),)),
    "system:public-info-viewer": (
        "system:public-info-viewer",
        (group("system:authenticated"), group("system:unauthenticated")),
    ),
    "system:node-proxier": ("system:node-proxier", (user("system:kube-proxy"),)),
    "system:kube-controller-manager": ("system:kube-controller-manager", (_KUBE_MANAGER,)),
    "system:kube-dns": ("system:kube-dns", (account("kube-dns"),)),
    "system:kube-scheduler": ("system:kube-scheduler", (_KUBE_SCHEDULER,)),
    "system:volume-scheduler": ("system:volume-scheduler", (_KUBE_SCHEDULER,)),
    "system:node": ("system:node", ()),
    "system:service-account-issuer-discovery": (
        "system:service-account-issuer-discovery",
        (group("system:serviceaccounts"),),
    ),
    "kubelet-bootstrap": ("system:node-bootstrapper", (group("system:bootstrappers"),)),
    "node-autoapprove-bootstrap": (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        (group("system:bootstrappers"),),
    ),
    "node-autoapprove-certificate-rotation": (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        (group("system:nodes"),),
    ),
}
"""Name to the ClusterRole and its subjects. The last three are not Kubernetes' own but what kubeadm adds, so that a
kubelet with a bootstrap token gets its certificate."""

BINDINGS: Mapping[tuple[str, str], tuple[str, tuple[Object, ...]]] = {
    ("kube-system", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer",
        (account("bootstrap-signer"),),
    ),
    ("kube-system", "system:controller:token-cleaner"): (
        "system:controller:token-cleaner",
        (account("token-cleaner"),),
    ),
    ("kube-system", "system::extension-apiserver-authentication-reader"): (
        "extension-apiserver-authentication-reader",
        (_KUBE_MANAGER, _KUBE_SCHEDULER),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        "system::leader-locking-kube-controller-manager",
        (_KUBE_MANAGER, account("kube-controller-manager")),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        "system::leader-locking-kube-scheduler",
        (_KUBE_SCHEDULER, account("kube-scheduler")),
    ),
    ("kube-public", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer",
        (account("bootstrap-signer"),),
    ),
}
"""(namespace, name) of RoleBindings of Roles in the same namespace."""
