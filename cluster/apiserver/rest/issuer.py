"""Who signs ServiceAccount tokens, and with which keys: for those who verify them without asking this cluster.

Pure. Must not sign. Source: OpenID Connect Discovery 1.0, section 3; RFC 7517; Kubernetes, "Service account issuer
discovery" (who may read it: the ClusterRole system:service-account-issuer-discovery).
"""

from __future__ import annotations

from typing import Any

from cluster.pki.keyring import ALGORITHM

CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"
KEYS_MEDIA = "application/jwk-set+json"


def configuration(issuer: str, address: str) -> dict[str, Any]:
    """`address`: where the keys are served, "127.77.0.1:6443"."""
    return {
        "issuer": issuer,
        "jwks_uri": f"https://{address}{KEYS}",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }
