"""The rows of Jobs and CronJobs, StatefulSets, ReplicationControllers and PodTemplates.

Must not count pods: the numbers are what the controllers wrote into status.
"""

from __future__ import annotations

from typing import Any

from cluster.api import meta
from cluster.api.meta import Object, name_of, parse_time
from cluster.api.printing import NONE, Printer, age, human_duration, map_text, since, template_cells

_TEMPLATE = ("*CONTAINERS", "*IMAGES", "*SELECTOR")
_STATES = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _is_true(obj: Object, type: str) -> bool:
    found = meta.condition(obj, type)
    return found is not None and found.get("status") == "True"


def job_status(job: Object) -> str:
    """One word: Complete, Failed, Terminating, Suspended, ... or Running."""
    if _is_true(job, "Complete"):
        return "Complete"
    if _is_true(job, "Failed"):
        return "Failed"
    if meta.deleting(job):
        return "Terminating"
    return next((state for state in _STATES if _is_true(job, state)), "Running")


def _completions(job: Object) -> str:
    spec, done = job.get("spec") or {}, (job.get("status") or {}).get("succeeded") or 0
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    parallel = spec.get("parallelism") or 0
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(job: Object, now: float) -> str:
    status = job.get("status") or {}
    if not status.get("startTime"):
        return ""
    end = parse_time(status["completionTime"]) if status.get("completionTime") else now
    return human_duration(end - parse_time(status["startTime"]))


def _job(job: Object, now: float) -> list[str]:
    cells = [name_of(job), job_status(job), _completions(job), _duration(job, now), age(job, now)]
    return [*cells, *template_cells(job)]


def _cron_job(found: Object, now: float) -> list[str]:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    suspend = spec.get("suspend")
    last = status.get("lastScheduleTime")
    return [
        name_of(found),
        spec.get("schedule") or "",
        spec.get("timeZone") or NONE,
        "<unset>" if suspend is None else str(bool(suspend)),
        str(len(status.get("active") or ())),
        since(last, now) if last else NONE,
        age(found, now),
        *template_cells(spec.get("jobTemplate") or {}),
    ]


def _stateful_set(found: Object, now: float) -> list[str]:
    ready = (found.get("status") or {}).get("readyReplicas") or 0
    wanted = (found.get("spec") or {}).get("replicas", 1)
    return [name_of(found), f"{ready}/{wanted}", age(found, now), *template_cells(found)[:2]]


def _replication_controller(found: Object, now: float) -> list[str]:
    status: dict[str, Any] = found.get("status") or {}
    wanted = str((found.get("spec") or {}).get("replicas", 1))
    counts = [str(status.get(name) or 0) for name in ("replicas", "readyReplicas")]
    return [name_of(found), wanted, *counts, age(found, now), *template_cells(found)]


def _pod_template(found: Object, now: float) -> list[str]:
    template = found.get("template") or {}
    cells = template_cells({"spec": {"template": template}})
    return [name_of(found), *cells[:2], map_text(meta.labels_of(template))]


JOB = Printer(("NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE", *_TEMPLATE), _job)
CRON_JOB = Printer(("NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE", *_TEMPLATE), _cron_job)
STATEFUL_SET = Printer(("NAME", "READY", "AGE", "*CONTAINERS", "*IMAGES"), _stateful_set)
REPLICATION_CONTROLLER = Printer(("NAME", "DESIRED", "CURRENT", "READY", "AGE", *_TEMPLATE), _replication_controller)
POD_TEMPLATE = Printer(("NAME", "CONTAINERS", "IMAGES", "POD LABELS"), _pod_template)
