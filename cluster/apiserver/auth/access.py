"""Who may come in, as configuration. Must not read anything."""

from __future__ import annotations

from dataclasses import dataclass

ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, and how they show who they are. Files are PEM, but for `token_file` (token,user,uid,groups).

    With it an apiserver authorizes by Node and RBAC, and has the default roles."""

    signing_key: str
    """Of ServiceAccounts' tokens."""
    issuer: str = ISSUER
    token_file: str = ""
    anonymous: bool = True
    """Whether somebody without credentials is system:anonymous, or nobody (Kubernetes: --anonymous-auth)."""
