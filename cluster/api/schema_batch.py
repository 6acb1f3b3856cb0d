"""The fields of Job and CronJob: one line each.

Must not hold rules that look at two fields; those are in validate_batch.py and defaults_batch.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Job
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          JobSpec
  status                         JobStatus
JobSpec
  completions                    int(0..)             pods that must succeed
  parallelism                    int(0..)             pods that may run at once
  template!                      PodTemplateSpec      what its pods are made from; restartPolicy Never or OnFailure
  backoffLimit                   int(0..)             failures after which the Job has failed
  activeDeadlineSeconds          int(0..)             seconds that it may be active, over all tries
  ttlSecondsAfterFinished        int(0..)             seconds after its end when it is deleted
  suspend                        bool                 no pods run while it is true
  completionMode                 Indexed|NonIndexed   Indexed: each pod has a number of its own
  selector                       LabelSelector        of its pods; the server makes it
  manualSelector                 bool                 the selector is the user's own
  podFailurePolicy               PodFailurePolicy
  podReplacementPolicy           Failed|TerminatingOrFailed
  successPolicy                  SuccessPolicy
  backoffLimitPerIndex           int(0..)
  maxFailedIndexes               int(0..)
  managedBy                      string
PodFailurePolicy
  rules!                         [PodFailurePolicyRule]  the first that fits counts
PodFailurePolicyRule
  action!                        Count|FailIndex|FailJob|Ignore
  onExitCodes                    PodFailurePolicyOnExitCodesRequirement
  onPodConditions                [PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement
  containerName                  string
  operator!                      In|NotIn
  values                         [int]
PodFailurePolicyOnPodConditionsPattern
  type!                          qualified-name
  status                         False|True|Unknown = "True"
SuccessPolicy
  rules!                         [SuccessPolicyRule]
SuccessPolicyRule
  succeededIndexes               string
  succeededCount                 int(0..)
JobStatus
  conditions                     [Condition] by type
  startTime                      time
  completionTime                 time
  active                         int(0..)
  ready                          int(0..)
  succeeded                      int(0..)
  failed                         int(0..)
  terminating                    int(0..)
  completedIndexes               string
  failedIndexes                  string
  uncountedTerminatedPods        UncountedTerminatedPods
UncountedTerminatedPods
  succeeded                      [string] set
  failed                         [string] set

CronJob
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          CronJobSpec
  status                         CronJobStatus
CronJobSpec
  schedule!                      string               minute hour day-of-month month day-of-week, or @hourly, @daily ...
  timeZone                       string               the schedule's, as "Europe/Berlin"; the controller's if not given
  jobTemplate!                   JobTemplateSpec      what its Jobs are made from
  concurrencyPolicy              Allow|Forbid|Replace = Allow  what to do while the last Job still runs
  suspend                        bool = false         no new Jobs while it is true
  startingDeadlineSeconds        int(0..)             a Job that could not start for so long is left out
  successfulJobsHistoryLimit     int(0..) = 3         finished Jobs that are kept
  failedJobsHistoryLimit         int(0..) = 1
JobTemplateSpec
  metadata                       ObjectMeta
  spec                           JobSpec
CronJobStatus
  active                         [ObjectReference]
  lastScheduleTime               time
  lastSuccessfulTime             time
""")
