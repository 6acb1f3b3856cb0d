"""The fields of what every object has, and of the core group's kinds other than Pod: one line each.

Must not hold rules that look at two fields; those are in validate_core.py, validate_network.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
ObjectMeta
  name                           string               unique among its kind in its namespace
  generateName                   string               a prefix; the server adds five letters
  namespace                      string              where it lives; empty for what belongs to the whole cluster
  labels                         labels               what selectors look at
  annotations                    annotations          what tools keep beside the object
  uid                            string              its own among all objects of all times; the server's
  resourceVersion                string               the revision it was read at; in an update: the precondition
  generation                     int                 counts changes of what is wanted; the server's
  creationTimestamp              time                when the server made it
  deletionTimestamp              time                when it is to be gone; set by DELETE
  deletionGracePeriodSeconds     int                 seconds that it was given to end
  finalizers                     [qualified-name] set  who must let it go before it is gone
  ownerReferences                [OwnerReference] by uid  what it belongs to; it goes when all of them are gone
  managedFields                  [object]            who set which field, for server-side apply
  selfLink                       string
OwnerReference
  apiVersion!                    string
  kind!                          string
  name!                          string
  uid!                           string
  controller                     bool                true for the one that manages it
  blockOwnerDeletion             bool                a foreground deletion of the owner waits for it
LabelSelector
  matchLabels                    labels              labels that it must have
  matchExpressions               [LabelSelectorRequirement]  conditions on labels; all must hold
LabelSelectorRequirement
  key!                           qualified-name      the label's name
  operator!                      DoesNotExist|Exists|In|NotIn
                                                     In and NotIn look at values, Exists and DoesNotExist at the key
                                                     alone
  values                         [string]            for In and NotIn
Condition
  type!                          string              what it is about
  status!                        False|True|Unknown  does it hold?
  reason                         string              why, in one word
  message                        string              why, for people
  observedGeneration             int                 the generation that it was judged by
  lastTransitionTime             time                when status last changed
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

Namespace                        a room for names; what belongs together is deleted together
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           NamespaceSpec
  status                         NamespaceStatus
NamespaceSpec
  finalizers                     [qualified-name]
NamespaceStatus
  phase                          Active|Terminating  Terminating while its objects are being deleted
  conditions                     [Condition] by type

Node                             a machine that runs pods
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           NodeSpec
  status                         NodeStatus
NodeSpec
  podCIDR                        cidr                the addresses of its pods
  podCIDRs                       [cidr] set
  providerID                     string
  unschedulable                  bool                 cordoned: no new pods
  taints                         [Taint]             keep pods away that do not bear them
  externalID                     string
Taint
  key!                           qualified-name      its name
  value                          string              tolerations may ask for it
  effect!                        NoExecute|NoSchedule|PreferNoSchedule
                                                     NoSchedule keeps new pods away, NoExecute also evicts those that
                                                     run, PreferNoSchedule is a wish
  timeAdded                      time                since when, for NoExecute
NodeStatus
  capacity                       resources           all that the machine has
  allocatable                    resources            what pods may ask for
  conditions                     [Condition] by type  is it ready, is it short of memory, disk or processes?
  addresses                      [NodeAddress] by type repeats  where it can be reached
  nodeInfo                       NodeSystemInfo      its kernel, system and kubelet
  images                         [ContainerImage]    those that it has already
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

Service                          one address and name for several pods
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ServiceSpec
  status                         ServiceStatus
ServiceSpec
  type                           ClusterIP|ExternalName|LoadBalancer|NodePort = ClusterIP
                                                     who can reach it: pods (ClusterIP), also each node's port
                                                     (NodePort) or a balancer; ExternalName is a name in DNS
  selector                       labels               labels of its pods; none: others keep its Endpoints
  ports                          [ServicePort] by port,protocol  where it listens, and where at its pods that leads
  clusterIP                      string               the server gives one; None: headless
  clusterIPs                     [string]            the same, one of each family
  externalIPs                    [ip]                of nodes that take requests for it too
  externalName                   dns-subdomain       the name that it stands for, with type ExternalName
  externalTrafficPolicy          Cluster|Local       Local sends what comes from outside to pods of the same node only
  internalTrafficPolicy          Cluster|Local       Local sends what comes from pods to pods of the same node only
  trafficDistribution            string
  healthCheckNodePort            int(0..65535)       where a balancer asks nodes, with policy Local
  ipFamilies                     [IPv4|IPv6]         IPv4 or IPv6
  ipFamilyPolicy                 PreferDualStack|RequireDualStack|SingleStack  one family or both
  allocateLoadBalancerNodePorts  bool                whether it gets ports on nodes with type LoadBalancer
  loadBalancerClass              qualified-name      which balancer acts on it
  loadBalancerIP                 string              the balancer's, if it takes wishes
  loadBalancerSourceRanges       [cidr]              who may come through the balancer
  publishNotReadyAddresses       bool                pods that are not ready are among its addresses too
  sessionAffinity                ClientIP|None = None  ClientIP sends one client to one pod
  sessionAffinityConfig          SessionAffinityConfig  for how long
SessionAffinityConfig
  clientIP                       ClientIPConfig
ClientIPConfig
  timeoutSeconds                 int(1..86400)       how long a client keeps its pod
ServicePort
  port!                          port                where the Service listens
  name                           dns-label           needed where there are several
  protocol                       SCTP|TCP|UDP = TCP
  targetPort                     port-or-name         the pod's port, by number or name; as `port` if not given
  nodePort                       int(0..65535)       the port on every node, 30000 to 32767; the server gives one
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

Endpoints                        the addresses behind a Service; EndpointSlices have the same in parts
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  subsets                        [EndpointSubset]
EndpointSubset
  addresses                      [EndpointAddress]   of pods that are ready
  notReadyAddresses              [EndpointAddress]   of pods that are not ready yet
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

ConfigMap                        settings for pods, as variables or files
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  data                           {string}            text by key
  binaryData                     {base64}            bytes in base64 by key
  immutable                      bool                its data cannot be changed any more
Secret                           the same for what not everybody may read
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  type                           string = Opaque     what its keys must be, as kubernetes.io/tls; cannot be changed
  data                           {base64}            bytes in base64 by key
  stringData                     {string}             plain text; the server moves it to data
  immutable                      bool                its data cannot be changed any more
ServiceAccount                   who a pod is for the API
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  secrets                        [ObjectReference] by name repeats
  imagePullSecrets               [LocalObjectReference] by name repeats  its pods get these
  automountServiceAccountToken   bool                whether its pods get its token

Event                            something that happened to an object, kept for an hour or so
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  involvedObject!                ObjectReference     what it is about
  reason                         string              what happened, in one word
  message                        string              what happened, for people
  type                           Normal|Warning      Warning for what somebody should look at
  source                         EventSource = {}    who says so
  count                          int(0..)            how often it has happened
  firstTimestamp                 time                when it first happened
  lastTimestamp                  time                when it last happened
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
