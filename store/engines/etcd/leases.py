"""etcd's messages about leases as bytes (etcd: rpc.proto, service Lease).

Pure. Must not know how they travel.
"""

from __future__ import annotations

from store.engines.etcd.messages import bytes_of, int_of
from store.engines.etcd.protobuf import fields, number_field, signed

GRANT, REVOKE = "/etcdserverpb.Lease/LeaseGrant", "/etcdserverpb.Lease/LeaseRevoke"
KEEP_ALIVE, TIME_TO_LIVE = "/etcdserverpb.Lease/LeaseKeepAlive", "/etcdserverpb.Lease/LeaseTimeToLive"
LEASES = "/etcdserverpb.Lease/LeaseLeases"


def grant_request(ttl: int, id: int) -> bytes:
    return number_field(1, ttl) + number_field(2, id)


def id_request(id: int, *, keys: bool = False) -> bytes:
    """Of revoke, keep-alive and time-to-live (the one that has `keys`)."""
    return number_field(1, id) + number_field(2, keys)


def lease_of(data: bytes) -> tuple[int, int, int, tuple[bytes, ...]]:
    """(id, TTL left, TTL granted, keys) of any answer about one lease; a TTL below 1: there is no such lease."""
    id = ttl = granted = 0
    keys: list[bytes] = []
    for number, value in fields(data):
        if number == 2:
            id = signed(int_of(value))
        elif number == 3:
            ttl = signed(int_of(value))
        elif number == 4 and isinstance(value, int):
            granted = signed(value)
        elif number == 5:
            keys.append(bytes_of(value))
    return id, ttl, granted, tuple(keys)


def leases_of(data: bytes) -> list[int]:
    """Ids."""
    found = (dict(fields(bytes_of(value))) for number, value in fields(data) if number == 2)
    return [signed(int_of(lease.get(1, 0))) for lease in found]
