"""The kubeconfig of a cluster: one context for each way in, with everything inline.

Pure. Source: Kubernetes, "Organizing Cluster Access Using kubeconfig Files".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.pki.authority import Pair


def kubeconfig(name: str, servers: Mapping[str, str], ca: bytes, user: Pair) -> str:
    """YAML. `servers`: context name to URL, the current one first."""
    admin = f"{name}-admin"
    clusters = [
        {"name": context, "cluster": {"server": url, "certificate-authority-data": _text(ca)}}
        for context, url in servers.items()
    ]
    contexts = [{"name": context, "context": {"cluster": context, "user": admin}} for context in servers]
    credentials = {"client-certificate-data": _text(user.cert), "client-key-data": _text(user.key)}
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(servers)),
        "clusters": clusters,
        "contexts": contexts,
        "users": [{"name": admin, "user": credentials}],
        "preferences": {},
    }
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text


def _text(data: bytes) -> str:
    return b64encode(data).decode()
