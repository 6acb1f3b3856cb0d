"""The fields of the kinds outside the core group: apps, coordination, discovery, networking, scheduling.

Must not hold rules that look at two fields; those are in validate_apps.py, validate_network.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Deployment                       keeps so many pods of one template running, and rolls out changes of it
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          DeploymentSpec
  status                         DeploymentStatus
DeploymentSpec
  replicas                       int(0..) = 1         pods wanted
  selector!                      LabelSelector        of its pods; must match the template's labels; cannot be changed
  template!                      PodTemplateSpec      what its pods are made from
  strategy                       DeploymentStrategy retain = {}  how new pods replace old ones
  minReadySeconds                int(0..)             seconds that a pod must be ready before it counts as available
  revisionHistoryLimit           int(0..) = 10        old ReplicaSets that are kept for undo
  progressDeadlineSeconds        int(0..) = 600       seconds without progress after which it counts as failed
  paused                         bool                changes of the template are not rolled out
DeploymentStrategy
  type                           Recreate|RollingUpdate = RollingUpdate  Recreate ends all old pods first
  rollingUpdate                  RollingUpdateDeployment  how many more and fewer pods there may be meanwhile
RollingUpdateDeployment
  maxSurge                       int-or-percent = 25%  pods above the wanted number, a number or a percentage
  maxUnavailable                 int-or-percent = 25%  pods below the wanted number, a number or a percentage
DeploymentStatus
  observedGeneration             int                 the generation that its controller has seen
  replicas                       int(0..)            its pods
  updatedReplicas                int(0..)            those made from the template of today
  readyReplicas                  int(0..)            those that are ready
  availableReplicas              int(0..)            those that have been ready for minReadySeconds
  unavailableReplicas            int(0..)            those that are still missing
  terminatingReplicas            int(0..)
  collisionCount                 int(0..)
  conditions                     [Condition] by type  is it available, does it make progress?

ReplicaSet                       keeps so many pods running; made by a Deployment
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ReplicaSetSpec
  status                         ReplicaSetStatus
ReplicaSetSpec
  replicas                       int(0..) = 1        pods wanted
  selector!                      LabelSelector       of its pods; must match the template's labels; cannot be changed
  template                       PodTemplateSpec     what its pods are made from
  minReadySeconds                int(0..)            seconds that a pod must be ready before it counts as available
ReplicaSetStatus
  replicas                       int(0..) = 0
  fullyLabeledReplicas           int(0..)
  readyReplicas                  int(0..)
  availableReplicas              int(0..)
  terminatingReplicas            int(0..)
  observedGeneration             int
  conditions                     [Condition] by type

DaemonSet                        a pod on every node, or on every node with some label
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          DaemonSetSpec
  status                         DaemonSetStatus
DaemonSetSpec
  selector!                      LabelSelector       of its pods; must match the template's labels; cannot be changed
  template!                      PodTemplateSpec     what its pods are made from
  updateStrategy                 DaemonSetUpdateStrategy = {}  how new pods replace old ones
  minReadySeconds                int(0..)            seconds that a pod must be ready before it counts as available
  revisionHistoryLimit           int(0..) = 10       old revisions that are kept for undo
DaemonSetUpdateStrategy
  type                           OnDelete|RollingUpdate = RollingUpdate
                                                     OnDelete waits until somebody deletes the old pods
  rollingUpdate                  RollingUpdateDaemonSet
RollingUpdateDaemonSet
  maxUnavailable                 int-or-percent = 1
                                                     nodes without a pod that is ready meanwhile, a number or a
                                                     percentage
  maxSurge                       int-or-percent = 0  nodes with an old and a new pod meanwhile, a number or a percentage
DaemonSetStatus
  currentNumberScheduled         int(0..) = 0        nodes that should have one and do
  desiredNumberScheduled         int(0..) = 0        nodes that should have a pod
  numberMisscheduled             int(0..) = 0        nodes that have one and should not
  numberReady                    int(0..) = 0        nodes whose pod is ready
  numberAvailable                int(0..)
  numberUnavailable              int(0..)
  updatedNumberScheduled         int(0..)
  observedGeneration             int
  collisionCount                 int(0..)
  conditions                     [Condition] by type

ControllerRevision               an old template, kept for undo
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  data                           object
  revision                       int(0..)

Lease                            something that one has at a time, as long as it is renewed
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           LeaseSpec
LeaseSpec
  holderIdentity                 string              who has it
  leaseDurationSeconds           int(1..)            after so long without a renewal others may take it
  acquireTime                    time                since when its holder has it
  renewTime                      time                when its holder last said so
  leaseTransitions               int(0..)            how often it changed hands
  preferredHolder                string
  strategy                       string

EndpointSlice                    addresses behind a Service, a hundred or so each
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  addressType!                   FQDN|IPv4|IPv6      of all its endpoints
  endpoints                      [Endpoint]          where pods can be reached
  ports                          [EndpointSlicePort]  where they listen
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
  ready                          bool                it may be sent requests
  serving                        bool                it answers, also while it ends
  terminating                    bool                it is about to end
EndpointSlicePort
  name                           string
  protocol                       SCTP|TCP|UDP = TCP
  port                           port
  appProtocol                    qualified-name

PriorityClass                    how important pods are
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  value!                         int                 higher is more important
  globalDefault                  bool                of pods that name no class
  preemptionPolicy               PreemptLowerPriority|Never = PreemptLowerPriority
                                                     Never: its pods wait and push nobody out
  description                    string              when to use it

Ingress                          which host and path of HTTP leads to which Service
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          IngressSpec
  status                         IngressStatus
IngressSpec
  ingressClassName               dns-subdomain       who acts on it
  defaultBackend                 IngressBackend      where what no rule fits goes
  tls                            [IngressTLS]        hosts whose certificates are in Secrets
  rules                          [IngressRule]       which host and path leads where
IngressTLS
  hosts                          [string] set        that the certificate is for
  secretName                     dns-subdomain       of the Secret with tls.crt and tls.key
IngressRule
  host                           string              as in the request; *.example.com is possible; none: all
  http                           HTTPIngressRuleValue
HTTPIngressRuleValue
  paths!                         [HTTPIngressPath]   the longest that fits counts
HTTPIngressPath
  path                           string              begins with /
  pathType!                      Exact|ImplementationSpecific|Prefix  Prefix goes by whole parts of the path
  backend!                       IngressBackend      where it leads
IngressBackend
  service                        IngressServiceBackend
  resource                       TypedLocalObjectReference
IngressServiceBackend
  name!                          dns-label           of a Service of its namespace
  port                           ServiceBackendPort  its number or name
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
  replicas                       int(0..)            wanted
ScaleStatus
  replicas                       int(0..)
  selector                       string
""")
