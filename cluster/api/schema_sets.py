"""The fields of StatefulSet, ReplicationController and PodTemplate: one line each.

Must not hold rules that look at two fields; those are in validate_sets.py and defaults_sets.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
StatefulSet                      pods with names and storage of their own that outlive them
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          StatefulSetSpec
  status                         StatefulSetStatus
StatefulSetSpec
  replicas                       int(0..) = 1         pods wanted, named NAME-0, NAME-1, ...
  selector!                      LabelSelector        of its pods; must match the template's labels; cannot be changed
  template!                      PodTemplateSpec      what its pods are made from
  serviceName                    string               the headless Service that gives each pod its name in DNS
  volumeClaimTemplates           [PersistentVolumeClaim]  one claim of each for every pod; cannot be changed
  podManagementPolicy            OrderedReady|Parallel = OrderedReady  one pod after the other, or all at once
  updateStrategy                 StatefulSetUpdateStrategy = {}
  minReadySeconds                int(0..)             seconds that a pod must be ready before it counts as available
  revisionHistoryLimit           int(0..) = 10        old ControllerRevisions that are kept for undo
  persistentVolumeClaimRetentionPolicy  StatefulSetPersistentVolumeClaimRetentionPolicy = {}
  ordinals                       StatefulSetOrdinals
StatefulSetUpdateStrategy
  type                           OnDelete|RollingUpdate = RollingUpdate
  rollingUpdate                  RollingUpdateStatefulSetStrategy
RollingUpdateStatefulSetStrategy
  partition                      int(0..) = 0         pods below this number keep the old template
  maxUnavailable                 int-or-percent
StatefulSetPersistentVolumeClaimRetentionPolicy
  whenDeleted                    Delete|Retain = Retain  what becomes of the claims when the StatefulSet is deleted
  whenScaled                     Delete|Retain = Retain  and when it is made smaller
StatefulSetOrdinals
  start                          int(0..)             number of the first pod
StatefulSetStatus
  observedGeneration             int
  replicas                       int(0..) = 0
  readyReplicas                  int(0..)
  currentReplicas                int(0..)
  updatedReplicas                int(0..)
  availableReplicas              int(0..) = 0
  currentRevision                string
  updateRevision                 string
  collisionCount                 int(0..)
  conditions                     [Condition] by type

ReplicationController            keeps so many pods running; ReplicaSet's elder
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ReplicationControllerSpec
  status                         ReplicationControllerStatus
ReplicationControllerSpec
  replicas                       int(0..) = 1         pods wanted
  selector                       labels               labels of its pods; as the template's if not given
  template                       PodTemplateSpec      what its pods are made from
  minReadySeconds                int(0..)
ReplicationControllerStatus
  replicas                       int(0..) = 0
  fullyLabeledReplicas           int(0..)
  readyReplicas                  int(0..)
  availableReplicas              int(0..)
  observedGeneration             int
  conditions                     [Condition] by type

PodTemplate                      a template of pods on its own
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  template                       PodTemplateSpec
""")
