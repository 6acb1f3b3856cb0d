"""The kinds of the core group, and Lease.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import (
    formats,
    tables_core,
    tables_limits,
    tables_pods,
    validate_core,
    validate_limits,
    validate_network,
    validate_pod,
)
from cluster.api.kind import Kind

_EVENT_FIELDS = (
    *(
        "involvedObject." + n
        for n in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    ),
    *("reason", "reportingComponent", "source", "type"),
)
_POD_FIELDS = (
    *("spec." + n for n in ("nodeName", "restartPolicy", "schedulerName", "serviceAccountName", "hostNetwork")),
    *("status." + n for n in ("phase", "podIP", "nominatedNodeName")),
)

CORE = (
    Kind("Namespace", "", "v1", "namespaces", "namespace", ("ns",), namespaced=False, status=True, generation=False,
         fields=("status.phase",), name=formats.dns_label, update_rule=validate_core.namespace_update,
         printer=tables_core.NAMESPACE),
    Kind("Node", "", "v1", "nodes", "node", ("no",), namespaced=False, status=True, generation=False,
         fields=("spec.unschedulable",), rule=validate_core.node, update_rule=validate_core.node_update,
         printer=tables_core.NODE),
    Kind("Pod", "", "v1", "pods", "pod", ("po",), status=True, fields=_POD_FIELDS,
         rule=validate_pod.pod, update_rule=validate_pod.pod_update, categories=("all",), printer=tables_pods.POD),
    Kind("Service", "", "v1", "services", "service", ("svc",), status=True, generation=False,
         fields=("spec.clusterIP", "spec.type"), name=formats.dns_1035, rule=validate_network.service,
         update_rule=validate_network.service_update, categories=("all",), printer=tables_core.SERVICE),
    Kind("Endpoints", "", "v1", "endpoints", "endpoints", ("ep",), generation=False,
         rule=validate_network.endpoints, printer=tables_core.ENDPOINTS),
    Kind("ConfigMap", "", "v1", "configmaps", "configmap", ("cm",), generation=False,
         rule=validate_core.config_map, update_rule=validate_core.config_map_update, printer=tables_core.CONFIG_MAP),
    Kind("Secret", "", "v1", "secrets", "secret", generation=False, fields=("type",),
         rule=validate_core.secret, update_rule=validate_core.secret_update, printer=tables_core.SECRET),
    Kind("ServiceAccount", "", "v1", "serviceaccounts", "serviceaccount", ("sa",), generation=False,
         printer=tables_core.SERVICE_ACCOUNT),
    Kind("Event", "", "v1", "events", "event", ("ev",), generation=False, fields=_EVENT_FIELDS,
         rule=validate_core.event, printer=tables_core.EVENT),
    Kind("LimitRange", "", "v1", "limitranges", "limitrange", ("limits",), generation=False,
         rule=validate_limits.limit_range, printer=tables_limits.LIMIT_RANGE),
    Kind("ResourceQuota", "", "v1", "resourcequotas", "resourcequota", ("quota",), status=True, generation=False,
         rule=validate_limits.quota, update_rule=validate_limits.quota_update, printer=tables_limits.QUOTA),
    Kind("ComponentStatus", "", "v1", "componentstatuses", "componentstatus", ("cs",), namespaced=False,
         generation=False, read_only=True, printer=tables_limits.COMPONENT),
    Kind("Lease", "coordination.k8s.io", "v1", "leases", "lease", generation=False, printer=tables_core.LEASE),
)  # fmt: skip
