"""Rules of webhook configurations and admission policies (Kubernetes: pkg/apis/admissionregistration/validation).

Must not check types or single values: the schema has done that. Must not compile an expression: that is admission's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.validate_selectors import label_selector

Map = Mapping[str, Any]

OPERATIONS = ("*", "CREATE", "UPDATE", "DELETE", "CONNECT")
MOST_CONDITIONS = 64
_URL = "desired format: https://host[:port]/path"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPEC = at(ROOT, "spec")
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)


def webhooks(obj: Object, errors: Errors) -> None:
    for index, hook in enumerate(obj.get("webhooks") or ()):
        place = at(ROOT, "webhooks", index)
        name = hook["name"]
        if wrong := formats.dns_subdomain(name):
            errors.invalid(at(place, "name"), name, wrong)
        elif name.count(".") < 2:
            errors.invalid(at(place, "name"), name, "should be a domain with at least three segments separated by dots")
        _review_versions(hook.get("admissionReviewVersions") or (), at(place, "admissionReviewVersions"), errors)
        for number, rule in enumerate(hook.get("rules") or ()):
            _rule(rule, at(place, "rules", number), errors)
        if not 1 <= hook.get("timeoutSeconds", 10) <= 30:
            text = "the timeout value must be between 1 and 30 seconds"
            errors.invalid(at(place, "timeoutSeconds"), hook["timeoutSeconds"], text)
        for selector in ("namespaceSelector", "objectSelector"):
            label_selector(hook.get(selector), at(place, selector), errors)
        _client(hook["clientConfig"], at(place, "clientConfig"), errors)
        _match_conditions(hook, place, errors)


def _review_versions(versions: Sequence[str], path: Path, errors: Errors) -> None:
    if not versions:
        errors.required(path, "must specify one of v1, v1beta1")
    elif not {"v1", "v1beta1"} & set(versions):
        errors.invalid(path, list(versions), "must include at least one of v1, v1beta1")
    for index, version in enumerate(versions):
        if wrong := formats.dns_1035(version):
            errors.invalid(at(path, index), version, wrong)
        elif version in versions[:index]:
            errors.invalid(at(path, index), version, "duplicate version")


def _client(config: Map, path: Path, errors: Errors) -> None:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        errors.required(path, "exactly one of url or service is required")
    elif url is not None:
        _url(url, at(path, "url"), errors)
    elif service is not None and (where := service.get("path") or "") and not where.startswith("/"):
        errors.invalid(at(path, "service", "path"), where, "must start with a '/'")


def _url(text: str, path: Path, errors: Errors) -> None:
    try:
        found = urlsplit(text)
    except ValueError as error:
        errors.required(path, f"url must be a valid URL: {error}; {_URL}")
        return
    if found.scheme != "https":
        errors.invalid(path, found.scheme, f"'https' is the only allowed URL scheme; {_URL}")
    if not found.netloc:
        errors.invalid(path, "", f"host must be specified; {_URL}")
    if "@" in found.netloc:
        errors.invalid(path, found.netloc.partition("@")[0], "user information is not permitted in the URL")
    if found.fragment:
        errors.invalid(path, found.fragment, "fragments are not permitted in the URL")
    if found.query:
        errors.invalid(path, found.query, "query parameters are not permitted in the URL")


def _rule(rule: Map, path: Path, errors: Errors) -> None:
    for name in ("operations", "apiGroups", "apiVersions", "resources"):
        words, place = rule.get(name) or (), at(path, name)
        if not words:
            errors.required(place)
        if "*" in words and len(words) > 1:
            text = "if '*' is present, must not specify other " + _OTHERS[name]
            errors.invalid(place, list(words), text)
    for index, word in enumerate(rule.get("operations") or ()):
        if word not in OPERATIONS:
            errors.unsupported(at(path, "operations", index), word, OPERATIONS)
    for index, word in enumerate(rule.get("apiVersions") or ()):
        if not word:
            errors.required(at(path, "apiVersions", index))
    for index, word in enumerate(rule.get("resources") or ()):
        if not word:
            errors.required(at(path, "resources", index))
    _overlaps(rule.get("resources") or (), at(path, "resources"), errors)


_OTHERS = {
    "operations": "operations",
    "apiGroups": "API groups",
    "apiVersions": "API versions",
    "resources": "resources",
}


def _overlaps(resources: Sequence[str], path: Path, errors: Errors) -> None:
    """What "*/*", "pods/*" or "*/status" say already is not said again."""
    if "*/*" in resources and len(resources) > 1:
        errors.invalid(path, list(resources), "if '*/*' is present, must not specify other resources")
        return
    for index, word in enumerate(resources):
        resource, slash, part = word.partition("/")
        if slash and part != "*" and f"{resource}/*" in resources:
            errors.invalid(at(path, index), word, f"if '{resource}/*' is present, must not specify {word}")
        if slash and resource != "*" and f"*/{part}" in resources:
            errors.invalid(at(path, index), word, f"if '*/{part}' is present, must not specify {word}")


def _match_conditions(holder: Map, path: Path, errors: Errors) -> None:
    found = holder.get("matchConditions") or ()
    if len(found) > MOST_CONDITIONS:
        errors.add(
            at(path, "matchConditions"),
            "FieldValueTooMany",
            f"Too many: {len(found)}: must have at most {MOST_CONDITIONS} items",
        )


# ── policies ─────────────────────────────────────────────────────────────────────────────────────────────────


def policy(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    if spec.get("paramKind") is not None:
        _param_kind(spec["paramKind"], at(_SPEC, "paramKind"), errors)
    if spec.get("matchConstraints") is None:
        errors.required(at(_SPEC, "matchConstraints"))
    else:
        _match_resources(spec["matchConstraints"], at(_SPEC, "matchConstraints"), errors)
        if not spec["matchConstraints"].get("resourceRules"):
            errors.required(at(_SPEC, "matchConstraints", "resourceRules"))
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        text = "validations or auditAnnotations must contain at least one item"
        errors.required(at(_SPEC, "validations"), text)
    for index, validation in enumerate(spec.get("validations") or ()):
        _validation(validation, at(_SPEC, "validations", index), errors)
    for index, variable in enumerate(spec.get("variables") or ()):
        if not _IDENTIFIER.fullmatch(variable["name"]):
            errors.invalid(
                at(_SPEC, "variables", index, "name"), variable["name"], "name is not a valid CEL identifier"
            )
    for index, note in enumerate(spec.get("auditAnnotations") or ()):
        if wrong := formats.qualified_name(note["key"]):
            errors.invalid(at(_SPEC, "auditAnnotations", index, "key"), note["key"], wrong)
    _match_conditions(spec, _SPEC, errors)


def _param_kind(kind: Map, path: Path, errors: Errors) -> None:
    if kind["apiVersion"].count("/") > 1:
        errors.invalid(at(path, "apiVersion"), kind["apiVersion"], "unexpected GroupVersion string: too many slashes")


def _validation(validation: Map, path: Path, errors: Errors) -> None:
    message = validation.get("message") or ""
    if not validation["expression"].strip():
        errors.required(at(path, "expression"), "expression is not specified")
    if message and not message.strip():
        errors.invalid(at(path, "message"), message, "message must be non-empty if specified")
    elif "\n" in message:
        errors.invalid(at(path, "message"), message, "message must not contain line breaks")
    elif "\n" in validation["expression"] and not message:
        errors.required(at(path, "message"), "message must be specified if expression contains line breaks")


def _match_resources(found: Map, path: Path, errors: Errors) -> None:
    for selector in ("namespaceSelector", "objectSelector"):
        label_selector(found.get(selector), at(path, selector), errors)
    for name in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(found.get(name) or ()):
            _rule(rule, at(path, name, index), errors)
            names = rule.get("resourceNames") or ()
            for number, word in enumerate(names):
                if word in names[:number]:
                    errors.duplicate(at(path, name, index, "resourceNames", number), word)


def binding(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    if not spec.get("policyName"):
        errors.required(at(_SPEC, "policyName"))
    elif wrong := formats.dns_subdomain(spec["policyName"]):
        errors.invalid(at(_SPEC, "policyName"), spec["policyName"], wrong)
    if spec.get("paramRef") is not None:
        _param_ref(spec["paramRef"], at(_SPEC, "paramRef"), errors)
    if spec.get("matchResources") is not None:
        _match_resources(spec["matchResources"], at(_SPEC, "matchResources"), errors)
    actions, place = spec.get("validationActions") or (), at(_SPEC, "validationActions")
    if not actions:
        errors.required(place, "at least one validation action is required")
    elif {"Deny", "Warn"} <= set(actions):
        errors.invalid(place, list(actions), _BOTH)


def _param_ref(ref: Map, path: Path, errors: Errors) -> None:
    name, selector = ref.get("name") or "", ref.get("selector")
    if name and selector is not None:
        errors.forbidden(at(path, "name"), "name and selector are mutually exclusive")
    elif not name and selector is None:
        errors.required(path, "one of name or selector must be specified")
    elif name and (wrong := formats.dns_subdomain(name)):
        errors.invalid(at(path, "name"), name, wrong)
    label_selector(selector, at(path, "selector"), errors)
    if not ref.get("parameterNotFoundAction"):
        errors.required(at(path, "parameterNotFoundAction"))
