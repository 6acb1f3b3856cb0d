"""What is wrong with a CustomResourceDefinition, in Kubernetes' words.

Must not know other definitions: whether names are free is for whoever accepts them.
"""

from __future__ import annotations

from typing import Any

from cluster.api import formats, jsonpath
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.structuralrules import check_schema

COLUMN_TYPES = ("integer", "number", "string", "boolean", "date")
COLUMN_FORMATS = ("int32", "int64", "float", "double", "byte", "date", "date-time", "password")
MOST_SELECTABLE = 8
PROTECTED = (".k8s.io", ".kubernetes.io")


def definition(obj: Object, errors: Errors) -> None:
    spec, path = obj["spec"], at(ROOT, "spec")
    names, group = spec["names"], spec["group"]
    wanted = f"{names['plural']}.{group}"
    if obj["metadata"].get("name") not in (None, wanted):
        errors.invalid(
            at(ROOT, "metadata", "name"), obj["metadata"]["name"], 'must be spec.names.plural+"."+spec.group'
        )
    if wrong := formats.dns_subdomain(group):
        errors.invalid(at(path, "group"), group, wrong)
    elif "." not in group:
        errors.invalid(at(path, "group"), group, "should be a domain with at least one dot")
    _approved(obj, group, errors)
    _names(names, at(path, "names"), errors)
    if spec.get("preserveUnknownFields"):
        errors.invalid(
            at(path, "preserveUnknownFields"),
            True,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        )
    strategy = spec["conversion"]["strategy"]
    if strategy != "None":
        errors.unsupported(at(path, "conversion", "strategy"), strategy, ("None",))
    _versions(spec["versions"], at(path, "versions"), errors)


def _approved(obj: Object, group: str, errors: Errors) -> None:
    """Kubernetes' own groups are not for everybody (KEP-1111)."""
    if not f".{group}".endswith(PROTECTED):
        return
    annotation = "api-approved.kubernetes.io"
    value = (obj["metadata"].get("annotations") or {}).get(annotation, "")
    if not value.startswith(("http://", "https://", "unapproved")):
        where = at(ROOT, "metadata", "annotations")
        text = "protected groups must have approval annotation"
        errors.required(where, f'{text} "{annotation}", see https://github.com/kubernetes/enhancements/pull/1111')


def _names(names: Object, path: Path, errors: Errors) -> None:
    for field in ("plural", "singular"):
        if (value := names.get(field)) and (wrong := formats.dns_1035(value)):
            errors.invalid(at(path, field), value, wrong)
    for field in ("shortNames", "categories"):
        for index, value in enumerate(names.get(field) or ()):
            if wrong := formats.dns_1035(value):
                errors.invalid(at(path, field, index), value, wrong)
    for field in ("kind", "listKind"):
        if (value := names.get(field)) and (wrong := formats.dns_1035(value.lower())):
            errors.invalid(at(path, field), value, f"may have mixed case, but should otherwise match: {wrong}")
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        errors.invalid(at(path, "listKind"), names["listKind"], "kind and listKind may not be the same")


def _versions(versions: list[Object], path: Path, errors: Errors) -> None:
    if sum(bool(version["storage"]) for version in versions) != 1:
        names = [version["name"] for version in versions]
        errors.invalid(path, names, "must have exactly one version marked as storage version")
    if len({version["name"] for version in versions}) != len(versions):
        errors.invalid(path, [version["name"] for version in versions], "must contain unique version names")
    for index, version in enumerate(versions):
        _version(version, at(path, index), errors)


def _version(version: Object, path: Path, errors: Errors) -> None:
    if wrong := formats.dns_1035(version["name"]):
        errors.invalid(at(path, "name"), version["name"], wrong)
    if version.get("deprecationWarning") and not version.get("deprecated"):
        errors.invalid(
            at(path, "deprecationWarning"), version["deprecationWarning"], "can only be set for deprecated versions"
        )
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    where = at(path, "schema", "openAPIV3Schema")
    if schema is None:
        errors.required(where, "schemas are required")
    else:
        check_schema(schema, where, errors)
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        _scale(scale, at(path, "subresources", "scale"), errors)
    for place, column in enumerate(version.get("additionalPrinterColumns") or ()):
        _column(column, at(path, "additionalPrinterColumns", place), errors)
    _selectable(version.get("selectableFields") or [], schema, at(path, "selectableFields"), errors)


