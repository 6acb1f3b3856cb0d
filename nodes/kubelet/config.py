"""The kubelet's configuration as a value. Must not read anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster.config import Timing
from cluster.errors import UsageError

RUNTIMES = ("process", "simulated")


@dataclass(frozen=True, slots=True)
class Config:
    """`stages`: image to behaviour, see `nodes/kubelet/stages.py` (simulated runtime). `root`: the folder for
    containers, volumes and logs; `container_socket`: the fork server's (process runtime). `capacity`: quantities as in
    a Node, e.g. {"cpu": "4", "memory": "8Gi", "pods": "110"}. `taints`: as in a Node's spec."""

    apiservers: tuple[str, ...]
    timing: Timing
    node: str
    node_ip: str
    pod_cidr: str
    runtime: str = "simulated"
    zone: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, Any], ...] = ()
    capacity: dict[str, str] = field(default_factory=lambda: {"cpu": "4", "memory": "8Gi", "pods": "110"})
    container_socket: str = ""
    root: str = ""
    stages: dict[str, Any] = field(default_factory=dict)
    service_links: bool = True
    """Give containers {SVC}_SERVICE_HOST and the like of their namespace's Services (one list per start)."""
    version: str = "v1.0.0-capstan"

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise UsageError(
                f"runtime={self.runtime!r} is not possible", place="kubelet", remedy="process or simulated"
            )
        if not self.apiservers:
            raise UsageError("there is no apiserver to talk to", place="kubelet")
        if self.runtime == "process" and not (self.container_socket and self.root):
            raise UsageError("the process runtime needs container_socket and root", place="kubelet")
