"""The fields of PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeAttachment, CSIDriver and CSINode.

Must not hold rules that look at two fields; those are in validate_storage.py and defaults_storage.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
PersistentVolume                 a piece of storage of the cluster
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          PersistentVolumeSpec
  status                         PersistentVolumeStatus
PersistentVolumeSpec
  capacity                       resources            its size: storage
  accessModes                    [ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod]
  persistentVolumeReclaimPolicy  Delete|Recycle|Retain = Retain  what becomes of it when its claim is gone
  storageClassName               dns-subdomain
  volumeMode                     Block|Filesystem = Filesystem
  mountOptions                   [string]
  claimRef                       ObjectReference      the claim that it is bound to
  nodeAffinity                   VolumeNodeAffinity   the nodes that can reach it
  volumeAttributesClassName      string
  hostPath                       HostPathVolumeSource
  local                          LocalVolumeSource
  nfs                            NFSVolumeSource
  csi                            CSIPersistentVolumeSource
  iscsi                          object
  fc                             object
  rbd                            object
  cephfs                         object
  glusterfs                      object
  flexVolume                     object
  flocker                        object
  awsElasticBlockStore           object
  azureDisk                      object
  azureFile                      object
  cinder                         object
  gcePersistentDisk              object
  photonPersistentDisk           object
  portworxVolume                 object
  quobyte                        object
  scaleIO                        object
  storageos                      object
  vsphereVolume                  object
LocalVolumeSource
  path!                          string
  fsType                         string
NFSVolumeSource
  server!                        string
  path!                          string
  readOnly                       bool
CSIPersistentVolumeSource
  driver!                        string
  volumeHandle!                  string               the driver's own name of the volume
  readOnly                       bool
  fsType                         string
  volumeAttributes               {string}
  controllerPublishSecretRef     SecretReference
  nodeStageSecretRef             SecretReference
  nodePublishSecretRef           SecretReference
  controllerExpandSecretRef      SecretReference
  nodeExpandSecretRef            SecretReference
SecretReference
  name                           string
  namespace                      string
VolumeNodeAffinity
  required                       NodeSelector
PersistentVolumeStatus
  phase                          Available|Bound|Failed|Pending|Released
  message                        string
  reason                         string
  lastPhaseTransitionTime        time

PersistentVolumeClaim            a pod's wish for storage
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           PersistentVolumeClaimSpec
  status                         PersistentVolumeClaimStatus
PersistentVolumeClaimSpec
  accessModes                    [ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod]
  resources                      VolumeResourceRequirements = {}  requests.storage: how much it needs
  storageClassName               dns-subdomain        "": no class; not given: the default class
  volumeName                     string               the PersistentVolume that it is bound to
  volumeMode                     Block|Filesystem = Filesystem
  selector                       LabelSelector        of PersistentVolumes that will do
  dataSource                     TypedLocalObjectReference
  dataSourceRef                  TypedObjectReference
  volumeAttributesClassName      string
VolumeResourceRequirements
  requests                       resources
  limits                         resources
TypedObjectReference
  apiGroup                       string
  kind!                          string
  name!                          string
  namespace                      string
PersistentVolumeClaimStatus
  phase                          Bound|Lost|Pending = Pending
  accessModes                    [ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod]
  capacity                       resources
  conditions                     [Condition] by type
  allocatedResources             resources
  allocatedResourceStatuses      {string}
  currentVolumeAttributesClassName  string
  modifyVolumeStatus             object
PersistentVolumeClaimTemplate
  metadata                       ObjectMeta
  spec!                          PersistentVolumeClaimSpec

StorageClass                     a kind of storage and who makes it
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  provisioner!                   string               who makes volumes of this class
  parameters                     {string}             for the provisioner
  reclaimPolicy                  Delete|Retain = Delete
  volumeBindingMode              Immediate|WaitForFirstConsumer = Immediate
  allowVolumeExpansion           bool
  mountOptions                   [string]
  allowedTopologies              [TopologySelectorTerm]
TopologySelectorTerm
  matchLabelExpressions          [TopologySelectorLabelRequirement]
TopologySelectorLabelRequirement
  key!                           qualified-name
  values!                        [string] set

VolumeAttachment                 that a volume is to be attached to a node
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          VolumeAttachmentSpec
  status                         VolumeAttachmentStatus
VolumeAttachmentSpec
  attacher!                      string               the CSI driver
  nodeName!                      string
  source!                        VolumeAttachmentSource
VolumeAttachmentSource
  persistentVolumeName           string
  inlineVolumeSpec               PersistentVolumeSpec
VolumeAttachmentStatus
  attached                       bool = false
  attachmentMetadata             {string}
  attachError                    VolumeError
  detachError                    VolumeError
VolumeError
  time                           time
  message                        string

CSIDriver                        what a storage driver can do
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          CSIDriverSpec
CSIDriverSpec
  attachRequired                 bool = true
  podInfoOnMount                 bool = false
  volumeLifecycleModes           [Ephemeral|Persistent] set = ["Persistent"]
  storageCapacity                bool = false
  fsGroupPolicy                  File|None|ReadWriteOnceWithFSType = ReadWriteOnceWithFSType
  tokenRequests                  [CSITokenRequest]
  requiresRepublish              bool = false
  seLinuxMount                   bool = false
CSITokenRequest
  audience                       string
  expirationSeconds              int(600..4294967296)

CSINode                          the storage drivers of a node
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          CSINodeSpec
CSINodeSpec
  drivers                        [CSINodeDriver] by name
CSINodeDriver
  name!                          string
  nodeID!                        string               the driver's own name of the node
  topologyKeys                   [qualified-name] set
  allocatable                    VolumeNodeResources
VolumeNodeResources
  count                          int(0..)             volumes that fit on the node
""")
