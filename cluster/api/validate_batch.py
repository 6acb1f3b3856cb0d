"""Rules of Job and CronJob (Kubernetes: batch validation).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

from cluster.api import cron, formats
from cluster.api.fielderrors import ROOT, Errors, MapKey, Path, at
from cluster.api.meta import Object, labels_of, name_of, uid_of
from cluster.api.selectors import from_label_selector
from cluster.api.validate_core import immutable
from cluster.api.validate_pod import label_selector, pod_spec

_SPEC = at(ROOT, "spec")
MOST_PARALLEL = 100_000
"""Pods at once of an Indexed Job: its list of finished ones must stay short."""
LONGEST_CRON_JOB = 52
"""Letters of a CronJob's name: its Jobs get 11 more."""
UID, NAME = "controller-uid", "job-name"
PREFIX = "batch.kubernetes.io/"
_SCHEDULING = ("affinity", "nodeSelector", "tolerations", "schedulingGates")
_ZONE = re.compile(r"[A-Za-z0-9._+-]{1,14}(/[A-Za-z0-9._+-]{1,14})*")


def expected_labels(name: str, uid: str) -> dict[str, str]:
    """What the server puts on the pods of a Job, so that its selector finds those and no others."""
    return {prefix + key: value for prefix in ("", PREFIX) for key, value in ((UID, uid), (NAME, name))}


