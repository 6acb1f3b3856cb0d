"""The cluster's address plan, as nodes know it: everything of `cluster.addresses`, where the masters find it too.

Must not add to it: there is one plan.
"""

from __future__ import annotations

from cluster.addresses import machine_ip, pod_cidr, real_port, service_cidr, split_machine

__all__ = ["machine_ip", "pod_cidr", "real_port", "service_cidr", "split_machine"]
