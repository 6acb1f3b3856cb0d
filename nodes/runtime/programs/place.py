"""Where a program listens: the pod's own address, and the real port for a privileged one. Must not open sockets."""

from __future__ import annotations

import os
from pathlib import Path

from cluster.addresses import real_port

_LIMIT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def port_here(port: int) -> int:
    """The port to bind or dial on this machine for a container's `port`."""
    try:
        start = int(_LIMIT.read_text())
    except (OSError, ValueError):  # no Linux: the classic limit
        start = 1024
    return real_port(port, start, os.geteuid())


def pod_ip() -> str:
    return os.environ.get("CAPSTAN_POD_IP") or "127.0.0.1"
