"""Metadata of objects: names, uids, owners, conditions, stamps.

Must not know kinds or rules: everything here is true of any Kubernetes object, a plain dict of JSON values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

Object = dict[str, Any]

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' letters of generated names: no vowels, no look-alikes, so that no words come about."""
_NO_LABELS: dict[str, str] = {}


def name_of(obj: Mapping[str, Any]) -> str:
    """metadata.name, "" if none."""
    return str(obj.get("metadata", {}).get("name", ""))


def namespace_of(obj: Mapping[str, Any]) -> str:
    """metadata.namespace, "" if none."""
    return str(obj.get("metadata", {}).get("namespace", ""))


def uid_of(obj: Mapping[str, Any]) -> str:
    """metadata.uid, "" if none."""
    return str(obj.get("metadata", {}).get("uid", ""))


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """metadata.labels, {} if none. Shared with the object: read only."""
    return obj.get("metadata", {}).get("labels") or _NO_LABELS.copy()


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """metadata.annotations, {} if none. Shared with the object: read only."""
    return obj.get("metadata", {}).get("annotations") or _NO_LABELS.copy()


def finalizers_of(obj: Mapping[str, Any]) -> list[str]:
    """metadata.finalizers, [] if none. Shared with the object: read only."""
    return obj.get("metadata", {}).get("finalizers") or []


def revision_of(obj: Mapping[str, Any]) -> int:
    """metadata.resourceVersion as the store's revision, 0 if none or not a number."""
    text = obj.get("metadata", {}).get("resourceVersion") or "0"
    return int(text) if str(text).isdigit() else 0


def generation_of(obj: Mapping[str, Any]) -> int:
    """metadata.generation, 0 if none."""
    return int(obj.get("metadata", {}).get("generation") or 0)


def key_of(obj: Mapping[str, Any]) -> str:
    """ "namespace/name", or "name" for what is in no namespace."""
    meta = obj.get("metadata", {})
    namespace = meta.get("namespace")
    return f"{namespace}/{meta.get('name', '')}" if namespace else str(meta.get("name", ""))


def split_key(key: str) -> tuple[str, str]:
    """(namespace, name) of a key; namespace "" for what is in none."""
    namespace, _, name = key.rpartition("/")
    return namespace, name


def owners_of(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    """metadata.ownerReferences, [] if none. Shared with the object: read only."""
    return obj.get("metadata", {}).get("ownerReferences") or []


def controller_of(obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ownerReference whose `controller` is true; an object has at most one."""
    for owner in owners_of(obj):
        if owner.get("controller"):
            return owner
    return None


def owner_reference(owner: Mapping[str, Any], controller: bool = True) -> dict[str, Any]:
    """A reference to `owner` for a dependent's metadata.ownerReferences."""
    reference: dict[str, Any] = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
    }
    if controller:
        reference["controller"] = True
        reference["blockOwnerDeletion"] = True
    return reference


def object_reference(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An ObjectReference to `obj`, as an Event's involvedObject holds."""
    meta = obj.get("metadata", {})
    fields = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "name": meta.get("name"),
        "namespace": meta.get("namespace"),
        "uid": meta.get("uid"),
        "resourceVersion": meta.get("resourceVersion"),
    }
    return {name: value for name, value in fields.items() if value}


def deleting(obj: Mapping[str, Any]) -> bool:
    """Whether deletion has begun (metadata.deletionTimestamp is set)."""
    return bool(obj.get("metadata", {}).get("deletionTimestamp"))


def condition(obj: Mapping[str, Any], type: str) -> dict[str, Any] | None:
    """The entry of status.conditions with that type. Shared with the object: read only."""
    found: dict[str, Any]
    for found in obj.get("status", {}).get("conditions") or ():
        if found.get("type") == type:
            return found
    return None


def set_condition(
    conditions: Sequence[Mapping[str, Any]],
    type: str,
    status: str,
    reason: str,
    message: str,
    now: str,
) -> list[dict[str, Any]]:
    """A new list with that condition set, in its old place; lastTransitionTime moves only when status does.

    `status`: "True", "False" or "Unknown". Other fields of an entry that is there (lastHeartbeatTime) stay.
    """
    result = [dict(entry) for entry in conditions]
    entry = next((e for e in result if e.get("type") == type), None)
    if entry is None:
        entry = {"type": type}
        result.append(entry)
    if entry.get("status") != status or "lastTransitionTime" not in entry:
        entry["lastTransitionTime"] = now
    entry["status"] = status
    for name, text in (("reason", reason), ("message", message)):
        if text:
            entry[name] = text
        else:
            entry.pop(name, None)
    return result


EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""Seconds since 1970 of the first and the last second that a stamp can name: the years 1 and 9999."""


@lru_cache(maxsize=4096)
def _stamp(seconds: int) -> str:
    stamp = datetime.fromtimestamp(min(max(seconds, EARLIEST), LATEST), UTC)
    return f"{stamp.year:04d}{stamp:-%m-%dT%H:%M:%S}"


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as metav1.Time: whole seconds, "2026-01-31T09:00:00Z". What is further away than stamps go
    (somebody asks for a grace period of 30,000 years) is the last second of the year 9999."""
    return _stamp(int(seconds // 1)) + "Z"


def micro_timestamp(seconds: float) -> str:
    """Seconds since 1970 as metav1.MicroTime: "2026-01-31T09:00:00.250000Z"."""
    micros = round(seconds * 1_000_000)
    return f"{_stamp(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@lru_cache(maxsize=4096)
def parse_time(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 stamp; ValueError if it is none."""
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return stamp.timestamp()


def random_suffix(rng: Random, n: int = 5) -> str:
    """`n` letters for metadata.generateName."""
    return "".join(rng.choice(ALPHABET) for _ in range(n))


def new_uid(rng: Random) -> str:
    """A version 4 UUID drawn from `rng`."""
    bits = rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def deep_copy(value: Any) -> Any:
    """A copy that shares no dict and no list with `value` (JSON values only; several times copy.deepcopy's speed)."""
    if type(value) is dict:
        return {k: deep_copy(v) if type(v) is dict or type(v) is list else v for k, v in value.items()}
    if type(value) is list:
        return [deep_copy(v) if type(v) is dict or type(v) is list else v for v in value]
    return value


def template_hash(template: Mapping[str, Any], collisions: int = 0) -> str:
    """The pod-template-hash of a pod template: equal templates, equal hash; order of keys does not matter.

    `collisions`: status.collisionCount, to step aside when two templates share a hash (Kubernetes: ComputeHash).
    """
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    if collisions:
        text += str(collisions)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return safe_encode(str(number))


def safe_encode(text: str) -> str:
    """`text` in the letters of generated names (Kubernetes: SafeEncodeString); as long as `text`."""
    return "".join(ALPHABET[ord(letter) % len(ALPHABET)] for letter in text)
