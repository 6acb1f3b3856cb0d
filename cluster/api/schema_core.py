"""The fields of what every object has, and of the core group's kinds other than Pod: one line each.

Must not hold rules that look at two fields; those are in validate_core.py, validate_network.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
ObjectMeta
  name                           string               unique among its kind in its namespace
  generateName                   string               a prefix; the server adds five letters
  namespace                      string
  labels                         labels               what selectors look at
  annotations                    annotations          what tools keep beside the object
  uid                            string
  resourceVersion                string               the revision it was read at; in an update: the precondition
  generation                     int
  creationTimestamp              time
  deletionTimestamp              time
  deletionGracePeriodSeconds     int
  finalizers                     [qualified-name] set
  ownerReferences                [OwnerReference] by uid
  managedFields                  [object]
  selfLink                       string
OwnerReference
  apiVersion!                    string
  kind!                          string
  name!                          string
  uid!                           string
  controller                     bool
  blockOwnerDeletion             bool
LabelSelector
  matchLabels                    labels
  matchExpressions               [LabelSelectorRequirement]
LabelSelectorRequirement
  key!                           qualified-name
  operator!                      DoesNotExist|Exists|In|NotIn
  values                         [string]
Condition
  type!                          string
  status!                        False|True|Unknown
  reason                         string
  message                        string
  observedGeneration             int
  lastTransitionTime             time
  lastUpdateTime                 time
  lastProbeTime                  time
  lastHeartbeatTime              time
ObjectReference
  apiVersion                     string
  kind                           string
  namespace                      string
  name                           string
  uid                            string
  resourceVersion                string
  fieldPath                      string

Namespace
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           NamespaceSpec
  status                         NamespaceStatus
NamespaceSpec
  finalizers                     [qualified-name]
NamespaceStatus
  phase                          Active|Terminating
  conditions                     [Condition] by type

Node
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           NodeSpec
  status                         NodeStatus
NodeSpec
  podCIDR                        cidr
  podCIDRs                       [cidr] set
  providerID                     string
  unschedulable                  bool                 cordoned: no new pods
  taints                         [Taint]
  externalID                     string
Taint
  key!                           qualified-name
  value                          string
  effect!                        NoExecute|NoSchedule|PreferNoSchedule
  timeAdded                      time
NodeStatus
  capacity                       resources
  allocatable                    resources            what pods may ask for
  conditions                     [Condition] by type
  addresses                      [NodeAddress] by type repeats
  nodeInfo                       NodeSystemInfo
  images                         [ContainerImage]
  daemonEndpoints                object
  phase                          string
  volumesAttached                [object]
  volumesInUse                   [string]
  runtimeHandlers                [object]
  features                       object
  config                         object
NodeAddress
  type!                          string
  address!                       string
ContainerImage
  names                          [string]
  sizeBytes                      int
NodeSystemInfo
  machineID                      string
  systemUUID                     string
  bootID                         string
  kernelVersion                  string
  osImage                        string
  containerRuntimeVersion        string
  kubeletVersion                 string
  kubeProxyVersion               string
  operatingSystem                string
  architecture                   string
  swap                           object

Service
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ServiceSpec
  status                         ServiceStatus
ServiceSpec
  type                           ClusterIP|ExternalName|LoadBalancer|NodePort = ClusterIP
  selector                       labels               labels of its pods; none: others keep its Endpoints
  ports                          [ServicePort] by port,protocol
  clusterIP                      string               the server gives one; None: headless
  clusterIPs                     [string]
  externalIPs                    [ip]
  externalName                   dns-subdomain
  externalTrafficPolicy          Cluster|Local
  internalTrafficPolicy          Cluster|Local
  trafficDistribution            string
  healthCheckNodePort            int(0..65535)
  ipFamilies                     [IPv4|IPv6]
  ipFamilyPolicy                 PreferDualStack|RequireDualStack|SingleStack
  allocateLoadBalancerNodePorts  bool
  loadBalancerClass              qualified-name
  loadBalancerIP                 string
  loadBalancerSourceRanges       [cidr]
  publishNotReadyAddresses       bool
  sessionAffinity                ClientIP|None = None
  sessionAffinityConfig          SessionAffinityConfig
SessionAffinityConfig
  clientIP                       ClientIPConfig
ClientIPConfig
  timeoutSeconds                 int(1..86400)
ServicePort
  port!                          port
  name                           dns-label
  protocol                       SCTP|TCP|UDP = TCP
  targetPort                     port-or-name         the pod's port, by number or name; as `port` if not given
  nodePort                       int(0..65535)
  appProtocol                    qualified-name
ServiceStatus
  loadBalancer                   LoadBalancerStatus = {}
  conditions                     [Condition] by type
LoadBalancerStatus
  ingress                        [LoadBalancerIngress]
LoadBalancerIngress
  ip                             ip
  hostname                       string
  ipMode                         Proxy|VIP
  ports                          [object]

Endpoints
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  subsets                        [EndpointSubset]
EndpointSubset
  addresses                      [EndpointAddress]
  notReadyAddresses              [EndpointAddress]
  ports                          [EndpointPort]
EndpointAddress
  ip!                            ip
  hostname                       dns-label
  nodeName                       string
  targetRef                      ObjectReference
EndpointPort
  port                           port
  name                           dns-label
  protocol                       SCTP|TCP|UDP = TCP
  appProtocol                    qualified-name

ConfigMap
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  data                           {string}
  binaryData                     {base64}
  immutable                      bool
Secret
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  type                           string = Opaque
  data                           {base64}
  stringData                     {string}             plain text; the server moves it to data
  immutable                      bool
ServiceAccount
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  secrets                        [ObjectReference] by name repeats
  imagePullSecrets               [LocalObjectReference] by name repeats
  automountServiceAccountToken   bool

Event
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  involvedObject!                ObjectReference
  reason                         string
  message                        string
  type                           Normal|Warning
  source                         EventSource = {}
  count                          int(0..)
  firstTimestamp                 time
  lastTimestamp                  time
  eventTime                      time
  series                         EventSeries
  action                         string
  related                        ObjectReference
  reportingComponent             string
  reportingInstance              string
EventSource
  component                      string
  host                           string
EventSeries
  count                          int
  lastObservedTime               time
""")
