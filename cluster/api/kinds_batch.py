"""The kinds of the groups batch and autoscaling, and those of apps and core that own pods and have no controller yet.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import (
    births,
    formats,
    tables_batch,
    tables_policy,
    validate_autoscaling,
    validate_batch,
    validate_sets,
)
from cluster.api.kind import Kind

BATCH = (
    Kind("StatefulSet", "apps", "v1", "statefulsets", "statefulset", ("sts",), status=True, scale=True,
         name=formats.dns_label, rule=validate_sets.stateful_set, update_rule=validate_sets.stateful_set_update,
         begin=births.empty_status, categories=("all",), printer=tables_batch.STATEFUL_SET),
    Kind("ReplicationController", "", "v1", "replicationcontrollers", "replicationcontroller", ("rc",), status=True,
         scale=True, fields=("status.replicas",), rule=validate_sets.replication_controller,
         begin=births.empty_status, categories=("all",), printer=tables_batch.REPLICATION_CONTROLLER),
    Kind("PodTemplate", "", "v1", "podtemplates", "podtemplate", rule=validate_sets.pod_template,
         printer=tables_batch.POD_TEMPLATE),
    Kind("Job", "batch", "v1", "jobs", "job", status=True, fields=("status.successful",), rule=validate_batch.job,
         update_rule=validate_batch.job_update, begin=births.job, categories=("all",), printer=tables_batch.JOB),
    Kind("CronJob", "batch", "v1", "cronjobs", "cronjob", ("cj",), status=True, rule=validate_batch.cron_job,
         begin=births.empty_status, categories=("all",), printer=tables_batch.CRON_JOB),
    Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler",
         ("hpa",), status=True, generation=False, rule=validate_autoscaling.autoscaler, begin=births.empty_status,
         categories=("all",), printer=tables_policy.AUTOSCALER),
)  # fmt: skip
