"""StatefulSet, ReplicationController, PodTemplate, Job and CronJob: what is filled in, refused and printed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cluster.api import births, cron
from cluster.api.defaults import default
from cluster.api.kinds import KINDS
from cluster.api.meta import parse_time
from cluster.api.selectors import of_workload, parse_field_selector
from cluster.api.tables import table
from cluster.api.validate import validate

Object = dict[str, Any]
NOW = parse_time("2026-01-01T01:00:00Z")
BORN = "2026-01-01T00:00:00Z"
UID = "0f3e5d1c-0000-4000-8000-000000000001"
POD: Object = {"containers": [{"name": "main", "image": "nginx"}]}
ENDS: Object = {**POD, "restartPolicy": "Never"}


def made(kind: str, name: str = "thing", **fields: Any) -> Object:
    """As the server makes it: with uid and what it gives new objects, defaulted."""
    entry = KINDS[kind]
    metadata: Object = {"name": name, "uid": UID, "creationTimestamp": BORN, **fields.pop("metadata", {})}
    if entry.namespaced:
        metadata["namespace"] = "default"
    obj: Object = {"apiVersion": entry.api_version, "kind": kind, "metadata": metadata, **fields}
    if entry.begin is not None:
        entry.begin(obj, BORN)
    return default(obj)


def sts(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": POD}
    return made("StatefulSet", spec={"selector": {"matchLabels": {"app": "db"}}, "template": template, **spec})


def job(**spec: Any) -> Object:
    return made("Job", spec={"template": {"spec": ENDS}, **spec})


def cron_job(name: str = "thing", **spec: Any) -> Object:
    template = {"spec": {"template": {"spec": ENDS}}}
    return made("CronJob", name, spec={"schedule": "*/5 * * * *", "jobTemplate": template, **spec})


def rc(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": POD}
    return made("ReplicationController", spec={"template": template, **spec})


def claim(name: str) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": spec}


def mounting(*names: str) -> Object:
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in names]
    spec = {"containers": [{"name": "main", "image": "nginx", "volumeMounts": mounts}]}
    return {"metadata": {"labels": {"app": "db"}}, "spec": spec}


GOOD = [
    sts(),
    sts(template=mounting("data"), volumeClaimTemplates=[claim("data")]),
    sts(updateStrategy={"type": "OnDelete"}),
    rc(),
    made("PodTemplate", template={"spec": POD}),
    job(),
    job(completionMode="Indexed", completions=3, parallelism=2, backoffLimitPerIndex=1, maxFailedIndexes=2),
    job(podFailurePolicy={"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 42]}}]}),
    job(manualSelector=True, selector={"matchLabels": {"a": "b"}},
        template={"metadata": {"labels": {"a": "b"}}, "spec": ENDS}),
    cron_job(),
    cron_job(schedule="@hourly", timeZone="Europe/Berlin"),
    cron_job(schedule="0 9-17/2 1,15 jan-mar mon"),
]  # fmt: skip


@pytest.mark.parametrize("obj", GOOD, ids=lambda obj: obj["kind"])
def test_what_is_right_passes_and_defaulting_again_changes_nothing(obj: Object) -> None:
    assert [str(error) for error in validate(obj)] == []
    assert default(obj) == obj


WRONG: list[tuple[Object, str]] = [
    (sts(selector={}), "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"),
    (sts(selector={"matchLabels": {"app": "x"}}),
     'spec.template.metadata.labels: Invalid value: {"app": "db"}: `selector` does not match template `labels`'),
    (sts(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
     "spec.updateStrategy.rollingUpdate: Invalid value: {\"partition\": 1}: only allowed for updateStrategy "
     "'RollingUpdate'"),
    (sts(updateStrategy={"rollingUpdate": {"maxUnavailable": "0%"}}),
     'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0'),
    (sts(podManagementPolicy="Any"), 'spec.podManagementPolicy: Unsupported value: "Any": supported values: '
     '"OrderedReady", "Parallel"'),
    (sts(replicas=-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
    (sts(template={"metadata": {"labels": {"app": "db"}}, "spec": ENDS}),
     'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
    (sts(template=mounting("data", "other"), volumeClaimTemplates=[claim("data")]),
     'spec.template.spec.containers[0].volumeMounts[1].name: Not found: "other"'),
    (made("StatefulSet", "a.b", spec=sts()["spec"]), 'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label'),
    (rc(selector={"app": "x"}), "spec.template.metadata.labels: Invalid value"),
    (made("ReplicationController", spec={}), "spec.selector: Required value"),
    (made("ReplicationController", spec={"selector": {"a": "b"}}), "spec.template: Required value"),
    (made("PodTemplate"), "template.spec: Required value"),
    (job(template={"spec": POD}),
     'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
    (job(completionMode="Indexed", parallelism=1),
     "spec.completions: Required value: when completion mode is Indexed"),
    (job(backoffLimitPerIndex=1),
     "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"),
    (job(completionMode="Indexed", completions=2, maxFailedIndexes=1),
     "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"),
    (job(completionMode="Indexed", completions=2, backoffLimitPerIndex=1, maxFailedIndexes=3),
     "spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions"),
    (job(managedBy="me"), 'spec.managedBy: Invalid value: "me": must be a domain-prefixed path'),
    (job(podFailurePolicy={"rules": [{"action": "Ignore"}]}), "spec.podFailurePolicy.rules[0]: Required value: "
     "specifying one of OnExitCodes and OnPodConditions is required"),
    (job(podFailurePolicy={"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [0, 0]}}]}),
     "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"),
    (job(podFailurePolicy={"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [2, 1]}}]}),
     "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2, 1]: must be ordered"),
    (job(selector={"matchLabels": {"a": "b"}}), "`selector` not auto-generated"),
    (job(template={"metadata": {"labels": {"job-name": "other"}}, "spec": ENDS}),
     "spec.template.metadata.labels[job-name]: Invalid value: \"other\": must be 'thing'"),
    (job(manualSelector=True), "spec.selector: Required value"),
    (job(parallelism="2"), 'spec.parallelism: Invalid value: "2": must be of type integer'),
    (made("Job", "a" * 60, spec={"completionMode": "Indexed", "completions": 1000, "template": {"spec": ENDS}}),
     "will not able to create pod with invalid DNS label: " + "a" * 60 + "-999"),
    (cron_job(schedule="* * *"),
     'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'),
    (cron_job(schedule="TZ=UTC * * * * *"),
     "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    (cron_job(timeZone="Mars/Olympus"), 'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'),
    (cron_job(timeZone="../etc/passwd"), "unknown time zone"),
    (cron_job(timeZone="Local"), "timeZone must be an explicit time zone"),
    (cron_job("a" * 53), "must be no more than 52 characters"),
    (cron_job(jobTemplate={"spec": {"template": {"spec": POD}}}),
     'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
    (cron_job(concurrencyPolicy="Sometimes"), 'supported values: "Allow", "Forbid", "Replace"'),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_named_with_its_place(obj: Object, text: str) -> None:
    found = [str(error) for error in validate(obj)]
    assert any(text in error for error in found), found


SUSPENDED = job(suspend=True)
MOVED = {**SUSPENDED["spec"]["template"]["spec"], "nodeSelector": {"disk": "ssd"}}
UPDATES: list[tuple[Object, Object, str]] = [
    (sts(replicas=2), sts(), ""),
    (sts(template=mounting()), sts(), ""),
    (sts(serviceName="x"), sts(), "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
     "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
     "'minReadySeconds' are forbidden"),
    (job(parallelism=5, completions=1), job(), ""),
    (job(suspend=True), job(), ""),
    (job(completions=2), job(), "spec.completions: Invalid value: 2: field is immutable"),
    (job(completionMode="Indexed", completions=3, parallelism=3),
     job(completionMode="Indexed", completions=2, parallelism=2), ""),
    (job(template={"spec": {**ENDS, "hostname": "x"}}), job(), "spec.template: Invalid value"),
    ({**SUSPENDED, "spec": {**SUSPENDED["spec"], "template": {**SUSPENDED["spec"]["template"], "spec": MOVED}}},
     SUSPENDED, ""),
    ({**SUSPENDED, "spec": {**SUSPENDED["spec"], "template": {**SUSPENDED["spec"]["template"], "spec": MOVED}}},
     {**SUSPENDED, "status": {"startTime": BORN}}, "field is immutable"),
]  # fmt: skip


@pytest.mark.parametrize(("new", "old", "text"), UPDATES)
def test_what_may_change_and_what_may_not(new: Object, old: Object, text: str) -> None:
    found = [str(error) for error in validate(new, old)]
    assert found == [] if not text else any(text in error for error in found), found


def test_a_job_gets_a_selector_of_its_own() -> None:
    own = {"metadata": {"labels": {"app": "x"}}, "spec": ENDS}
    spec, metadata = job(template=own)["spec"], job(template=own)["metadata"]
    generated = {
        "controller-uid": UID,
        "job-name": "thing",
        "batch.kubernetes.io/controller-uid": UID,
        "batch.kubernetes.io/job-name": "thing",
    }
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}
    assert spec["template"]["metadata"]["labels"] == {**generated, "app": "x"}
    assert metadata["labels"] == {"app": "x"}
    assert job()["metadata"]["labels"] == generated
    assert own == {"metadata": {"labels": {"app": "x"}}, "spec": ENDS}
    names = ("completions", "parallelism", "backoffLimit", "completionMode", "suspend", "podReplacementPolicy")
    assert [spec[name] for name in names] == [1, 1, 6, "NonIndexed", False, "TerminatingOrFailed"]
    assert "completions" not in job(parallelism=3)["spec"]
    assert job(completionMode="Indexed", completions=1, backoffLimitPerIndex=1)["spec"]["backoffLimit"] == 2**31 - 1
    assert job(podFailurePolicy={"rules": []})["spec"]["podReplacementPolicy"] == "Failed"


@pytest.mark.parametrize("spec", [None, [], "x", {"template": 1}, {"template": {"metadata": []}}, {"selector": 3}])
def test_a_malformed_job_is_left_to_the_validator(spec: Any) -> None:
    obj: Object = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "uid": UID}, "spec": spec}
    births.job(obj, BORN)
    assert validate(default(obj))


def test_defaults() -> None:
    spec = sts(volumeClaimTemplates=[claim("data")])["spec"]
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    [filled] = spec["volumeClaimTemplates"]
    assert (filled["kind"], filled["apiVersion"], filled["status"]) == (
        "PersistentVolumeClaim", "v1", {"phase": "Pending"},
    )  # fmt: skip
    assert rc()["spec"]["selector"] == rc()["metadata"]["labels"] == {"app": "web"}
    names = ("concurrencyPolicy", "suspend", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    assert [cron_job()["spec"][name] for name in names] == ["Allow", False, 3, 1]
    assert set(cron_job()["spec"]["jobTemplate"]["spec"]) == {"template"}


def cells(obj: Object, wide: bool = False) -> Object:
    columns, [row] = table(obj["kind"], [obj], NOW, wide)
    return dict(zip(columns, row, strict=True))


def test_rows() -> None:
    assert cells({**sts(replicas=3), "status": {"readyReplicas": 2}}, wide=True) == {
        "NAME": "thing", "READY": "2/3", "AGE": "60m", "CONTAINERS": "main", "IMAGES": "nginx",
    }  # fmt: skip
    assert cells({**rc(replicas=2), "status": {"replicas": 1}}, wide=True) == {
        "NAME": "thing", "DESIRED": "2", "CURRENT": "1", "READY": "0", "AGE": "60m", "CONTAINERS": "main",
        "IMAGES": "nginx", "SELECTOR": "app=web",
    }  # fmt: skip
    template = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
    assert cells(made("PodTemplate", template=template)) == {
        "NAME": "thing", "CONTAINERS": "main", "IMAGES": "nginx", "POD LABELS": "a=b",
    }  # fmt: skip
    assert cells({**cron_job(), "status": {"active": [{}], "lastScheduleTime": "2026-01-01T00:55:00Z"}}) == {
        "NAME": "thing", "SCHEDULE": "*/5 * * * *", "TIMEZONE": "<none>", "SUSPEND": "False", "ACTIVE": "1",
        "LAST SCHEDULE": "5m", "AGE": "60m",
    }  # fmt: skip
    assert cells(cron_job(suspend=True))["SUSPEND"] == "True"


@pytest.mark.parametrize(
    ("spec", "status", "row"),
    [
        ({}, {}, ("Running", "0/1", "")),
        ({"completions": 3}, {"succeeded": 1, "startTime": "2026-01-01T00:59:50Z"}, ("Running", "1/3", "10s")),
        ({"parallelism": 4}, {"succeeded": 1}, ("Running", "1/1 of 4", "")),
        (
            {},
            {
                "startTime": "2026-01-01T00:00:00Z",
                "completionTime": "2026-01-01T00:01:00Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            ("Complete", "0/1", "60s"),
        ),
        ({}, {"conditions": [{"type": "Failed", "status": "True"}]}, ("Failed", "0/1", "")),
        ({"suspend": True}, {"conditions": [{"type": "Suspended", "status": "True"}]}, ("Suspended", "0/1", "")),
    ],
)
def test_jobs_in_a_row(spec: Object, status: Object, row: tuple[str, ...]) -> None:
    found = cells({**job(**spec), "status": status})
    assert (found["STATUS"], found["COMPLETIONS"], found["DURATION"]) == row


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty spec string"),
        ("@often", "unrecognized descriptor: @often"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/1/2 * * * *", "too many slashes: */1/2"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("* * * foo *", "failed to parse int from foo"),
        ("@every soon", 'time: invalid duration "soon"'),
    ],
)
def test_a_schedule_that_means_nothing(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        cron.parse(text)


def test_numbers_that_selectors_ask_for() -> None:
    """A Job's succeeded pods are called status.successful there, and none of them are 0."""
    chosen = parse_field_selector("status.successful=0", KINDS["Job"].fields)
    assert chosen.matches(job())
    assert not chosen.matches({**job(), "status": {"succeeded": 1}})
    assert parse_field_selector("status.replicas!=0").matches({**rc(), "status": {"replicas": 2}})
    assert not parse_field_selector("status.replicas!=0").matches({"kind": "ReplicaSet"})


def test_selectors_of_controllers_old_and_new() -> None:
    assert str(of_workload({"matchLabels": {"a": "b"}})) == str(of_workload({"a": "b"})) == "a=b"
    assert of_workload({}).everything
    assert of_workload(None).nothing


def test_schedules() -> None:
    found = cron.parse("0,30 9-17/4 1,15 jan-mar mon")
    assert (sorted(found.minutes), sorted(found.hours), sorted(found.days)) == ([0, 30], [9, 13, 17], [1, 15])
    assert (sorted(found.months), sorted(found.weekdays), found.any_day) == ([1, 2, 3], [1], (False, False))
    assert cron.parse("@daily") == cron.parse("0 0 * * *")
    assert cron.parse("5/20 * * * *").minutes == {5, 25, 45}
    assert cron.parse("0 0 */2 * ?").any_day == (True, True)
    assert cron.parse("@every 1h30m").every == 5400.0
