"""Objects in the store: one key an object, one guarded transaction a write, and the store's errors as an apiserver's.

Shell. Must not know what a write means: `Write` says which key, what it must be now and what it is to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cluster.api.kinds import KINDS, Kind, key_for
from cluster.apiserver import refusals
from cluster.apiserver.registry import stored_metadata
from cluster.apiserver.watchcache import Arrived, Stored
from cluster.errors import StatusError
from cluster.pki.vault import MARK, Sealed, Vault
from cluster.wire import WireError, pack, unpack
from store.engines import KeySpace
from store.mvcc.values import Compare, Delete, Op, Put, Range, RangeResult, prefix_end

Object = dict[str, Any]

REGISTRY = b"/registry/"
PAGE = 1000
"""Objects per read while a cache fills."""

_by_plural: dict[str, Kind] = {}


class Charge(NamedTuple):
    """A ResourceQuota as it is to be once what is written has been counted; `expected`: its mod_revision before."""

    key: str
    obj: Object
    expected: int


@dataclass(frozen=True, slots=True)
class Write:
    """`obj` None deletes. `expected`: the mod_revision that the key must have, 0 for none at all. `claims` must not
    exist and are made, `releases` are deleted, in the same transaction; `within`, a namespace's name and mod_revision,
    must still be that version: who looked at it saw that it takes new objects, and a cache may be late to hear that it
    is going. `charges` are written with it."""

    kind: Kind
    key: str
    obj: Object | None
    expected: int
    claims: Sequence[str] = ()
    releases: Sequence[str] = ()
    within: tuple[str, int] = ("", 0)
    charges: Sequence[Charge] = ()


class Written(NamedTuple):
    """`revision` 0: nothing was written, because `current` is what is there (None: nothing is), or because others
    hold the claims `taken`, or because the namespace is another one or not there (`homeless`), or because a quota is
    not what it was (`outdated`)."""

    revision: int
    current: Stored | None = None
    taken: tuple[str, ...] = ()
    homeless: bool = False
    outdated: bool = False


class Storage:
    """All methods take `timeout`, seconds. Errors: Timeout (of a write: indefinite), ServiceUnavailable (definite)."""

    def __init__(self, store: KeySpace, vault: Vault | None = None) -> None:
        """`vault`: seals and opens what is encrypted at rest; None: nothing is, and what is stays shut."""
        self.store = store
        self.vault = vault

    async def get(self, kind: Kind, key: str, timeout: float) -> Stored | None:
        """Linearizable."""
        try:
            result = await self.store.range(_key(kind, key), timeout=timeout)
        except StatusError as error:
            raise _translated(error, write=False) from None
        return _stored(result, self.vault)

    async def revision(self, timeout: float) -> int:
        """The store's newest revision, linearizable."""
        try:
            return await self.store.revision(timeout=timeout)
        except StatusError as error:
            raise _translated(error, write=False) from None

    async def commit(self, write: Write, timeout: float) -> Written:
        key = _key(write.kind, write.key)
        compares = [Compare(key, "mod", "=", write.expected)]
        compares += [Compare(claim.encode(), "version", "=", 0) for claim in write.claims]
        namespace, version = write.within
        home = _key(KINDS["Namespace"], namespace)
        if namespace:
            compares.append(Compare(home, "mod", "=", version))
        charged = [(_key(KINDS["ResourceQuota"], charge.key), charge) for charge in write.charges]
        compares += [Compare(at, "mod", "=", charge.expected) for at, charge in charged]
        success: list[Op] = (
            [Delete(key)] if write.obj is None else [Put(key, self._encoded(write.kind, key, write.obj))]
        )
        success += [Put(claim.encode(), write.key.encode()) for claim in write.claims]
        success += [Delete(claim.encode()) for claim in write.releases]
        success += [Put(at, self._encoded(KINDS["ResourceQuota"], at, charge.obj)) for at, charge in charged]
        failure = [Range(key), *(Range(claim.encode(), keys_only=True) for claim in write.claims)]
        if namespace:
            failure.append(Range(home, keys_only=True))
        failure += [Range(at, keys_only=True) for at, _ in charged]
        try:
            result = await self.store.txn(compares, success, failure, timeout=timeout)
        except StatusError as error:
            raise _translated(error, write=True) from None
        if result.succeeded:
            return Written(result.revision)
        found = [response for response in result.responses if isinstance(response, RangeResult)]
        taken = tuple(claim for claim, holder in zip(write.claims, found[1:], strict=False) if holder.kvs)
        held = [[kv.mod_revision for kv in each.kvs] for each in found[1 + len(write.claims) :]]
        homeless = bool(namespace) and held.pop(0) != [version]
        outdated = any(now != [each.expected] for now, each in zip(held, write.charges, strict=True))
        return Written(0, _stored(found[0], self.vault), taken, homeless, outdated)

    async def load(self, timeout: float) -> tuple[int, list[Arrived]]:
        """Everything there is at one revision, linearizable: (revision, objects)."""
        start, end = REGISTRY, prefix_end(REGISTRY)
        revision, objects = 0, list[Arrived]()
        try:
            while True:
                page = await self.store.range(start, end, revision=revision, limit=PAGE, timeout=timeout)
                revision = revision or page.revision
                for kv in page.kvs:
                    if arrived := decode(kv.key, kv.value, kv.mod_revision, self.vault):
                        objects.append(arrived)
                if not page.more:
                    return revision, objects
                start = page.kvs[-1].key + b"\0"
        except StatusError as error:
            raise _translated(error, write=False) from None

    def _encoded(self, kind: Kind, key: bytes, obj: Object) -> bytes:
        value = encode(obj)
        return value if self.vault is None else self.vault.seal(kind.qualified, key, value)


