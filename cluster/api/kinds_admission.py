"""The kinds of the group admissionregistration.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import tables_admission, validate_admission
from cluster.api.kind import Kind

GROUP = "admissionregistration.k8s.io"
API_EXTENSIONS = ("api-extensions",)

ADMISSION = (
    Kind("MutatingWebhookConfiguration", GROUP, "v1", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration",
         namespaced=False, rule=validate_admission.webhooks, categories=API_EXTENSIONS,
         printer=tables_admission.WEBHOOKS),
    Kind("ValidatingWebhookConfiguration", GROUP, "v1", "validatingwebhookconfigurations",
         "validatingwebhookconfiguration", namespaced=False, rule=validate_admission.webhooks,
         categories=API_EXTENSIONS, printer=tables_admission.WEBHOOKS),
    Kind("ValidatingAdmissionPolicy", GROUP, "v1", "validatingadmissionpolicies", "validatingadmissionpolicy",
         namespaced=False, status=True, rule=validate_admission.policy, categories=API_EXTENSIONS,
         printer=tables_admission.POLICY),
    Kind("ValidatingAdmissionPolicyBinding", GROUP, "v1", "validatingadmissionpolicybindings",
         "validatingadmissionpolicybinding", namespaced=False, rule=validate_admission.binding,
         categories=API_EXTENSIONS, printer=tables_admission.BINDING),
)  # fmt: skip
