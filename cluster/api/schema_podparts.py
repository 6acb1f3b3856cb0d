"""The fields of volumes and of pod status: one line each, as `schema` reads them.

Must not hold rules that look at two fields; those are in validate_containers.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
VolumeMount
  name!                          string
  mountPath!                     string
  readOnly                       bool
  recursiveReadOnly              string
  subPath                        string
  subPathExpr                    string
  mountPropagation               Bidirectional|HostToContainer|None
VolumeDevice
  name!                          string
  devicePath!                    string
Volume
  name!                          dns-label
  emptyDir                       EmptyDirVolumeSource
  hostPath                       HostPathVolumeSource
  configMap                      ConfigMapVolumeSource
  secret                         SecretVolumeSource
  downwardAPI                    DownwardAPIVolumeSource
  projected                      ProjectedVolumeSource
  persistentVolumeClaim          PersistentVolumeClaimVolumeSource
  nfs                            NFSVolumeSource
  csi                            CSIVolumeSource
  ephemeral                      EphemeralVolumeSource
  iscsi                          object
  rbd                            object
  cephfs                         object
  glusterfs                      object
  fc                             object
  gitRepo                        object
  image                          object
  flexVolume                     object
  awsElasticBlockStore           object
  azureDisk                      object
  azureFile                      object
  gcePersistentDisk              object
  vsphereVolume                  object
EmptyDirVolumeSource
  medium                         string
  sizeLimit                      quantity
HostPathVolumeSource
  path!                          string
  type                           string
ConfigMapVolumeSource
  name                           dns-subdomain
  defaultMode                    int(0..511) = 420
  items                          [KeyToPath]
  optional                       bool
SecretVolumeSource
  secretName                     dns-subdomain
  defaultMode                    int(0..511) = 420
  items                          [KeyToPath]
  optional                       bool
KeyToPath
  key!                           string
  path!                          string
  mode                           int(0..511)
DownwardAPIVolumeSource
  defaultMode                    int(0..511) = 420
  items                          [DownwardAPIVolumeFile]
DownwardAPIVolumeFile
  path!                          string
  fieldRef                       ObjectFieldSelector
  resourceFieldRef               ResourceFieldSelector
  mode                           int(0..511)
ProjectedVolumeSource
  defaultMode                    int(0..511) = 420
  sources                        [object]
CSIVolumeSource
  driver!                        string
  readOnly                       bool
  fsType                         string
  volumeAttributes               {string}
  nodePublishSecretRef           LocalObjectReference
EphemeralVolumeSource
  volumeClaimTemplate!           PersistentVolumeClaimTemplate  a claim that comes and goes with the pod
PersistentVolumeClaimVolumeSource
  claimName!                     string
  readOnly                       bool

PodStatus
  phase                          Failed|Pending|Running|Succeeded|Unknown
  conditions                     [Condition] by type
  message                        string
  reason                         string
  nominatedNodeName              string
  hostIP                         string
  hostIPs                        [PodIP]
  podIP                          string
  podIPs                         [PodIP] by ip
  startTime                      time
  qosClass                       BestEffort|Burstable|Guaranteed
  observedGeneration             int
  resize                         string
  initContainerStatuses          [ContainerStatus]
  containerStatuses              [ContainerStatus]
  ephemeralContainerStatuses     [ContainerStatus]
  resourceClaimStatuses          [object]
PodIP
  ip                             string
ContainerStatus
  name!                          string
  state                          ContainerState
  lastState                      ContainerState
  ready                          bool
  started                        bool
  restartCount                   int(0..)
  image                          string
  imageID                        string
  containerID                    string
  allocatedResources             resources
  allocatedResourcesStatus       [object]
  resources                      ResourceRequirements
  volumeMounts                   [object]
  user                           object
  stopSignal                     string
ContainerState
  waiting                        ContainerStateWaiting
  running                        ContainerStateRunning
  terminated                     ContainerStateTerminated
ContainerStateWaiting
  reason                         string
  message                        string
ContainerStateRunning
  startedAt                      time
ContainerStateTerminated
  exitCode                       int
  signal                         int
  reason                         string
  message                        string
  startedAt                      time
  finishedAt                     time
  containerID                    string
""")
