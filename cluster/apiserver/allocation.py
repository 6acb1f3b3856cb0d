"""Addresses and node ports of Services: which are chosen, claimed and given back.

Pure. A claim is a key in the store that must not exist when it is made; claims stand in the same transaction as the
Service, so that two apiservers cannot give one address away twice. Must not know transactions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from random import Random
from typing import Any

from cluster.api.fielderrors import FieldError
from cluster.api.kinds import KINDS
from cluster.api.meta import name_of
from cluster.apiserver import refusals
from cluster.errors import StatusError

Object = dict[str, Any]

IPS, PORTS = "/registry/ranges/serviceips/", "/registry/ranges/servicenodeports/"
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
TRIES = 64
"""Draws before every free one is looked for in order."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """`node_ports`: first and last."""

    addresses: IPv4Network
    node_ports: tuple[int, int]

    @property
    def first_address(self) -> str:
        """The Service default/kubernetes has it."""
        return str(self.addresses[1])


def allocate(service: Object, taken: Collection[str], ranges: Ranges, rng: Random) -> Object:
    """The Service with an address and node ports where it needs some. `taken`: claims that are known to be held by
    others. Invalid for an address or port outside its range, or when none is free."""
    spec = dict(service.get("spec") or {})
    if spec.get("type") == "ExternalName":
        for name in ("clusterIP", "clusterIPs"):
            spec.pop(name, None)
        return {**service, "spec": spec}
    address = spec.get("clusterIP") or ""
    if not address:
        address = _free_address(service, taken, ranges, rng)
    elif address != "None":
        _check_address(service, address, ranges)
    spec["clusterIP"], spec["clusterIPs"] = address, [address]
    if spec.get("ports"):
        spec["ports"] = _ports(service, spec, taken, ranges, rng)
    return {**service, "spec": spec}


def claims(service: Object | None) -> tuple[str, ...]:
    """The keys that a Service holds, sorted."""
    spec = (service or {}).get("spec") or {}
    found = set()
    if spec.get("type") != "ExternalName" and spec.get("clusterIP") not in (None, "", "None"):
        found.add(IPS + spec["clusterIP"])
    found.update(f"{PORTS}{port['nodePort']}" for port in spec.get("ports") or () if port.get("nodePort"))
    return tuple(sorted(found))


def already_allocated(service: Object, lost: Iterable[str]) -> StatusError:
    """For claims that somebody else holds."""
    errors = []
    for key in lost:
        value = key.rpartition("/")[2]
        if key.startswith(IPS):
            text = f'Invalid value: ["{value}"]: failed to allocate IP {value}: provided IP is already allocated'
            errors.append(FieldError("spec.clusterIPs", "FieldValueInvalid", text))
        else:
            ports = [port.get("nodePort") for port in service["spec"].get("ports") or ()]
            at = ports.index(int(value)) if int(value) in ports else 0
            text = f"Invalid value: {value}: provided port is already allocated"
            errors.append(FieldError(f"spec.ports[{at}].nodePort", "FieldValueInvalid", text))
    return refusals.invalid(KINDS["Service"], name_of(service), errors)


def _free_address(service: Object, taken: Collection[str], ranges: Ranges, rng: Random) -> str:
    size = ranges.addresses.num_addresses
    for _ in range(TRIES):
        address = str(ranges.addresses[rng.randrange(2, size - 1)])
        if IPS + address not in taken:
            return address
    for at in range(2, size - 1):
        address = str(ranges.addresses[at])
        if IPS + address not in taken:
            return address
    raise _invalid(service, "spec.clusterIPs", "Internal error: failed to allocate a serviceIP: range is full")


def _check_address(service: Object, address: str, ranges: Ranges) -> None:
    try:
        inside = ip_address(address) in ranges.addresses
    except ValueError:
        inside = False
    if not inside:
        text = (
            f'Invalid value: ["{address}"]: failed to allocate IP {address}: the provided IP ({address}) is not in the '
            f"valid range. The range of valid IPs is {ranges.addresses}"
        )
        raise _invalid(service, "spec.clusterIPs", text)


def _ports(service: Object, spec: Object, taken: Collection[str], ranges: Ranges, rng: Random) -> list[Object]:
    if spec.get("type") not in _WITH_NODE_PORTS:
        return [{k: v for k, v in port.items() if k != "nodePort"} for port in spec["ports"]]
    low, high = ranges.node_ports
    used = {port["nodePort"] for port in spec["ports"] if port.get("nodePort")}
    result = []
    for at, port in enumerate(spec["ports"]):
        number = port.get("nodePort")
        if not number:
            number = _free_port(service, used, taken, ranges, rng)
            used.add(number)
        elif not low <= number <= high:
            text = (
                f"Invalid value: {number}: provided port is not in the valid range. The range of valid ports is "
                f"{low}-{high}"
            )
            raise _invalid(service, f"spec.ports[{at}].nodePort", text)
        result.append({**port, "nodePort": number})
    return result


def _free_port(service: Object, used: set[int], taken: Collection[str], ranges: Ranges, rng: Random) -> int:
    low, high = ranges.node_ports
    for _ in range(TRIES):
        number = rng.randint(low, high)
        if number not in used and f"{PORTS}{number}" not in taken:
            return number
    for number in range(low, high + 1):
        if number not in used and f"{PORTS}{number}" not in taken:
            return number
    raise _invalid(service, "spec.ports", "Internal error: failed to allocate a nodePort: range is full")


def _invalid(service: Object, path: str, text: str) -> StatusError:
    return refusals.invalid(KINDS["Service"], name_of(service), [FieldError(path, "FieldValueInvalid", text)])
