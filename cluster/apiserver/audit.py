"""What the audit log says of a request: who asked for what, when, and how it ended; as much as a policy wants.

Pure. Must not write. Source: audit.k8s.io/v1, Event and Policy; Kubernetes, "Auditing".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cluster.api.meta import micro_timestamp
from cluster.apiserver.auth.rules import Who
from cluster.errors import UsageError

Object = dict[str, Any]

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
RECEIVED, STARTED, COMPLETE, PANIC = "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"
STAGES = (RECEIVED, STARTED, COMPLETE, PANIC)
API_VERSION = "audit.k8s.io/v1"
_READS = ("get", "list", "watch")

_COMPONENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy", "apiserver")
DEFAULT_POLICY: Object = {
    "apiVersion": API_VERSION,
    "kind": "Policy",
    "omitStages": [RECEIVED],
    "rules": [
        # What every cluster does all the time, and what asks for health, would bury the rest.
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "None", "resources": [{"resources": ["events"]}]},
        {"level": "None", "resources": [{"group": "events.k8s.io", "resources": ["events"]}]},
        {
            "level": "None",
            "verbs": [*_READS],
            "users": [f"system:{name}" for name in _COMPONENTS],
        },
        {"level": "None", "verbs": [*_READS], "userGroups": ["system:nodes"]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/metrics"]},
        {"level": "Metadata"},
    ],
}


@dataclass(slots=True)
class Record:
    """One request, as it goes on. `received`: seconds since 1970. `code` 0: it has not been answered yet."""

    id: str
    uri: str
    verb: str
    who: Who
    received: float
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    impersonated: Who | None = None
    source: str = ""
    agent: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    code: int = 0
    status: Object = field(default_factory=dict)
    """Of an error: reason and message."""
    sent: Any = None
    """The object that came with the request, for levels that want it."""
    answered: Any = None


@dataclass(frozen=True, slots=True)
class Rule:
    level: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    """(group, resources, names)."""
    namespaces: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    omit_managed_fields: bool = False

    def matches(self, record: Record) -> bool:
        if self.users and record.who.name not in self.users:
            return False
        if self.groups and not any(group in self.groups for group in record.who.groups):
            return False
        if self.verbs and record.verb not in self.verbs:
            return False
        if not (self.resources or self.namespaces or self.urls):
            return True
        return self._resource(record) if record.resource else self._url(record)

    def _resource(self, record: Record) -> bool:
        if self.urls and not (self.resources or self.namespaces):
            return False
        if self.namespaces and record.namespace not in self.namespaces:
            return False
        return not self.resources or any(_names(each, record) for each in self.resources)

    def _url(self, record: Record) -> bool:
        path = record.uri.partition("?")[0]
        return any(path.startswith(url[:-1]) if url.endswith("*") else path == url for url in self.urls)


def _names(rule: tuple[str, tuple[str, ...], tuple[str, ...]], record: Record) -> bool:
    group, resources, names = rule
    if group != record.group or (names and record.name not in names):
        return False
    if not resources:
        return True
    what = f"{record.resource}/{record.subresource}" if record.subresource else record.resource
    wildcards = ("*", f"{record.resource}/*", f"*/{record.subresource}")
    return any(each == what or each in wildcards for each in resources)


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...]
    omit: tuple[str, ...] = ()

    def rule_for(self, record: Record) -> Rule | None:
        """The first that matches; None: it is not written of."""
        found = next((rule for rule in self.rules if rule.matches(record)), None)
        return None if found is None or found.level == "None" else found

    def wants(self, rule: Rule, stage: str) -> bool:
        return stage not in self.omit and stage not in rule.omit


def policy_of(document: Any, place: str = "audit policy") -> Policy:
    """From an audit.k8s.io/v1 Policy. UsageError that names what is wrong."""
    if type(document) is not dict or (document.get("apiVersion"), document.get("kind")) != (API_VERSION, "Policy"):
        raise UsageError("it is no audit policy", place=place, remedy=f"apiVersion: {API_VERSION}, kind: Policy")
    rules = document.get("rules")
    if type(rules) is not list or not rules:
        raise UsageError("it has no rules", place=place, remedy="rules: [{level: Metadata}]")
    made = tuple(_rule(each, f"{place}: rules[{at}]") for at, each in enumerate(rules))
    return Policy(made, _stages(document, place))


_FIELDS = (
    *("level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages"),
    "omitManagedFields",
)


def _rule(given: Any, place: str) -> Rule:
    if type(given) is not dict or given.get("level") not in LEVELS:
        raise UsageError("a rule has a level", place=place, remedy=f"one of {', '.join(LEVELS)}")
    unknown = [name for name in given if name not in _FIELDS]
    if unknown:
        raise UsageError(f"unknown field {unknown[0]!r}", place=place, remedy=f"one of {', '.join(_FIELDS)}")
    resources = []
    for each in given.get("resources") or ():
        if type(each) is not dict:
            raise UsageError("resources is a list of {group, resources}", place=place)
        names = _words(each, "resourceNames", place)
        resources.append((str(each.get("group") or ""), _words(each, "resources", place), names))
    return Rule(
        given["level"],
        _words(given, "users", place),
        _words(given, "userGroups", place),
        _words(given, "verbs", place),
        tuple(resources),
        _words(given, "namespaces", place),
        _words(given, "nonResourceURLs", place),
        _stages(given, place),
        given.get("omitManagedFields") is True,
    )


def _words(given: Mapping[str, Any], field: str, place: str) -> tuple[str, ...]:
    found = given.get(field) or []
    if type(found) is not list or any(type(word) is not str for word in found):
        raise UsageError(f"{field} is a list of strings", place=place)
    return tuple(found)


def _stages(given: Mapping[str, Any], place: str) -> tuple[str, ...]:
    found = _words(given, "omitStages", place)
    wrong = [stage for stage in found if stage not in STAGES]
    if wrong:
        raise UsageError(f"there is no stage {wrong[0]!r}", place=place, remedy=f"one of {', '.join(STAGES)}")
    return found


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────


def event(record: Record, rule: Rule, stage: str, now: float) -> Object:
    """One line of the log."""
    made: Object = {
        "kind": "Event",
        "apiVersion": API_VERSION,
        "level": rule.level,
        "auditID": record.id,
        "stage": stage,
        "requestURI": record.uri,
        "verb": record.verb,
        "user": _user(record.who),
    }
    if record.impersonated is not None:
        made["impersonatedUser"] = _user(record.impersonated)
    if record.source:
        made["sourceIPs"] = [record.source]
    if record.agent:
        made["userAgent"] = record.agent
    if record.resource:
        made["objectRef"] = _reference(record)
    if record.code:
        made["responseStatus"] = {"metadata": {}, **record.status, "code": record.code}
    if rule.level in ("Request", "RequestResponse") and record.sent is not None:
        made["requestObject"] = _shown(record.sent, rule)
    if rule.level == "RequestResponse" and record.answered is not None and stage == COMPLETE:
        made["responseObject"] = _shown(record.answered, rule)
    made["requestReceivedTimestamp"] = micro_timestamp(record.received)
    made["stageTimestamp"] = micro_timestamp(now)
    if record.annotations and stage != RECEIVED:
        annotations = record.annotations
        made["annotations"] = dict(sorted(annotations.items())) if len(annotations) > 1 else annotations
    return made


@lru_cache(maxsize=1024)
def _user(who: Who) -> Object:
    return {"username": who.name, "groups": list(who.groups)}


def _reference(record: Record) -> Object:
    fields = {
        "resource": record.resource,
        "namespace": record.namespace,
        "name": record.name,
        "apiGroup": record.group,
        "apiVersion": record.version,
        "subresource": record.subresource,
    }
    return {name: value for name, value in fields.items() if value}


def _shown(obj: Any, rule: Rule) -> Any:
    if not rule.omit_managed_fields or type(obj) is not dict:
        return obj
    meta = obj.get("metadata")
    if type(meta) is not dict or "managedFields" not in meta:
        return obj
    return {**obj, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}


WANTED_BY: Sequence[str] = ("Request", "RequestResponse")
"""Levels at which bodies are kept."""
