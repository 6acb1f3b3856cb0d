"""Which user a host on the bus is: components have Kubernetes' names, whoever sits at the command line is the admin.

Pure. Must not decide what they may do: the bus is the cluster's own, and who is on it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cluster.apiserver.auth.rules import AUTHENTICATED, MANAGER, MASTERS, NODE, NODES, Who

ADMIN = Who("kubernetes-admin", (MASTERS, AUTHENTICATED))
APISERVER = Who("system:apiserver", (MASTERS, AUTHENTICATED))
_COMPONENTS: Mapping[str, Who] = {
    "controller-manager": Who(MANAGER, (AUTHENTICATED,)),
    "scheduler": Who("system:kube-scheduler", (AUTHENTICATED,)),
    "proxy": Who("system:kube-proxy", (AUTHENTICATED,)),
    "apiserver": APISERVER,
}


@lru_cache(maxsize=4096)
def user_of_host(name: str) -> Who:
    """kubelet-1 is system:node:worker-1 (`cluster.topology` puts it there)."""
    component, dash, number = name.rpartition("-")
    if dash and number.isdecimal():
        if component == "kubelet":
            return Who(f"{NODE}worker-{number}", (NODES, AUTHENTICATED))
        if component in _COMPONENTS:
            return _COMPONENTS[component]
    return ADMIN
