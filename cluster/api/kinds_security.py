"""The kinds of the groups certificates.k8s.io, flowcontrol.apiserver.k8s.io and apiregistration.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import formats, tables_certificates, tables_flow, validate_certificates, validate_flow
from cluster.api.kind import Kind

FLOW = "flowcontrol.apiserver.k8s.io"

SECURITY = (
    Kind("CertificateSigningRequest", "certificates.k8s.io", "v1", "certificatesigningrequests",
         "certificatesigningrequest", ("csr",), namespaced=False, status=True, generation=False,
         fields=("spec.signerName",), name=formats.path_segment, rule=validate_certificates.request,
         update_rule=validate_certificates.request_update, status_rule=validate_certificates.settled,
         printer=tables_certificates.REQUEST),
    Kind("FlowSchema", FLOW, "v1", "flowschemas", "flowschema", namespaced=False, status=True,
         rule=validate_flow.flow_schema, printer=tables_flow.FLOW_SCHEMA),
    Kind("PriorityLevelConfiguration", FLOW, "v1", "prioritylevelconfigurations", "prioritylevelconfiguration",
         namespaced=False, status=True, rule=validate_flow.priority_level, printer=tables_flow.PRIORITY_LEVEL),
    Kind("APIService", "apiregistration.k8s.io", "v1", "apiservices", "apiservice", namespaced=False, status=True,
         read_only=True, categories=("api-extensions",), name=formats.path_segment, printer=tables_flow.API_SERVICE),
)  # fmt: skip
