"""The table of kinds: a new kind is one entry here.

Must not hold rules itself: an entry points at the schema, the defaulter, the validators and the columns.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import (
    formats,
    tables_apps,
    tables_core,
    tables_pods,
    validate_apps,
    validate_core,
    validate_network,
    validate_pod,
)
from cluster.api.fielderrors import Errors
from cluster.api.meta import Object
from cluster.api.printing import Printer, plain_row
from cluster.errors import UsageError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. Its fields are the schema's struct of the same name."""

    kind: str
    group: str
    version: str
    plural: str
    singular: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = False
    """Has a status subresource: writes to the object leave status alone, writes to /status all else."""
    scale: bool = False
    generation: bool = True
    """metadata.generation counts the changes of spec (kinds without spec have none)."""
    fields: tuple[str, ...] = ()
    """Paths that field selectors may name, besides metadata.name and metadata.namespace."""
    name: Callable[[str], str | None] = formats.dns_subdomain
    """What is wrong with a name of this kind, None if nothing."""
    rule: Callable[[Object, Errors], None] | None = None
    """What the schema's lines cannot say about one object."""
    update_rule: Callable[[Object, Object, Errors], None] | None = None
    """What may not change: (new, old, errors)."""
    printer: Printer = Printer(("NAME", "AGE"), plain_row)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As messages name it: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def prefix(self) -> str:
        """Of all its keys in the store, with the last slash."""
        return f"/registry/{self.plural}/"

    def storage_key(self, namespace: str, name: str) -> str:
        return f"{self.prefix}{namespace}/{name}" if self.namespaced else self.prefix + name


_EVENT_FIELDS = (
    *(
        "involvedObject." + n
        for n in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    ),
    *("reason", "reportingComponent", "source", "type"),
)
_POD_FIELDS = (
    *("spec." + n for n in ("nodeName", "restartPolicy", "schedulerName", "serviceAccountName", "hostNetwork")),
    *("status." + n for n in ("phase", "podIP", "nominatedNodeName")),
)

_TABLE = (
    Kind("Namespace", "", "v1", "namespaces", "namespace", ("ns",), namespaced=False, status=True, generation=False,
         fields=("status.phase",), name=formats.dns_label, update_rule=validate_core.namespace_update,
         printer=tables_core.NAMESPACE),
    Kind("Node", "", "v1", "nodes", "node", ("no",), namespaced=False, status=True, generation=False,
         fields=("spec.unschedulable",), rule=validate_core.node, update_rule=validate_core.node_update,
         printer=tables_core.NODE),
    Kind("Pod", "", "v1", "pods", "pod", ("po",), status=True, fields=_POD_FIELDS,
         rule=validate_pod.pod, update_rule=validate_pod.pod_update, printer=tables_pods.POD),
    Kind("Service", "", "v1", "services", "service", ("svc",), status=True, generation=False,
         fields=("spec.clusterIP", "spec.type"), name=formats.dns_1035, rule=validate_network.service,
         update_rule=validate_network.service_update, printer=tables_core.SERVICE),
    Kind("Endpoints", "", "v1", "endpoints", "endpoints", ("ep",), generation=False,
         rule=validate_network.endpoints, printer=tables_core.ENDPOINTS),
    Kind("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", "endpointslice",
         rule=validate_network.endpoint_slice, update_rule=validate_network.endpoint_slice_update,
         printer=tables_core.ENDPOINT_SLICE),
    Kind("ConfigMap", "", "v1", "configmaps", "configmap", ("cm",), generation=False,
         rule=validate_core.config_map, update_rule=validate_core.config_map_update, printer=tables_core.CONFIG_MAP),
    Kind("Secret", "", "v1", "secrets", "secret", generation=False, fields=("type",),
         rule=validate_core.secret, update_rule=validate_core.secret_update, printer=tables_core.SECRET),
    Kind("ServiceAccount", "", "v1", "serviceaccounts", "serviceaccount", ("sa",), generation=False,
         printer=tables_core.SERVICE_ACCOUNT),
    Kind("Event", "", "v1", "events", "event", ("ev",), generation=False, fields=_EVENT_FIELDS,
         rule=validate_core.event, printer=tables_core.EVENT),
    Kind("Deployment", "apps", "v1", "deployments", "deployment", ("deploy",), status=True, scale=True,
         rule=validate_apps.deployment, update_rule=validate_apps.selector_update, printer=tables_apps.DEPLOYMENT),
    Kind("ReplicaSet", "apps", "v1", "replicasets", "replicaset", ("rs",), status=True, scale=True,
         fields=("status.replicas",), rule=validate_apps.replica_set, update_rule=validate_apps.selector_update,
         printer=tables_apps.REPLICA_SET),
    Kind("DaemonSet", "apps", "v1", "daemonsets", "daemonset", ("ds",), status=True,
         rule=validate_apps.daemon_set, update_rule=validate_apps.selector_update, printer=tables_apps.DAEMON_SET),
    Kind("ControllerRevision", "apps", "v1", "controllerrevisions", "controllerrevision", generation=False,
         update_rule=validate_apps.controller_revision_update, printer=tables_apps.CONTROLLER_REVISION),
    Kind("Lease", "coordination.k8s.io", "v1", "leases", "lease", generation=False, printer=tables_core.LEASE),
    Kind("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", ("pc",), namespaced=False,
         rule=validate_apps.priority_class, update_rule=validate_apps.priority_class_update,
         printer=tables_apps.PRIORITY_CLASS),
    Kind("Ingress", "networking.k8s.io", "v1", "ingresses", "ingress", ("ing",), status=True,
         rule=validate_network.ingress, printer=tables_core.INGRESS),
)  # fmt: skip

KINDS: dict[str, Kind] = {entry.kind: entry for entry in _TABLE}

_WORDS: dict[str, Kind] = {
    word: entry
    for entry in _TABLE
    for word in (entry.plural, entry.singular, entry.kind.lower(), entry.qualified, *entry.short)
}


def lookup(word: str) -> Kind:
    """The kind that a person means: plural, singular, short name, kind or plural.group, in any case. UsageError."""
    found = _WORDS.get(word.lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(word.lower(), _WORDS, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(entry.plural for entry in _TABLE)
    raise UsageError(f"the server doesn't have a resource type {word!r}", place=word, remedy=remedy)


def for_object(obj: Mapping[str, Any]) -> Kind:
    """The kind that an object says it is by kind and apiVersion. UsageError when there is none such."""
    name, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(name, str) or not name:
        raise UsageError("no kind is given", place="kind", remedy="for example: kind: Pod")
    found = KINDS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, KINDS, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(KINDS)
        raise UsageError(f"no kind {name!r} is known", place="kind", remedy=remedy)
    if not isinstance(version, str) or not version:
        raise UsageError("no apiVersion is given", place="apiVersion", remedy=f"for {name}: {found.api_version}")
    if version != found.api_version:
        raise UsageError(
            f'no matches for kind "{name}" in version "{version}"',
            place="apiVersion",
            remedy=f"use {found.api_version}",
        )
    return found
