"""The kinds of the groups apps and scheduling.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import tables_apps, validate_apps
from cluster.api.kind import Kind

APPS = (
    Kind("Deployment", "apps", "v1", "deployments", "deployment", ("deploy",), status=True, scale=True,
         rule=validate_apps.deployment, update_rule=validate_apps.selector_update,
         categories=("all",), printer=tables_apps.DEPLOYMENT),
    Kind("ReplicaSet", "apps", "v1", "replicasets", "replicaset", ("rs",), status=True, scale=True,
         fields=("status.replicas",), rule=validate_apps.replica_set, update_rule=validate_apps.selector_update,
         categories=("all",), printer=tables_apps.REPLICA_SET),
    Kind("DaemonSet", "apps", "v1", "daemonsets", "daemonset", ("ds",), status=True,
         rule=validate_apps.daemon_set, update_rule=validate_apps.selector_update,
         categories=("all",), printer=tables_apps.DAEMON_SET),
    Kind("ControllerRevision", "apps", "v1", "controllerrevisions", "controllerrevision", generation=False,
         update_rule=validate_apps.controller_revision_update, printer=tables_apps.CONTROLLER_REVISION),
    Kind("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", ("pc",), namespaced=False,
         rule=validate_apps.priority_class, update_rule=validate_apps.priority_class_update,
         printer=tables_apps.PRIORITY_CLASS),
)  # fmt: skip
