"""The fields of pods and pod templates (v1 PodSpec and its containers): one line each, as `schema` reads them.

Must not hold rules that look at two fields; those are in validate_pod.py, validate_containers.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Pod
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          PodSpec           what should run
  status                         PodStatus         what was seen to run

PodTemplateSpec
  metadata                       ObjectMeta
  spec                           PodSpec

PodSpec
  containers!                    [Container] by name                  at least one; all run side by side
  initContainers                 [Container] by name                  run to their end one by one, before the others
  ephemeralContainers            [Container] by name
  volumes                        [Volume] by name retain              what containers may mount
  restartPolicy                  Always|OnFailure|Never = Always      of all containers
  terminationGracePeriodSeconds  int(0..) = 30                        seconds from the stop signal to the kill
  activeDeadlineSeconds          int(1..2147483647)                   seconds it may be active at all
  dnsPolicy                      ClusterFirst|ClusterFirstWithHostNet|Default|None = ClusterFirst
  dnsConfig                      PodDNSConfig
  nodeSelector                   {string}                             labels that the node must have
  serviceAccountName             dns-subdomain
  serviceAccount                 string
  automountServiceAccountToken   bool
  nodeName                       string                               the node it is bound to; the scheduler's
  hostNetwork                    bool
  hostPID                        bool
  hostIPC                        bool
  hostUsers                      bool
  shareProcessNamespace          bool
  securityContext                PodSecurityContext = {}
  imagePullSecrets               [LocalObjectReference] by name repeats
  hostname                       dns-label
  subdomain                      dns-label
  setHostnameAsFQDN              bool
  affinity                       Affinity
  schedulerName                  string = default-scheduler
  tolerations                    [Toleration]                         taints that it bears
  hostAliases                    [HostAlias] by ip repeats
  priorityClassName              dns-subdomain
  priority                       int
  preemptionPolicy               PreemptLowerPriority|Never
  readinessGates                 [PodReadinessGate]
  runtimeClassName               dns-subdomain
  enableServiceLinks             bool
  overhead                       resources
  topologySpreadConstraints      [TopologySpreadConstraint] by topologyKey,whenUnsatisfiable
  os                             PodOS
  schedulingGates                [PodSchedulingGate] by name
  resourceClaims                 [PodResourceClaim] by name
  resources                      ResourceRequirements

PodOS
  name!                          linux|windows
PodSchedulingGate
  name!                          qualified-name
PodResourceClaim
  name!                          dns-label
  resourceClaimName              string
  resourceClaimTemplateName      string
PodReadinessGate
  conditionType!                 qualified-name
LocalObjectReference
  name                           dns-subdomain
HostAlias
  ip!                            ip
  hostnames                      [dns-subdomain]
PodDNSConfig
  nameservers                    [ip]
  searches                       [string]
  options                        [PodDNSConfigOption]
PodDNSConfigOption
  name                           string
  value                          string

Container
  name!                          dns-label                            unique in the pod
  image                          string                               name[:tag]
  imagePullPolicy                Always|IfNotPresent|Never            Always for tag latest or none, else IfNotPresent
  command                        [string]                             instead of the image's entry point
  args                           [string]
  workingDir                     string
  ports                          [ContainerPort] by containerPort,protocol repeats
  env                            [EnvVar] by name repeats
  envFrom                        [EnvFromSource]
  resources                      ResourceRequirements = {}
  resizePolicy                   [ContainerResizePolicy]
  restartPolicy                  Always|OnFailure|Never               Always makes an init container a sidecar
  volumeMounts                   [VolumeMount] by mountPath
  volumeDevices                  [VolumeDevice] by devicePath
  livenessProbe                  Probe                                fails: the container is restarted
  readinessProbe                 Probe                                fails: Services leave the pod out
  startupProbe                   Probe                                until it succeeds the others wait
  lifecycle                      Lifecycle
  securityContext                SecurityContext
  terminationMessagePath         string = /dev/termination-log
  terminationMessagePolicy       File|FallbackToLogsOnError = File
  stdin                          bool
  stdinOnce                      bool
  tty                            bool
  targetContainerName            string

ContainerPort
  containerPort!                 port
  name                           port-name
  protocol                       SCTP|TCP|UDP = TCP
  hostPort                       port
  hostIP                         ip
ContainerResizePolicy
  resourceName!                  string
  restartPolicy!                 NotRequired|RestartContainer
ResourceRequirements
  requests                       resources                            what the scheduler sets aside
  limits                         resources                            what it may not exceed
  claims                         [ResourceClaim] by name
ResourceClaim
  name!                          string
  request                        string
EnvVar
  name!                          env-name
  value                          string
  valueFrom                      EnvVarSource
EnvVarSource
  fieldRef                       ObjectFieldSelector
  resourceFieldRef               ResourceFieldSelector
  configMapKeyRef                KeySelector
  secretKeyRef                   KeySelector
ObjectFieldSelector
  fieldPath!                     string
  apiVersion                     string = v1
ResourceFieldSelector
  resource!                      string
  containerName                  string
  divisor                        quantity
KeySelector
  key!                           string
  name                           dns-subdomain
  optional                       bool
EnvFromSource
  prefix                         env-name
  configMapRef                   OptionalReference
  secretRef                      OptionalReference
OptionalReference
  name                           dns-subdomain
  optional                       bool

Probe
  exec                           ExecAction
  httpGet                        HTTPGetAction
  tcpSocket                      TCPSocketAction
  grpc                           GRPCAction
  initialDelaySeconds            int(0..)
  timeoutSeconds                 int(1..) = 1
  periodSeconds                  int(1..) = 10
  successThreshold               int(1..) = 1
  failureThreshold               int(1..) = 3
  terminationGracePeriodSeconds  int(1..)
ExecAction
  command!                       [string]
HTTPGetAction
  port!                          port-or-name
  path                           string = /
  host                           string
  scheme                         HTTP|HTTPS = HTTP
  httpHeaders                    [HTTPHeader]
HTTPHeader
  name!                          http-header
  value                          string
TCPSocketAction
  port!                          port-or-name
  host                           string
GRPCAction
  port!                          port
  service                        string
Lifecycle
  postStart                      LifecycleHandler
  preStop                        LifecycleHandler
  stopSignal                     string
LifecycleHandler
  exec                           ExecAction
  httpGet                        HTTPGetAction
  tcpSocket                      TCPSocketAction
  sleep                          SleepAction
SleepAction
  seconds!                       int(0..)

SecurityContext
  capabilities                   Capabilities
  privileged                     bool
  seLinuxOptions                 object
  windowsOptions                 object
  runAsUser                      int(0..)
  runAsGroup                     int(0..)
  runAsNonRoot                   bool
  readOnlyRootFilesystem         bool
  allowPrivilegeEscalation       bool
  procMount                      Default|Unmasked
  seccompProfile                 Profile
  appArmorProfile                Profile
Capabilities
  add                            [string]
  drop                           [string]
Profile
  type!                          Localhost|RuntimeDefault|Unconfined
  localhostProfile               string
PodSecurityContext
  seLinuxOptions                 object
  windowsOptions                 object
  runAsUser                      int(0..)
  runAsGroup                     int(0..)
  runAsNonRoot                   bool
  supplementalGroups             [int(0..)]
  supplementalGroupsPolicy       Merge|Strict
  fsGroup                        int(0..)
  fsGroupChangePolicy            Always|OnRootMismatch
  seLinuxChangePolicy            string
  sysctls                        [Sysctl]
  seccompProfile                 Profile
  appArmorProfile                Profile
Sysctl
  name!                          string
  value!                         string

Affinity
  nodeAffinity                   NodeAffinity
  podAffinity                    PodAffinity
  podAntiAffinity                PodAffinity
NodeAffinity
  requiredDuringSchedulingIgnoredDuringExecution   NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution  [PreferredSchedulingTerm]
NodeSelector
  nodeSelectorTerms!             [NodeSelectorTerm]
NodeSelectorTerm
  matchExpressions               [NodeSelectorRequirement]
  matchFields                    [NodeSelectorRequirement]
NodeSelectorRequirement
  key!                           qualified-name
  operator!                      DoesNotExist|Exists|Gt|In|Lt|NotIn
  values                         [string]
PreferredSchedulingTerm
  weight!                        int(1..100)
  preference!                    NodeSelectorTerm
PodAffinity
  requiredDuringSchedulingIgnoredDuringExecution   [PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution  [WeightedPodAffinityTerm]
WeightedPodAffinityTerm
  weight!                        int(1..100)
  podAffinityTerm!               PodAffinityTerm
PodAffinityTerm
  topologyKey!                   qualified-name
  labelSelector                  LabelSelector
  namespaces                     [string]
  namespaceSelector              LabelSelector
  matchLabelKeys                 [string] set
  mismatchLabelKeys              [string] set
Toleration
  key                            qualified-name
  operator                       Equal|Exists
  value                          string
  effect                         NoExecute|NoSchedule|PreferNoSchedule
  tolerationSeconds              int
TopologySpreadConstraint
  maxSkew!                       int(1..)
  topologyKey!                   qualified-name
  whenUnsatisfiable!             DoNotSchedule|ScheduleAnyway
  labelSelector                  LabelSelector
  minDomains                     int(1..)
  nodeAffinityPolicy             Honor|Ignore
  nodeTaintsPolicy               Honor|Ignore
  matchLabelKeys                 [string] set
""")
