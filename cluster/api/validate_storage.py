"""Rules of volumes, claims, storage classes and what CSI drivers say of themselves (Kubernetes: core and storage
validation).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from typing import Any

from cluster.api import formats, quantity
from cluster.api.fielderrors import ROOT, Errors, MapKey, Path, at
from cluster.api.meta import Object
from cluster.api.validate_core import immutable
from cluster.api.validate_pod import label_selector, node_term

_SPEC = at(ROOT, "spec")
_ONCE = "ReadWriteOncePod"
_NOT_SOURCES = (
    "capacity",
    "accessModes",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeMode",
    "mountOptions",
    "claimRef",
    "nodeAffinity",
    "volumeAttributesClassName",
)
MOST_PARAMETERS, LARGEST_PARAMETERS = 512, 256 * 1024
"""Of a StorageClass: how many, and their letters together."""


def sources(spec: Object) -> dict[str, Any]:
    """What a PersistentVolume's spec says it is: one source, if it is valid."""
    return {name: value for name, value in spec.items() if name not in _NOT_SOURCES and value is not None}


def volume(obj: Object, errors: Errors) -> None:
    volume_spec(obj["spec"], _SPEC, errors)


def volume_spec(spec: Object, path: Path, errors: Errors) -> None:
    _modes(spec, path, "", errors)
    capacity, place = spec.get("capacity") or {}, at(path, "capacity")
    if not capacity:
        errors.required(place)
    elif set(capacity) != {"storage"}:
        errors.unsupported(place, capacity, ["storage"])
    _positive(capacity, place, errors)
    found = sources(spec)
    if not found:
        errors.required(path, "must specify a volume type")
    for extra in list(found)[1:]:
        errors.forbidden(at(path, extra), "may not specify more than 1 volume type")
    _source(spec, path, errors)
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        place = at(path, "nodeAffinity", "required")
        if affinity.get("required") is None:
            errors.required(place, "must specify required node constraints")
        for index, term in enumerate((affinity.get("required") or {}).get("nodeSelectorTerms") or ()):
            node_term(term, at(place, "nodeSelectorTerms", index), errors)


def _source(spec: Object, path: Path, errors: Errors) -> None:
    for name in ("hostPath", "local"):
        if spec.get(name) and ".." in spec[name]["path"].split("/"):
            errors.invalid(at(path, name, "path"), spec[name]["path"], "must not contain '..'")
    if spec.get("hostPath", {}).get("path") == "/" and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        place = at(path, "persistentVolumeReclaimPolicy")
        errors.forbidden(place, "may not be 'recycle' for a hostPath mount of '/'")
    if spec.get("local") and spec.get("nodeAffinity") is None:
        errors.required(at(path, "nodeAffinity"), "Local volume requires node affinity")
    if spec.get("nfs") and not spec["nfs"]["path"].startswith("/"):
        errors.invalid(at(path, "nfs", "path"), spec["nfs"]["path"], "must be an absolute path")
    if spec.get("csi"):
        _driver_name(spec["csi"]["driver"], at(path, "csi", "driver"), errors)


def _driver_name(name: str, path: Path, errors: Errors) -> None:
    if len(name) > 63:
        errors.too_long(path, "may not be more than 63 bytes")
    if wrong := formats.dns_subdomain(name.lower()):
        errors.invalid(path, name, wrong)


def _modes(spec: Object, path: Path, detail: str, errors: Errors) -> None:
    modes, place = spec.get("accessModes") or [], at(path, "accessModes")
    if not modes:
        errors.required(place, detail)
    if _ONCE in modes and len(set(modes)) > 1:
        errors.forbidden(place, f"may not use {_ONCE} with other access modes")


def _positive(amounts: Object, path: Path, errors: Errors) -> None:
    for name, amount in amounts.items():
        if quantity.parse(amount) <= 0:
            errors.invalid((path, MapKey(name)), amount, "must be greater than zero")


def volume_update(new: Object, old: Object, errors: Errors) -> None:
    spec, was = new["spec"], old["spec"]
    if sources(spec) != sources(was):
        path = at(_SPEC, "persistentvolumesource")
        errors.forbidden(path, "spec.persistentvolumesource is immutable after creation")
    immutable(spec.get("volumeMode"), was.get("volumeMode"), at(_SPEC, "volumeMode"), errors)
    if was.get("nodeAffinity") is not None:
        immutable(spec.get("nodeAffinity"), was["nodeAffinity"], at(_SPEC, "nodeAffinity"), errors)


def claim(obj: Object, errors: Errors) -> None:
    claim_spec(obj.get("spec") or {}, _SPEC, errors)


