"""The kinds of the group rbac.authorization.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import formats, tables_rbac, validate_rbac
from cluster.api.kind import Kind
from cluster.api.schema_rbac import GROUP

RBAC = (
    Kind("Role", GROUP, "v1", "roles", "role", generation=False, name=formats.path_segment,
         rule=validate_rbac.role, printer=tables_rbac.ROLE),
    Kind("RoleBinding", GROUP, "v1", "rolebindings", "rolebinding", generation=False, name=formats.path_segment,
         rule=validate_rbac.role_binding, update_rule=validate_rbac.binding_update, printer=tables_rbac.BINDING),
    Kind("ClusterRole", GROUP, "v1", "clusterroles", "clusterrole", namespaced=False, generation=False,
         name=formats.path_segment, rule=validate_rbac.cluster_role, printer=tables_rbac.ROLE),
    Kind("ClusterRoleBinding", GROUP, "v1", "clusterrolebindings", "clusterrolebinding", namespaced=False,
         generation=False, name=formats.path_segment, rule=validate_rbac.cluster_role_binding,
         update_rule=validate_rbac.binding_update, printer=tables_rbac.BINDING),
)  # fmt: skip
