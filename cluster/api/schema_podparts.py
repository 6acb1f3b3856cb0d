"""The fields of volumes and of pod status: one line each, as `schema` reads them.

Must not hold rules that look at two fields; those are in validate_containers.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
VolumeMount
  name!                          string              of one of the pod's volumes
  mountPath!                     string              where the container sees it
  readOnly                       bool                it cannot write to it
  recursiveReadOnly              string
  subPath                        string              a part of the volume
  subPathExpr                    string
  mountPropagation               Bidirectional|HostToContainer|None
VolumeDevice
  name!                          string
  devicePath!                    string
Volume
  name!                          dns-label           for volumeMounts
  emptyDir                       EmptyDirVolumeSource  an empty folder that lives as long as the pod
  hostPath                       HostPathVolumeSource  a folder of the node
  configMap                      ConfigMapVolumeSource  a ConfigMap's keys as files
  secret                         SecretVolumeSource  a Secret's keys as files
  downwardAPI                    DownwardAPIVolumeSource  fields of the pod as files
  projected                      ProjectedVolumeSource  several sources in one folder
  persistentVolumeClaim          PersistentVolumeClaimVolumeSource  a claim of its namespace
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
  medium                         string              Memory: not on disk
  sizeLimit                      quantity            more than this ends the pod
HostPathVolumeSource
  path!                          string
  type                           string
ConfigMapVolumeSource
  name                           dns-subdomain       of the ConfigMap
  defaultMode                    int(0..511) = 420   rights of the files
  items                          [KeyToPath]         which keys, and their files' names; all if not given
  optional                       bool                it need not be there
SecretVolumeSource
  secretName                     dns-subdomain       of the Secret
  defaultMode                    int(0..511) = 420   rights of the files
  items                          [KeyToPath]         which keys, and their files' names; all if not given
  optional                       bool                it need not be there
KeyToPath
  key!                           string              which one
  path!                          string              the file's name
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
  claimName!                     string              of the claim
  readOnly                       bool                nobody writes to it

PodStatus
  phase                          Failed|Pending|Running|Succeeded|Unknown
                                                     where it is in its life; Succeeded and Failed are its ends
  conditions                     [Condition] by type  is it scheduled, initialized, ready?
  message                        string              why it is as it is, for people
  reason                         string              why it is as it is, in one word
  nominatedNodeName              string
  hostIP                         string              its node's address
  hostIPs                        [PodIP]
  podIP                          string              its address
  podIPs                         [PodIP] by ip
  startTime                      time                when the kubelet took it
  qosClass                       BestEffort|Burstable|Guaranteed
                                                     what its requests and limits make of it: who is evicted first
  observedGeneration             int
  resize                         string
  initContainerStatuses          [ContainerStatus]   of those that run before the others
  containerStatuses              [ContainerStatus]   of each container
  ephemeralContainerStatuses     [ContainerStatus]
  resourceClaimStatuses          [object]
PodIP
  ip                             string
ContainerStatus
  name!                          string
  state                          ContainerState      waiting, running or terminated, with the reason
  lastState                      ContainerState      of its life before this one
  ready                          bool                its readiness probe says so
  started                        bool
  restartCount                   int(0..)            how often it was started again
  image                          string              what it runs
  imageID                        string              which of that name exactly
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
  exitCode                       int                 of its process
  signal                         int                 what ended it
  reason                         string              Completed, Error, OOMKilled
  message                        string
  startedAt                      time
  finishedAt                     time
  containerID                    string
""")