def claim_spec(spec: Object, path: Path, errors: Errors) -> None:
    """Of a PersistentVolumeClaim, or of a template for one."""
    _modes(spec, path, "at least 1 access mode is required", errors)
    label_selector(spec.get("selector"), at(path, "selector"), errors)
    requests, place = (spec.get("resources") or {}).get("requests") or {}, at(path, "resources")
    if "storage" not in requests:
        errors.required((place, MapKey("storage")))
    else:
        _positive({"storage": requests["storage"]}, place, errors)
    for name in ("dataSource", "dataSourceRef"):
        source = spec.get(name)
        if source and not source.get("apiGroup") and source["kind"] != "PersistentVolumeClaim":
            text = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            errors.invalid(at(path, name), source["kind"], text)


def claim_update(new: Object, old: Object, errors: Errors) -> None:
    """Its spec is fixed, but for a larger request once it is bound, the binder's volume, and a class given late."""
    spec, was = dict(new.get("spec") or {}), dict(old.get("spec") or {})
    if not was.get("volumeName"):
        was["volumeName"] = spec.get("volumeName")
    if was.get("storageClassName") is None:
        was["storageClassName"] = spec.get("storageClassName")
    bound = (old.get("status") or {}).get("phase") == "Bound"
    asked, before = _requested(spec), _requested(was)
    if bound:
        was["resources"] = spec.get("resources")
        was["volumeAttributesClassName"] = spec.get("volumeAttributesClassName")
    if {k: v for k, v in spec.items() if v is not None} != {k: v for k, v in was.items() if v is not None}:
        text = "resources.requests and volumeAttributesClassName for bound claims"
        errors.forbidden(_SPEC, f"spec is immutable after creation except {text}")
    elif asked is not None and before is not None and asked < before:
        has = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
        if asked <= quantity.parse(has):
            place = at(_SPEC, "resources", "requests", "storage")
            errors.forbidden(place, "field can not be less than status.capacity")


def _requested(spec: Object) -> Any:
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    return None if amount is None else quantity.parse(amount)


def storage_class(obj: Object, errors: Errors) -> None:
    provisioner = obj["provisioner"]
    if wrong := formats.qualified_name(provisioner.lower()):
        errors.invalid(at(ROOT, "provisioner"), provisioner, wrong)
    parameters, path = obj.get("parameters") or {}, at(ROOT, "parameters")
    if len(parameters) > MOST_PARAMETERS:
        errors.too_long(path, f"Provisioner Parameters may not have more than {MOST_PARAMETERS} entries")
    if "" in parameters:
        errors.invalid(path, 0, "field can not be empty.")
    if sum(len(key) + len(value) for key, value in parameters.items()) > LARGEST_PARAMETERS:
        errors.too_long(path, f"may not be more than {LARGEST_PARAMETERS} bytes")


def storage_class_update(new: Object, old: Object, errors: Errors) -> None:
    for name in ("parameters", "provisioner", "reclaimPolicy"):
        if (new.get(name) or None) != (old.get(name) or None):
            errors.forbidden(at(ROOT, name), f"updates to {name} are forbidden.")
    immutable(new.get("volumeBindingMode"), old.get("volumeBindingMode"), at(ROOT, "volumeBindingMode"), errors)


def attachment(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    _driver_name(spec["attacher"], at(_SPEC, "attacher"), errors)
    source, path = spec["source"], at(_SPEC, "source")
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if inline is not None and name is not None:
        errors.forbidden(path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
    elif inline is None and name is None:
        errors.required(path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
    elif inline is None and not name:
        errors.required(at(path, "persistentVolumeName"), "must specify non empty persistentVolumeName")
    elif inline is not None and set(sources(inline)) != {"csi"}:
        errors.required(at(path, "inlineVolumeSpec"), "inlineVolumeSpec only supports csi volumes")


def attachment_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(new["spec"], old["spec"], _SPEC, errors)


def driver(obj: Object, errors: Errors) -> None:
    _driver_name(obj["metadata"].get("name") or "", at(ROOT, "metadata", "name"), errors)
    audiences: list[str] = []
    for index, request in enumerate(obj["spec"].get("tokenRequests") or ()):
        audience = request.get("audience") or ""
        if audience in audiences:
            errors.duplicate(at(_SPEC, "tokenRequests", index, "audience"), audience)
        audiences.append(audience)


def driver_update(new: Object, old: Object, errors: Errors) -> None:
    for name in ("attachRequired", "volumeLifecycleModes"):
        immutable(new["spec"].get(name), old["spec"].get(name), at(_SPEC, name), errors)


def csi_node(obj: Object, errors: Errors) -> None:
    for index, each in enumerate(obj["spec"].get("drivers") or ()):
        _driver_name(each["name"], at(_SPEC, "drivers", index, "name"), errors)
        if len(each["nodeID"]) > 192:
            errors.too_long(at(_SPEC, "drivers", index, "nodeID"), "may not be more than 192 bytes")


def csi_node_update(new: Object, old: Object, errors: Errors) -> None:
    """A driver that stays cannot change; drivers come and go."""
    known = {each["name"]: each for each in old["spec"].get("drivers") or ()}
    for index, each in enumerate(new["spec"].get("drivers") or ()):
        if each["name"] in known and each != known[each["name"]]:
            errors.invalid(at(_SPEC, "drivers", index), each, "field is immutable")
