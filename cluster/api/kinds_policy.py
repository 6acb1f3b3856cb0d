"""The kinds of the groups policy and node.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import births, tables_policy, validate_policy
from cluster.api.kind import Kind

POLICY = (
    Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", ("pdb",), status=True,
         rule=validate_policy.disruption_budget, begin=births.empty_status, printer=tables_policy.BUDGET),
    Kind("RuntimeClass", "node.k8s.io", "v1", "runtimeclasses", "runtimeclass", namespaced=False, generation=False,
         rule=validate_policy.runtime_class, update_rule=validate_policy.runtime_class_update,
         printer=tables_policy.RUNTIME_CLASS),
)  # fmt: skip