def _scale(scale: Object, path: Path, errors: Errors) -> None:
    for field, top in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        _simple(scale[field], at(path, field), errors)
        if not scale[field].startswith(top):
            errors.invalid(at(path, field), scale[field], f"should be a json path under {top.rstrip('.')}")
    selector = scale.get("labelSelectorPath")
    if selector:
        _simple(selector, at(path, "labelSelectorPath"), errors)
        if not selector.startswith((".status.", ".spec.")):
            errors.invalid(
                at(path, "labelSelectorPath"), selector, "should be a json path under either .spec or .status"
            )


def _simple(path: str, where: Path, errors: Errors) -> None:
    """Field names with dots before them, nothing else."""
    if not path.startswith(".") or "[" in path:
        errors.invalid(where, path, "should be a simple json path starting with .")


def _column(column: Object, path: Path, errors: Errors) -> None:
    if column["type"] not in COLUMN_TYPES:
        errors.invalid(at(path, "type"), column["type"], f"must be one of {','.join(sorted(COLUMN_TYPES))}")
    if column.get("format") and column["format"] not in COLUMN_FORMATS:
        errors.invalid(at(path, "format"), column["format"], f"must be one of {','.join(sorted(COLUMN_FORMATS))}")
    _readable(column["jsonPath"], at(path, "jsonPath"), errors)


def _readable(path: str, where: Path, errors: Errors) -> None:
    try:
        jsonpath.parsed(path)
    except ValueError as error:
        errors.invalid(where, path, f"is an invalid path: {error}")


def _selectable(fields: list[Object], schema: Any, path: Path, errors: Errors) -> None:
    if len(fields) > MOST_SELECTABLE:
        errors.add(path, "FieldValueTooMany", f"Too many: {len(fields)}: must have at most {MOST_SELECTABLE} items")
    seen: set[str] = set()
    for index, field in enumerate(fields):
        where = at(path, index, "jsonPath")
        name = field["jsonPath"]
        if name in seen:
            errors.duplicate(where, name)
        seen.add(name)
        found = schema
        for part in name.strip(".").split("."):
            properties = found.get("properties") if isinstance(found, dict) else None
            found = properties.get(part) if isinstance(properties, dict) else None
        if not isinstance(found, dict):
            errors.invalid(where, name, "is an invalid path: does not refer to a valid field")
        elif found.get("type") not in ("string", "integer", "boolean"):
            errors.invalid(where, name, "must point to a field of type string, boolean or integer")
        elif name.startswith(".metadata."):
            errors.invalid(where, name, "must not point to fields in metadata")


def definition_update(new: Object, old: Object, errors: Errors) -> None:
    """What may not change once objects may exist; versions that objects are stored in stay."""
    path = at(ROOT, "spec")
    if established(old):
        for field in ("group", "scope"):
            if new["spec"][field] != old["spec"][field]:
                errors.invalid(at(path, field), new["spec"][field], "field is immutable")
        for field in ("plural", "kind"):
            if new["spec"]["names"][field] != old["spec"]["names"][field]:
                errors.invalid(at(path, "names", field), new["spec"]["names"][field], "field is immutable")
    known = [version["name"] for version in new["spec"]["versions"]]
    for index, name in enumerate((old.get("status") or {}).get("storedVersions") or ()):
        if name not in known:
            errors.invalid(
                at(ROOT, "status", "storedVersions", index),
                name,
                f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions"
                f" until a storage migration ensures no data remains persisted in {name} and removes {name} from "
                "status.storedVersions",
            )


def established(definition: Object) -> bool:
    """Whether objects of the kind are served."""
    return condition(definition, "Established")


def condition(definition: Object, type: str) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each["type"] == type and each["status"] == "True" for each in conditions)
