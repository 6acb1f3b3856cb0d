"""Which groups, versions and resources there are: the documents that every client reads first, in both forms.

Pure: made from the table of kinds. Source: Kubernetes API concepts, "Discovery API".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.api.customkinds import version_order
from cluster.api.kinds import Kind
from cluster.api.versions import served
from cluster.apiserver.rest.paths import UNKNOWN, Document
from cluster.apiserver.rest.reviewkinds import METRIC_KINDS, REVIEW_KINDS, ReviewKind
from cluster.errors import StatusError

Object = dict[str, Any]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
Served = Kind | ReviewKind
SERVED: tuple[Served, ...] = (*served(), *REVIEW_KINDS, *METRIC_KINDS)
PART_VERBS = ("get", "patch", "update")


def subresources(kind: Served) -> Sequence[tuple[str, tuple[str, str, str], tuple[str, ...]]]:
    """(name, (group, version, kind) of what is exchanged, verbs)."""
    own = (kind.group, kind.version, kind.kind)
    found: list[tuple[str, tuple[str, str, str], tuple[str, ...]]] = []
    if isinstance(kind, Kind) and kind.read_only:
        return []
    if kind.status:
        found.append(("status", own, PART_VERBS))
    if kind.scale:
        found.append(("scale", ("autoscaling", "v1", "Scale"), PART_VERBS))
    if kind.kind == "Pod":
        found += [
            ("binding", ("", "v1", "Binding"), ("create",)),
            ("eviction", ("policy", "v1", "Eviction"), ("create",)),
            ("ephemeralcontainers", own, PART_VERBS),
            ("log", own, ("get",)),
            ("exec", ("", "v1", "PodExecOptions"), ("create", "get")),
            ("attach", ("", "v1", "PodAttachOptions"), ("create", "get")),
            ("portforward", ("", "v1", "PodPortForwardOptions"), ("create", "get")),
        ]
    if kind.kind == "Namespace":
        found.append(("finalize", own, ("update",)))
    if kind.kind == "ServiceAccount":
        found.append(("token", ("authentication.k8s.io", "v1", "TokenRequest"), ("create",)))
    if kind.kind == "CertificateSigningRequest":
        found.append(("approval", own, PART_VERBS))
    return sorted(found)


def _verbs(kind: Served) -> list[str]:
    if isinstance(kind, ReviewKind):
        return list(kind.verbs)
    return ["get", "list", "watch"] if kind.read_only else list(VERBS)


def groups(kinds: Iterable[Served] = SERVED) -> dict[str, dict[str, list[Served]]]:
    """group -> version -> its kinds by plural; the core group ("") first."""
    found: dict[str, dict[str, list[Served]]] = {"": {}}
    for kind in sorted(kinds, key=lambda k: (k.group, version_order(k.version), k.plural)):
        found.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return found


# ── aggregated ───────────────────────────────────────────────────────────────────────────────────────────────


def aggregated(core: bool, version: str, kinds: Iterable[Served] = SERVED) -> Object:
    """APIGroupDiscoveryList of /api (`core`) or /apis, in `version` ("v2" or "v2beta1")."""
    items = []
    for group, versions in groups(kinds).items():
        if (group == "") is core:
            rows = [_version(group, v, entries) for v, entries in versions.items()]
            items.append({"metadata": {"name": group, "creationTimestamp": None} if group else {}, "versions": rows})
    api = f"apidiscovery.k8s.io/{version}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api, "metadata": {}, "items": items}


def _version(group: str, version: str, kinds: Sequence[Served]) -> Object:
    return {"version": version, "resources": [_resource(kind) for kind in kinds], "freshness": "Current"}


def _resource(kind: Served) -> Object:
    row: Object = {
        "resource": kind.plural,
        "responseKind": _gvk((kind.group, kind.version, kind.kind)),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _verbs(kind),
    }
    if kind.short:
        row["shortNames"] = list(kind.short)
    if kind.categories:
        row["categories"] = list(kind.categories)
    parts = subresources(kind)
    if parts:
        row["subresources"] = [
            {"subresource": name, "responseKind": _gvk(gvk), "verbs": list(verbs)} for name, gvk, verbs in parts
        ]
    return row


def _gvk(gvk: tuple[str, str, str]) -> Object:
    return dict(zip(("group", "version", "kind"), gvk, strict=True))


# ── legacy ───────────────────────────────────────────────────────────────────────────────────────────────────


def legacy(document: Document, address: str, kinds: Iterable[Served] = SERVED) -> Object:
    """APIVersions, APIGroupList, APIGroup or APIResourceList. `address`: of this server, for those who ask where it is.
    NotFound for a group or version that is not."""
    found = groups(kinds)
    if document.name == "versions":
        clients = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return {"kind": "APIVersions", "versions": sorted(found[""]), "serverAddressByClientCIDRs": clients}
    if document.name == "groups":
        rows = [_group(group, versions) for group, versions in found.items() if group]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}
    if document.group not in found or (document.name == "group" and not document.group):
        raise StatusError("NotFound", UNKNOWN)
    versions = found[document.group]
    if document.name == "group":
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(document.group, versions)}
    if document.version not in versions:
        raise StatusError("NotFound", UNKNOWN)
    return _resources(document, versions[document.version])


def root(others: Iterable[str], kinds: Iterable[Served] = SERVED) -> Object:
    """RootPaths: where one can begin. `others`: documents that are about no kind."""
    found = {"/api", "/apis", *others}
    for group, versions in groups(kinds).items():
        place = f"/apis/{group}" if group else "/api"
        found.update([place, *(f"{place}/{version}" for version in versions)])
    return {"paths": sorted(found)}


def _group(group: str, versions: Mapping[str, object]) -> Object:
    rows = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": rows, "preferredVersion": rows[0]}


def _resources(document: Document, kinds: Sequence[Served]) -> Object:
    rows: list[Object] = []
    for kind in kinds:
        row: Object = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": _verbs(kind),
        }
        if kind.short:
            row["shortNames"] = list(kind.short)
        if kind.categories:
            row["categories"] = list(kind.categories)
        rows.append(row)
        for name, gvk, verbs in subresources(kind):
            part: Object = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
            if gvk[:2] != (kind.group, kind.version):
                part |= {"group": gvk[0], "version": gvk[1]}
            rows.append(part | {"kind": gvk[2], "verbs": list(verbs)})
    api = f"{document.group}/{document.version}" if document.group else document.version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api, "resources": rows}
