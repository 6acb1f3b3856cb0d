"""The cluster's address plan in 127/8, and which real port stands for a privileged one.

Must not open sockets or ask the system: its limits come in as arguments.

Second octet `subnet` (ClusterSpec.subnet) keeps clusters on one machine apart:

    127.S.0.(1+i)            master-i
    127.S.0.250              the balancer in front of the masters
    127.S.1.(1+i)            worker-i; from i = 250 on the third octet goes up by one every 250
    127.S.(16+i).0/24        pods of worker-i; from i = 224 on the second octet goes up by one every 224
    127.S.240.0/20           Services
"""

from __future__ import annotations

from cluster.errors import UsageError

PORT_SHIFT = 20_000
MASTERS = 249
"""So many have addresses below the balancer's."""
WORKERS_PER_OCTET = 250
WORKER_OCTETS = 15
"""Third octets below those of pods."""
BALANCER = "balancer"
"""The machine of the one address that stands for all masters."""
POD_RANGES = 224
"""Third octets 16 to 239 of one second octet."""


def real_port(port: int, unprivileged_start: int, euid: int) -> int:
    """The port to bind or dial for `port` on this machine: itself, or 20,000 more if only root may bind it.

    `unprivileged_start`: the first port that anyone may bind (Linux: net.ipv4.ip_unprivileged_port_start).
    Everybody on one machine computes the same, so 80 is reached at 20080 by those who know the rule."""
    if euid == 0 or port >= unprivileged_start or port == 0:
        return port
    return port + PORT_SHIFT


def machine_ip(subnet: int, machine: str) -> str:
    """The address of "master-1", "worker-3" or "balancer". UsageError for another name, or a number too high."""
    if machine == BALANCER:
        return f"127.{subnet}.0.250"
    role, index = split_machine(machine)
    most = MASTERS if role == "master" else WORKERS_PER_OCTET * WORKER_OCTETS
    if index >= most:
        raise UsageError(f"there is no address for {machine}", remedy=f"{role}-0 to {role}-{most - 1}")
    if role == "master":
        return f"127.{subnet}.0.{1 + index}"
    return f"127.{subnet}.{1 + index // WORKERS_PER_OCTET}.{1 + index % WORKERS_PER_OCTET}"


def pod_cidr(subnet: int, machine: str) -> str:
    """The range that worker `machine` gives its pods addresses from."""
    role, index = split_machine(machine)
    if role != "worker":
        raise UsageError(f"{machine!r} runs no pods", remedy="a worker, such as worker-0")
    octet = (subnet - 1 + index // POD_RANGES) % 254 + 1
    return f"127.{octet}.{16 + index % POD_RANGES}.0/24"


def service_cidr(subnet: int) -> str:
    """The range of ClusterIPs."""
    return f"127.{subnet}.240.0/20"


def split_machine(machine: str) -> tuple[str, int]:
    """("worker", 3) of "worker-3"."""
    role, dash, number = machine.rpartition("-")
    if role not in ("master", "worker") or not dash or not number.isdecimal():
        raise UsageError(f"{machine!r} is not a machine", remedy="master-N or worker-N")
    return role, int(number)
