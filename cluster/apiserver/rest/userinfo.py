"""A user as the API shows one. Pure; must not know who asks.

Source: Kubernetes API, authentication.k8s.io UserInfo.
"""

from __future__ import annotations

from typing import Any

from cluster.apiserver.auth.rules import Who


def user_info(who: Who) -> dict[str, Any]:
    info: dict[str, Any] = {"username": who.name, "groups": list(who.groups)}
    if who.uid:
        info["uid"] = who.uid
    if who.extra:
        info["extra"] = {name: list(values) for name, values in who.extra}
    return info