def job(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    selector = spec.get("selector")
    labels = labels_of(spec["template"])
    if selector is not None and not spec.get("manualSelector"):
        _generated(obj, labels, errors)
    job_spec(spec, _SPEC, errors)
    if selector is None:
        errors.required(at(_SPEC, "selector"))
    else:
        label_selector(selector, at(_SPEC, "selector"), errors)
        if not from_label_selector(selector).matches(labels):
            errors.invalid(
                at(_SPEC, "template", "metadata", "labels"), labels, "`selector` does not match template `labels`"
            )
    if spec.get("completionMode") == "Indexed" and spec.get("completions"):
        longest = f"{name_of(obj)}-{spec['completions'] - 1}"
        if formats.dns_label(longest):
            errors.invalid(
                at(ROOT, "metadata", "name"),
                name_of(obj),
                f"will not able to create pod with invalid DNS label: {longest}",
            )


def _generated(obj: Object, labels: dict[str, str], errors: Errors) -> None:
    """The labels and the selector are those that the server made, not others that somebody wrote."""
    expected = expected_labels(name_of(obj), uid_of(obj))
    for key, value in expected.items():
        place = (at(_SPEC, "template", "metadata", "labels"), MapKey(key))
        if key not in labels:
            errors.required(place, f"must be '{value}'")
        elif labels[key] != value:
            errors.invalid(place, labels[key], f"must be '{value}'")
    if not from_label_selector(obj["spec"]["selector"]).matches(expected):
        errors.invalid(at(_SPEC, "selector"), obj["spec"]["selector"], "`selector` not auto-generated")


def job_spec(spec: Object, path: Path, errors: Errors) -> None:
    """Of a Job, or of a CronJob's template, which has no selector yet."""
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.required(at(path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified")
    if spec.get("completionMode") == "Indexed":
        _indexed(spec, path, errors)
    else:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
            if spec.get(name) is not None:
                errors.invalid(at(path, name), spec[name], "requires indexed completion mode")
    managed = spec.get("managedBy")
    if managed is not None:
        domain, slash, rest = managed.partition("/")
        if not slash or not rest or formats.dns_subdomain(domain):
            errors.invalid(at(path, "managedBy"), managed, 'must be a domain-prefixed path (such as "acme.io/foo")')
        if len(managed) > 63:
            errors.too_long(at(path, "managedBy"), "may not be more than 63 bytes")
    if spec.get("podFailurePolicy") is not None:
        _failure_policy(spec, at(path, "podFailurePolicy", "rules"), errors)
        if spec.get("podReplacementPolicy", "Failed") != "Failed":
            errors.unsupported(at(path, "podReplacementPolicy"), spec["podReplacementPolicy"], ["Failed"])
    _template(spec, at(path, "template", "spec"), errors)


def _indexed(spec: Object, path: Path, errors: Errors) -> None:
    completions, most = spec.get("completions"), spec.get("maxFailedIndexes")
    if completions is None:
        errors.required(at(path, "completions"), "when completion mode is Indexed")
    if spec.get("parallelism", 0) > MOST_PARALLEL:
        text = f"must be less than or equal to {MOST_PARALLEL} when completion mode is Indexed"
        errors.invalid(at(path, "parallelism"), spec["parallelism"], text)
    if completions is not None and most is not None and most > completions:
        errors.invalid(at(path, "maxFailedIndexes"), most, "must be less than or equal to completions")


def _template(spec: Object, path: Path, errors: Errors) -> None:
    """A pod that runs to its end."""
    pod = spec["template"].get("spec")
    if pod is None:
        errors.required(at(path, "containers"))
        return
    pod_spec(pod, path, errors)
    policy, place = pod.get("restartPolicy", "Always"), at(path, "restartPolicy")
    if policy == "Always":
        errors.required(place, 'valid values: "OnFailure", "Never"')
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        errors.invalid(place, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _failure_policy(spec: Object, path: Path, errors: Errors) -> None:
    pod = spec["template"].get("spec") or {}
    names = [c["name"] for which in ("containers", "initContainers") for c in pod.get(which) or ()]
    for index, rule in enumerate(spec["podFailurePolicy"]["rules"]):
        place = at(path, index)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if rule["action"] == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            errors.invalid(at(place, "action"), "FailIndex", "requires the backoffLimitPerIndex to be set")
        if codes is not None and conditions:
            errors.forbidden(place, "specifying both OnExitCodes and OnPodConditions is not supported")
        if codes is None and not conditions:
            errors.required(place, "specifying one of OnExitCodes and OnPodConditions is required")
        if codes is not None:
            _exit_codes(codes, names, at(place, "onExitCodes"), errors)


def _exit_codes(codes: Object, names: list[str], path: Path, errors: Errors) -> None:
    container, values = codes.get("containerName"), codes.get("values") or []
    if container is not None and container not in names:
        text = "must be one of the container or initContainer names in the pod template"
        errors.invalid(at(path, "containerName"), container, text)
    if not values:
        errors.invalid(at(path, "values"), values, "at least one value is required")
    for index, value in enumerate(values):
        if codes["operator"] == "In" and value == 0:
            errors.invalid(at(path, "values", index), value, "must not be 0 for the In operator")
        if value in values[:index]:
            errors.duplicate(at(path, "values", index), value)
    if values != sorted(values):
        errors.invalid(at(path, "values"), values, "must be ordered")


def job_update(new: Object, old: Object, errors: Errors) -> None:
    spec, was = new["spec"], old["spec"]
    for name in (
        "selector",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ):
        immutable(spec.get(name), was.get(name), at(_SPEC, name), errors)
    elastic = (
        spec.get("completionMode") == "Indexed"
        and spec.get("completions") is not None
        and spec["completions"] == spec.get("parallelism")
    )
    if not elastic:
        immutable(spec.get("completions"), was.get("completions"), at(_SPEC, "completions"), errors)
    started = (old.get("status") or {}).get("startTime")
    waits = was.get("suspend") and not started
    if _fixed(spec["template"], waits) != _fixed(was["template"], waits):
        errors.invalid(at(_SPEC, "template"), spec["template"], "field is immutable")


def _fixed(template: Object, waits: bool) -> Object:
    """What of a template cannot change: a Job that has never run may still be told where to run."""
    if not waits:
        return template
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if k not in ("labels", "annotations")}
    spec = {k: v for k, v in (template.get("spec") or {}).items() if k not in _SCHEDULING}
    return {"metadata": metadata, "spec": spec}


def cron_job(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    schedule, place = spec["schedule"], at(_SPEC, "schedule")
    try:
        cron.parse(schedule)
    except ValueError as error:
        if "TZ" not in schedule:
            errors.invalid(place, schedule, str(error))
    if "TZ" in schedule:
        errors.invalid(place, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    if (wrong := time_zone(spec.get("timeZone"))) is not None:
        errors.invalid(at(_SPEC, "timeZone"), spec["timeZone"], wrong)
    inner = spec["jobTemplate"].get("spec")
    if inner is None:
        errors.required(at(_SPEC, "jobTemplate", "spec"))
    else:
        job_spec(inner, at(_SPEC, "jobTemplate", "spec"), errors)
    if len(name_of(obj)) > LONGEST_CRON_JOB:
        text = f"must be no more than {LONGEST_CRON_JOB} characters"
        errors.invalid(at(ROOT, "metadata", "name"), name_of(obj), text)


def time_zone(name: str | None) -> str | None:
    """What is wrong with a CronJob's time zone, None if nothing."""
    if name is None:
        return None
    if not name:
        return "timeZone must be nil or non-empty string"
    if name.lower() == "local":
        return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
    if not _ZONE.fullmatch(name) or ".." in name or name[0] == "-" or not _exists(name):
        return f"unknown time zone {name}"
    return None


@cache
def _exists(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