def encode(obj: Object) -> bytes:
    """The value of a key: msgpack of the object without its resourceVersion, which is the key's own mod_revision."""
    return pack({**obj, "metadata": stored_metadata(obj)})


def decode(key: bytes, value: bytes | None, revision: int, vault: Vault | None = None) -> Arrived | None:
    """An event or key of the store; `value` None for a deletion. None for what is no object of a known kind. What
    `vault` cannot open arrives as `unreadable`."""
    parts = key.decode("utf-8", "replace").split("/")
    if len(parts) < 4 or parts[1] != "registry":
        return None
    if "." in parts[2]:
        return _decode_custom(parts, key, value, revision, vault)
    if len(parts) > 5:
        return None
    kind = _kind_of(parts[2])
    if kind is None or kind.namespaced is not (len(parts) == 5):
        return None
    name = "/".join(parts[3:])
    if value is None:
        return Arrived(kind.key, name, revision, None)
    try:
        obj = unpack(_opened(key, value, vault) if value.startswith(MARK) else value)
    except WireError:
        return None
    except Sealed as shut:
        return Arrived(kind.key, name, revision, None, unreadable=str(shut))
    if type(obj) is not dict or type(obj.get("metadata")) is not dict:
        return None
    return Arrived(kind.key, name, revision, obj)


def _opened(key: bytes, value: bytes, vault: Vault | None) -> bytes:
    if vault is None:
        raise Sealed("", "it is encrypted, and this apiserver has no keys (`encryption` in its configuration)")
    return vault.open(key, value)


def _decode_custom(
    parts: Sequence[str], key: bytes, value: bytes | None, revision: int, vault: Vault | None
) -> Arrived | None:
    """/registry/GROUP/PLURAL/[NAMESPACE/]NAME. What kind that is, the object says; a deletion cannot."""
    if len(parts) not in (5, 6):
        return None
    place, name = f"{parts[3]}.{parts[2]}", "/".join(parts[4:])
    if value is None:
        return Arrived("", name, revision, None, place)
    try:
        obj = unpack(_opened(key, value, vault) if value.startswith(MARK) else value)
        kind = key_for(obj["kind"], obj["apiVersion"])
    except Sealed as shut:
        return Arrived("", name, revision, None, place, str(shut))
    except (WireError, KeyError, TypeError, AttributeError):
        return None
    return Arrived(kind, name, revision, obj, place) if type(obj.get("metadata")) is dict else None


def _kind_of(plural: str) -> Kind | None:
    found = _by_plural.get(plural)
    if found is None or KINDS.get(found.kind) is not found:  # the table may have got an entry since
        _by_plural.clear()
        _by_plural.update({kind.plural: kind for kind in KINDS.values()})
        found = _by_plural.get(plural)
    return found


def _key(kind: Kind, key: str) -> bytes:
    return (kind.prefix + key).encode()


def _stored(result: RangeResult, vault: Vault | None) -> Stored | None:
    if not result.kvs:
        return None
    kv = result.kvs[0]
    arrived = decode(kv.key, kv.value, kv.mod_revision, vault)
    if arrived is not None and arrived.unreadable:
        raise refusals.unreadable(arrived.kind or arrived.place, arrived.key, arrived.unreadable)
    if arrived is None or arrived.obj is None:
        raise StatusError("InternalError", f"{kv.key!r} does not hold an object", definite=True)
    return Stored(arrived.obj, kv.mod_revision)


def _translated(error: StatusError, *, write: bool) -> StatusError:
    """What a caller of the apiserver can make sense of."""
    if error.definite and error.retry:  # NotLeader, NoQuorum: nothing was done, another apiserver may do better
        return refusals.unavailable(str(error))
    if error.reason in ("Timeout", "Dropped"):
        return StatusError("Timeout", f"the store: {error.message}", error.details, definite=not write)
    return error
