"""What this machine lets us bind: the one place that asks the system, for all who bind or dial a pod's port.

Real by nature. Must not open sockets.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from cluster.addresses import real_port

_LIMIT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
USUAL_LIMIT = 1024


@cache
def unprivileged_start() -> int:
    """The first port that anyone may bind: Linux says, elsewhere 1024."""
    try:
        return int(_LIMIT.read_text())
    except (OSError, ValueError):
        return USUAL_LIMIT


def here(port: int) -> int:
    """`addresses.real_port` for this process on this machine."""
    return real_port(port, unprivileged_start(), os.geteuid())
