"""The ClusterRoles and Roles that every cluster has, for people and for components.

Pure, data only. Must not know how they come into the store. Source: Kubernetes, "Default roles and role bindings"
(plugin/pkg/auth/authorizer/rbac/bootstrappolicy), without those for clouds and for kinds that are not served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

CORE, APPS, BATCH, SCALING = "", "apps", "batch", "autoscaling"
NETWORK, POLICY, RBAC, STORAGE = "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io"
COORDINATION, DISCOVERY, EVENTS = "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"
CERTIFICATES, AUTHENTICATION = "certificates.k8s.io", "authentication.k8s.io"
AUTHORIZATION, METRICS, ANY = "authorization.k8s.io", "metrics.k8s.io", "*"

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")
READ_WRITE = (*READ, *WRITE)
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"

Line = tuple[str, str, str]
"""Verbs, API groups and resources, each parted by blanks; "-" for the core group."""


def rule(verbs: str, groups: str, resources: str, *names: str) -> Object:
    made: Object = {
        "verbs": verbs.split(),
        "apiGroups": [CORE if group == "-" else group for group in groups.split()],
        "resources": resources.split(),
    }
    return {**made, "resourceNames": list(names)} if names else made


def paths(verbs: str, urls: str) -> Object:
    return {"verbs": verbs.split(), "nonResourceURLs": urls.split()}


R, W, RW = " ".join(READ), " ".join(WRITE), " ".join(READ_WRITE)
EVENT_RULE = rule("create patch update", "- events.k8s.io", "events")

_APPS = "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"
_APPS_STATUS = "controllerrevisions daemonsets/status deployments/status replicasets/status statefulsets/status"
_CORE_VIEW = (
    "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
    "replicationcontrollers/scale serviceaccounts services services/status"
)
_CORE_STATUS = (
    "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas "
    "resourcequotas/status namespaces"
)

VIEW = (
    rule(R, "-", _CORE_VIEW),
    rule(R, "-", _CORE_STATUS),
    rule(R, DISCOVERY, "endpointslices"),
    rule(R, APPS, f"{_APPS} {_APPS_STATUS}"),
    rule(R, SCALING, "horizontalpodautoscalers horizontalpodautoscalers/status"),
    rule(R, BATCH, "cronjobs cronjobs/status jobs jobs/status"),
    rule(R, POLICY, "poddisruptionbudgets poddisruptionbudgets/status"),
    rule(R, NETWORK, "ingresses ingresses/status networkpolicies"),
)
EDIT = (
    rule(R, "-", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    rule("impersonate", "-", "serviceaccounts"),
    rule(W, "-", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    rule("create", "-", "pods/eviction"),
    rule(
        W,
        "-",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
        "serviceaccounts services services/proxy",
    ),
    rule("create", "-", "serviceaccounts/token"),
    rule(W, APPS, f"deployments/rollback {_APPS}"),
    rule(W, SCALING, "horizontalpodautoscalers"),
    rule(W, BATCH, "cronjobs jobs"),
    rule(W, POLICY, "poddisruptionbudgets"),
    rule(W, NETWORK, "ingresses networkpolicies"),
    rule(RW, COORDINATION, "leases"),
)
ADMIN = (
    rule("create", AUTHORIZATION, "localsubjectaccessreviews"),
    rule(RW, RBAC, "rolebindings roles"),
)

NODE_RULES = (
    rule("create", AUTHENTICATION, "tokenreviews"),
    rule("create", AUTHORIZATION, "localsubjectaccessreviews subjectaccessreviews"),
    rule(R, "-", "services"),
    rule("create get list watch", "-", "nodes"),
    rule("patch update", "-", "nodes/status"),
    rule("patch update", "-", "nodes"),
    rule("create patch update", "-", "events"),
    rule(R, "-", "pods"),
    rule("create delete", "-", "pods"),
    rule("patch update", "-", "pods/status"),
    rule("create", "-", "pods/eviction"),
    rule(R, "-", "configmaps secrets"),
    rule("get", "-", "persistentvolumeclaims persistentvolumes"),
    rule("get", "-", "endpoints"),
    rule("create get list watch", CERTIFICATES, "certificatesigningrequests"),
    rule("create delete get patch update", COORDINATION, "leases"),
    rule("get", STORAGE, "volumeattachments"),
    rule("create", "-", "serviceaccounts/token"),
    rule(R, "-", "serviceaccounts"),
    rule(R, STORAGE, "csidrivers"),
    rule("create delete get patch update", STORAGE, "csinodes"),
    rule(R, "node.k8s.io", "runtimeclasses"),
)

_HEALTH = "/healthz /livez /readyz /version /version/"

CLUSTER_ROLES: Mapping[str, tuple[Object, ...]] = {
    "cluster-admin": (rule("*", "*", "*"), paths("*", "*")),
    "system:aggregate-to-admin": ADMIN,
    "system:aggregate-to-edit": EDIT,
    "system:aggregate-to-view": VIEW,
    "system:discovery": (
        paths("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"),
    ),
    "system:basic-user": (
        rule("create", AUTHORIZATION, "selfsubjectaccessreviews selfsubjectrulesreviews"),
        rule("create", AUTHENTICATION, "selfsubjectreviews"),
    ),
    "system:public-info-viewer": (paths("get", _HEALTH),),
    "system:monitoring": (
        paths("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*"),
    ),
    "system:node": NODE_RULES,
    "system:node-problem-detector": (
        rule("get", "-", "nodes"),
        rule("patch", "-", "nodes/status"),
        EVENT_RULE,
    ),
    "system:kubelet-api-admin": (
        rule(R, "-", "nodes"),
        rule("proxy", "-", "nodes"),
        rule("*", "-", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
    ),
    "system:node-bootstrapper": (rule("create get list watch", CERTIFICATES, "certificatesigningrequests"),),
    "system:auth-delegator": (
        rule("create", AUTHENTICATION, "tokenreviews"),
        rule("create", AUTHORIZATION, "subjectaccessreviews"),
    ),
    "system:kube-aggregator": (rule(R, "-", "endpoints services"),),
    "system:kube-controller-manager": (
        EVENT_RULE,
        rule("create", COORDINATION, "leases"),
        rule("get update", COORDINATION, "leases", "kube-controller-manager"),
        rule("create", "-", "secrets serviceaccounts"),
        rule("delete", "-", "secrets"),
        rule("get", "-", "configmaps namespaces secrets serviceaccounts"),
        rule("update", "-", "secrets serviceaccounts"),
        rule("create", AUTHENTICATION, "tokenreviews"),
        rule("create", AUTHORIZATION, "subjectaccessreviews"),
        rule("list watch", "*", "*"),
        rule("create", "-", "serviceaccounts/token"),
    ),
    "system:kube-scheduler": (
        EVENT_RULE,
        rule("create", COORDINATION, "leases"),
        rule("get list update watch", COORDINATION, "leases", "kube-scheduler"),
        rule(R, "-", "nodes"),
        rule("delete get list watch", "-", "pods"),
        rule("create", "-", "bindings pods/binding"),
        rule("patch update", "-", "pods/status"),
        rule(R, "-", "replicationcontrollers services"),
        rule(R, APPS, "replicasets statefulsets"),
        rule(R, POLICY, "poddisruptionbudgets"),
        rule(R, "-", "persistentvolumeclaims persistentvolumes namespaces"),
        rule("create", AUTHENTICATION, "tokenreviews"),
        rule("create", AUTHORIZATION, "subjectaccessreviews"),
        rule(R, STORAGE, "csinodes csidrivers storageclasses volumeattachments"),
        rule(R, "scheduling.k8s.io", "priorityclasses"),
    ),
    "system:volume-scheduler": (
        rule("get list patch update watch", "-", "persistentvolumes"),
        rule(R, STORAGE, "storageclasses"),
        rule("get list patch update watch", "-", "persistentvolumeclaims"),
    ),
    "system:kube-dns": (rule("list watch", "-", "endpoints services"),),
    "system:persistent-volume-provisioner": (
        rule("create delete get list watch", "-", "persistentvolumes"),
        rule("get list update watch", "-", "persistentvolumeclaims"),
        rule(R, STORAGE, "storageclasses"),
        rule("watch", "-", "events"),
        rule("create patch update", "-", "events"),
    ),
    "system:node-proxier": (
        rule("list watch", "-", "endpoints services"),
        rule(R, "-", "nodes"),
        rule("create patch update", "- events.k8s.io", "events"),
        rule("list watch", DISCOVERY, "endpointslices"),
    ),
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": (
        rule("create", CERTIFICATES, "certificatesigningrequests/nodeclient"),
    ),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": (
        rule("create", CERTIFICATES, "certificatesigningrequests/selfnodeclient"),
    ),
    **{
        f"system:certificates.k8s.io:{name.partition('/')[2]}-approver": (
            rule("approve", CERTIFICATES, "signers", name),
        )
        for name in (
            "kubernetes.io/kube-apiserver-client",
            "kubernetes.io/kube-apiserver-client-kubelet",
            "kubernetes.io/kubelet-serving",
            "kubernetes.io/legacy-unknown",
        )
    },
    "system:service-account-issuer-discovery": (
        paths("get", "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks"),
    ),
}
AGGREGATED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("admin", ("admin", "edit", "view")),
    "edit": ("edit", ("edit", "view")),
    "view": ("view", ("view",)),
}
"""Roles that are made of those with a label: which label, and what that finds in a fresh cluster."""
LABELS: Mapping[str, str] = {
    "system:aggregate-to-admin": AGGREGATE + "admin",
    "system:aggregate-to-edit": AGGREGATE + "edit",
    "system:aggregate-to-view": AGGREGATE + "view",
}
"""Kubernetes: edit is aggregated to admin, and view to edit, as roles of their own."""
