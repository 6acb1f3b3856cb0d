"""The fields of Job and CronJob: one line each.

Must not hold rules that look at two fields; those are in validate_batch.py and defaults_batch.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Job                              runs pods until so many have succeeded
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
  podFailurePolicy               PodFailurePolicy    which failures count, and which end the Job at once
  podReplacementPolicy           Failed|TerminatingOrFailed  when a new pod replaces one that ends
  successPolicy                  SuccessPolicy       when an Indexed Job is done before all have succeeded
  backoffLimitPerIndex           int(0..)            failures of one index after which that one has failed
  maxFailedIndexes               int(0..)
  managedBy                      string              which controller acts on it
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
  startTime                      time                when it was taken up
  completionTime                 time                when it was done
  active                         int(0..)            pods that run or wait
  ready                          int(0..)
  succeeded                      int(0..)            pods that ended well
  failed                         int(0..)            pods that did not
  terminating                    int(0..)
  completedIndexes               string
  failedIndexes                  string
  uncountedTerminatedPods        UncountedTerminatedPods
UncountedTerminatedPods
  succeeded                      [string] set
  failed                         [string] set

CronJob                          makes Jobs by the clock
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
  failedJobsHistoryLimit         int(0..) = 1        failed Jobs that are kept
JobTemplateSpec
  metadata                       ObjectMeta
  spec                           JobSpec
CronJobStatus
  active                         [ObjectReference]   its Jobs that still run
  lastScheduleTime               time                when it last made one
  lastSuccessfulTime             time
""")
