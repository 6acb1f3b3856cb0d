"""The rows of volumes, claims, storage classes, attachments and CSI drivers.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from typing import Any

from cluster.api import meta
from cluster.api.meta import Object, name_of
from cluster.api.printing import Printer, age, joined

UNSET = "<unset>"
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def modes_text(modes: Any) -> str:
    """RWO,ROX,RWX,RWOP, each once and in this order."""
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def is_default_class(found: Object) -> bool:
    """Whether claims that name no class get this one."""
    return any(meta.annotations_of(found).get(key) == "true" for key in DEFAULT_CLASS)


def _class(obj: Object) -> str:
    beta = meta.annotations_of(obj).get(BETA_CLASS)
    return beta if beta is not None else (obj.get("spec") or {}).get("storageClassName") or ""


def _phase(obj: Object) -> str:
    return "Terminating" if meta.deleting(obj) else (obj.get("status") or {}).get("phase") or ""


def _volume(volume: Object, now: float) -> list[str]:
    spec, status = volume.get("spec") or {}, volume.get("status") or {}
    claim = spec.get("claimRef")
    return [
        name_of(volume),
        str((spec.get("capacity") or {}).get("storage", "0")),
        modes_text(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy") or "",
        _phase(volume),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _class(volume),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason") or "",
        age(volume, now),
        spec.get("volumeMode") or UNSET,
    ]


def _claim(claim: Object, now: float) -> list[str]:
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    bound = bool(spec.get("volumeName"))
    return [
        name_of(claim),
        _phase(claim),
        spec.get("volumeName") or "",
        str((status.get("capacity") or {}).get("storage", "0")) if bound else "",
        modes_text(status.get("accessModes")) if bound else "",
        _class(claim),
        spec.get("volumeAttributesClassName") or UNSET,
        age(claim, now),
        spec.get("volumeMode") or UNSET,
    ]


def _storage_class(found: Object, now: float) -> list[str]:
    return [
        name_of(found) + (" (default)" if is_default_class(found) else ""),
        found.get("provisioner") or "",
        found.get("reclaimPolicy") or "Delete",
        found.get("volumeBindingMode") or "Immediate",
        "true" if found.get("allowVolumeExpansion") else "false",
        age(found, now),
    ]


def _attachment(found: Object, now: float) -> list[str]:
    spec = found.get("spec") or {}
    return [
        name_of(found),
        spec.get("attacher") or "",
        (spec.get("source") or {}).get("persistentVolumeName") or "",
        spec.get("nodeName") or "",
        "true" if (found.get("status") or {}).get("attached") else "false",
        age(found, now),
    ]


def _flag(spec: Object, name: str, usual: bool = False) -> str:
    return "true" if spec.get(name, usual) else "false"


def _driver(found: Object, now: float) -> list[str]:
    spec = found.get("spec") or {}
    requests = [request.get("audience") or "" for request in spec.get("tokenRequests") or ()]
    return [
        name_of(found),
        _flag(spec, "attachRequired", True),
        _flag(spec, "podInfoOnMount"),
        _flag(spec, "storageCapacity"),
        ",".join(requests) if requests else UNSET,
        _flag(spec, "requiresRepublish"),
        joined(spec.get("volumeLifecycleModes") or ()),
        age(found, now),
    ]


def _csi_node(found: Object, now: float) -> list[str]:
    return [name_of(found), str(len((found.get("spec") or {}).get("drivers") or ())), age(found, now)]


VOLUME = Printer(
    ("NAME", "CAPACITY", "ACCESS MODES", "RECLAIM POLICY", "STATUS", "CLAIM", "STORAGECLASS")
    + ("VOLUMEATTRIBUTESCLASS", "REASON", "AGE", "*VOLUMEMODE"),
    _volume,
)
CLAIM = Printer(
    ("NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS MODES", "STORAGECLASS", "VOLUMEATTRIBUTESCLASS", "AGE")
    + ("*VOLUMEMODE",),
    _claim,
)
STORAGE_CLASS = Printer(
    ("NAME", "PROVISIONER", "RECLAIMPOLICY", "VOLUMEBINDINGMODE", "ALLOWVOLUMEEXPANSION", "AGE"), _storage_class
)
ATTACHMENT = Printer(("NAME", "ATTACHER", "PV", "NODE", "ATTACHED", "AGE"), _attachment)
DRIVER = Printer(
    (
        "NAME",
        "ATTACHREQUIRED",
        "PODINFOONMOUNT",
        "STORAGECAPACITY",
        "TOKENREQUESTS",
        "REQUIRESREPUBLISH",
        "MODES",
        "AGE",
    ),
    _driver,
)
CSI_NODE = Printer(("NAME", "DRIVERS", "AGE"), _csi_node)
