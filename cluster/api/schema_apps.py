"""The fields of the kinds outside the core group: apps, coordination, discovery, networking, scheduling.

Must not hold rules that look at two fields; those are in validate_apps.py, validate_network.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Deployment
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          DeploymentSpec
  status                         DeploymentStatus
DeploymentSpec
  replicas                       int(0..) = 1         pods wanted
  selector!                      LabelSelector        of its pods; must match the template's labels; cannot be changed
  template!                      PodTemplateSpec      what its pods are made from
  strategy                       DeploymentStrategy retain = {}
  minReadySeconds                int(0..)             seconds that a pod must be ready before it counts as available
  revisionHistoryLimit           int(0..) = 10        old ReplicaSets that are kept for undo
  progressDeadlineSeconds        int(0..) = 600       seconds without progress after which it counts as failed
  paused                         bool
DeploymentStrategy
  type                           Recreate|RollingUpdate = RollingUpdate
  rollingUpdate                  RollingUpdateDeployment
RollingUpdateDeployment
  maxSurge                       int-or-percent = 25%
  maxUnavailable                 int-or-percent = 25%
DeploymentStatus
  observedGeneration             int
  replicas                       int(0..)
  updatedReplicas                int(0..)
  readyReplicas                  int(0..)
  availableReplicas              int(0..)
  unavailableReplicas            int(0..)
  terminatingReplicas            int(0..)
  collisionCount                 int(0..)
  conditions                     [Condition] by type

ReplicaSet
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ReplicaSetSpec
  status                         ReplicaSetStatus
ReplicaSetSpec
  replicas                       int(0..) = 1
  selector!                      LabelSelector
  template                       PodTemplateSpec
  minReadySeconds                int(0..)
ReplicaSetStatus
  replicas                       int(0..) = 0
  fullyLabeledReplicas           int(0..)
  readyReplicas                  int(0..)
  availableReplicas              int(0..)
  terminatingReplicas            int(0..)
  observedGeneration             int
  conditions                     [Condition] by type

DaemonSet
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          DaemonSetSpec
  status                         DaemonSetStatus
DaemonSetSpec
  selector!                      LabelSelector
  template!                      PodTemplateSpec
  updateStrategy                 DaemonSetUpdateStrategy = {}
  minReadySeconds                int(0..)
  revisionHistoryLimit           int(0..) = 10
DaemonSetUpdateStrategy
  type                           OnDelete|RollingUpdate = RollingUpdate
  rollingUpdate                  RollingUpdateDaemonSet
RollingUpdateDaemonSet
  maxUnavailable                 int-or-percent = 1
  maxSurge                       int-or-percent = 0
DaemonSetStatus
  currentNumberScheduled         int(0..) = 0
  desiredNumberScheduled         int(0..) = 0
  numberMisscheduled             int(0..) = 0
  numberReady                    int(0..) = 0
  numberAvailable                int(0..)
  numberUnavailable              int(0..)
  updatedNumberScheduled         int(0..)
  observedGeneration             int
  collisionCount                 int(0..)
  conditions                     [Condition] by type

ControllerRevision
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  data                           object
  revision                       int(0..)

Lease
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           LeaseSpec
LeaseSpec
  holderIdentity                 string
  leaseDurationSeconds           int(1..)
  acquireTime                    time
  renewTime                      time
  leaseTransitions               int(0..)
  preferredHolder                string
  strategy                       string

EndpointSlice
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  addressType!                   FQDN|IPv4|IPv6
  endpoints                      [Endpoint]
  ports                          [EndpointSlicePort]
Endpoint
  addresses!                     [string] set
  conditions                     EndpointConditions = {}
  hostname                       dns-label
  targetRef                      ObjectReference
  nodeName                       string
  zone                           string
  hints                          object
  deprecatedTopology             {string}
EndpointConditions
  ready                          bool
  serving                        bool
  terminating                    bool
EndpointSlicePort
  name                           string
  protocol                       SCTP|TCP|UDP = TCP
  port                           port
  appProtocol                    qualified-name

PriorityClass
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  value!                         int
  globalDefault                  bool
  preemptionPolicy               PreemptLowerPriority|Never = PreemptLowerPriority
  description                    string

Ingress
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          IngressSpec
  status                         IngressStatus
IngressSpec
  ingressClassName               dns-subdomain
  defaultBackend                 IngressBackend
  tls                            [IngressTLS]
  rules                          [IngressRule]
IngressTLS
  hosts                          [string] set
  secretName                     dns-subdomain
IngressRule
  host                           string
  http                           HTTPIngressRuleValue
HTTPIngressRuleValue
  paths!                         [HTTPIngressPath]
HTTPIngressPath
  path                           string
  pathType!                      Exact|ImplementationSpecific|Prefix
  backend!                       IngressBackend
IngressBackend
  service                        IngressServiceBackend
  resource                       TypedLocalObjectReference
IngressServiceBackend
  name!                          dns-label
  port                           ServiceBackendPort
ServiceBackendPort
  name                           port-name
  number                         port
TypedLocalObjectReference
  apiGroup                       string
  kind!                          string
  name!                          string
IngressStatus
  loadBalancer                   LoadBalancerStatus

Scale
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           ScaleSpec
  status                         ScaleStatus
ScaleSpec
  replicas                       int(0..)
ScaleStatus
  replicas                       int(0..)
  selector                       string
""")
