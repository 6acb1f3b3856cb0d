"""The kinds of the groups networking.k8s.io and discovery.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import tables_core, tables_network, validate_network, validate_policies
from cluster.api.kind import Kind

NETWORK = (
    Kind("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", "endpointslice",
         rule=validate_network.endpoint_slice, update_rule=validate_network.endpoint_slice_update,
         printer=tables_core.ENDPOINT_SLICE),
    Kind("Ingress", "networking.k8s.io", "v1", "ingresses", "ingress", ("ing",), status=True,
         rule=validate_network.ingress, printer=tables_core.INGRESS),
    Kind("IngressClass", "networking.k8s.io", "v1", "ingressclasses", "ingressclass", namespaced=False,
         rule=validate_policies.ingress_class, update_rule=validate_policies.ingress_class_update,
         printer=tables_network.INGRESS_CLASS),
    Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", ("netpol",),
         rule=validate_policies.network_policy, printer=tables_network.NETWORK_POLICY),
)  # fmt: skip
