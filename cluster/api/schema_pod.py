"""The fields of pods and pod templates (v1 PodSpec and its containers): one line each, as `schema` reads them.

Must not hold rules that look at two fields; those are in validate_pod.py, validate_containers.py and defaults.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
Pod                              containers that share an address and live and end on one node
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
  ephemeralContainers            [Container] by name  put in while it runs, by `kubectl debug`
  volumes                        [Volume] by name retain              what containers may mount
  restartPolicy                  Always|OnFailure|Never = Always      of all containers
  terminationGracePeriodSeconds  int(0..) = 30                        seconds from the stop signal to the kill
  activeDeadlineSeconds          int(1..2147483647)                   seconds it may be active at all
  dnsPolicy                      ClusterFirst|ClusterFirstWithHostNet|Default|None = ClusterFirst
                                                     where its names are looked up
  dnsConfig                      PodDNSConfig        name servers and search domains of its own
  nodeSelector                   {string}                             labels that the node must have
  serviceAccountName             dns-subdomain       who its containers are for the API
  serviceAccount                 string
  automountServiceAccountToken   bool                whether its containers get that account's token
  nodeName                       string                               the node it is bound to; the scheduler's
  hostNetwork                    bool                it has its node's addresses instead of its own
  hostPID                        bool                it sees its node's processes
  hostIPC                        bool
  hostUsers                      bool
  shareProcessNamespace          bool
  securityContext                PodSecurityContext = {}  user, groups and limits of all its containers
  imagePullSecrets               [LocalObjectReference] by name repeats  Secrets for registries
  hostname                       dns-label           its name inside; the pod's if not given
  subdomain                      dns-label           of its name in DNS
  setHostnameAsFQDN              bool
  affinity                       Affinity            which nodes and which neighbours it wants
  schedulerName                  string = default-scheduler  who binds it to a node
  tolerations                    [Toleration]                         taints that it bears
  hostAliases                    [HostAlias] by ip repeats  more lines for its hosts file
  priorityClassName              dns-subdomain       how important it is; more important pods may push it out
  priority                       int                 the number of that class; the server's
  preemptionPolicy               PreemptLowerPriority|Never  Never: it waits and pushes nobody out
  readinessGates                 [PodReadinessGate]
                                                     conditions that must hold, besides its containers, before it is
                                                     ready
  runtimeClassName               dns-subdomain       which runtime runs it
  enableServiceLinks             bool                its containers have variables with the addresses of Services
  overhead                       resources
  topologySpreadConstraints      [TopologySpreadConstraint] by topologyKey,whenUnsatisfiable
                                                     how evenly it and its like are spread over zones or nodes
  os                             PodOS
  schedulingGates                [PodSchedulingGate] by name  it is not scheduled while there are any
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
  args                           [string]            of the command
  workingDir                     string              where it starts
  ports                          [ContainerPort] by containerPort,protocol repeats
                                                     where it listens; for people and for names
  env                            [EnvVar] by name repeats  variables of its environment
  envFrom                        [EnvFromSource]     all keys of a ConfigMap or Secret as variables
  resources                      ResourceRequirements = {}  what it needs, and what it may have at the most
  resizePolicy                   [ContainerResizePolicy]
  restartPolicy                  Always|OnFailure|Never               Always makes an init container a sidecar
  volumeMounts                   [VolumeMount] by mountPath  which of the pod's volumes it sees, and where
  volumeDevices                  [VolumeDevice] by devicePath
  livenessProbe                  Probe                                fails: the container is restarted
  readinessProbe                 Probe                                fails: Services leave the pod out
  startupProbe                   Probe                                until it succeeds the others wait
  lifecycle                      Lifecycle           what is done after its start and before its end
  securityContext                SecurityContext     user and rights of this container
  terminationMessagePath         string = /dev/termination-log  a file whose text is kept as the message of its end
  terminationMessagePolicy       File|FallbackToLogsOnError = File
                                                     whether the end of its log will do where that file is empty
  stdin                          bool                it has an input that one can attach to
  stdinOnce                      bool                the input ends with the first who attached
  tty                            bool                its input is a terminal
  targetContainerName            string

ContainerPort
  containerPort!                 port                the number
  name                           port-name           for probes and Services
  protocol                       SCTP|TCP|UDP = TCP
  hostPort                       port                the same on its node
  hostIP                         ip
ContainerResizePolicy
  resourceName!                  string
  restartPolicy!                 NotRequired|RestartContainer
ResourceRequirements
  requests                       resources                            what the scheduler sets aside
  limits                         resources                            what it may not exceed
  claims                         [ResourceClaim] by name
ResourceClaim
  name!                          string              one of the pod's resourceClaims
  request                        string
EnvVar
  name!                          env-name            of the variable
  value                          string              $(NAME) stands for a variable before it
  valueFrom                      EnvVarSource        from elsewhere, instead of value
EnvVarSource
  fieldRef                       ObjectFieldSelector  a field of the pod, as status.podIP
  resourceFieldRef               ResourceFieldSelector  a limit or request of the container
  configMapKeyRef                KeySelector         a key of a ConfigMap
  secretKeyRef                   KeySelector         a key of a Secret
ObjectFieldSelector
  fieldPath!                     string              as metadata.name, spec.nodeName, status.podIP
  apiVersion                     string = v1
ResourceFieldSelector
  resource!                      string
  containerName                  string
  divisor                        quantity
KeySelector
  key!                           string              which of its keys
  name                           dns-subdomain       of the ConfigMap or Secret
  optional                       bool                it need not be there
EnvFromSource
  prefix                         env-name            before each key
  configMapRef                   OptionalReference   all keys of this ConfigMap
  secretRef                      OptionalReference   all keys of this Secret
OptionalReference
  name                           dns-subdomain
  optional                       bool

Probe
  exec                           ExecAction          a command in the container; 0 is success
  httpGet                        HTTPGetAction       a request; 200 to 399 is success
  tcpSocket                      TCPSocketAction     a connection; that it is taken is success
  grpc                           GRPCAction          the gRPC health service
  initialDelaySeconds            int(0..)            after the start until it is first asked
  timeoutSeconds                 int(1..) = 1        after which no answer is a failure
  periodSeconds                  int(1..) = 10       between two questions
  successThreshold               int(1..) = 1        successes in a row until it counts as well
  failureThreshold               int(1..) = 3        failures in a row until it counts as ill
  terminationGracePeriodSeconds  int(1..)
ExecAction
  command!                       [string]            the program and its arguments; no shell
HTTPGetAction
  port!                          port-or-name        number or name of a container's port
  path                           string = /          of the request
  host                           string              the pod's address if not given
  scheme                         HTTP|HTTPS = HTTP   of the request
  httpHeaders                    [HTTPHeader]        of the request
HTTPHeader
  name!                          http-header
  value                          string
TCPSocketAction
  port!                          port-or-name        number or name of a container's port
  host                           string
GRPCAction
  port!                          port
  service                        string
Lifecycle
  postStart                      LifecycleHandler    done right after its start
  preStop                        LifecycleHandler    done before it is told to stop
  stopSignal                     string
LifecycleHandler
  exec                           ExecAction
  httpGet                        HTTPGetAction
  tcpSocket                      TCPSocketAction
  sleep                          SleepAction
SleepAction
  seconds!                       int(0..)

SecurityContext
  capabilities                   Capabilities        what of root's rights it has more or less
  privileged                     bool                all rights of its node
  seLinuxOptions                 object
  windowsOptions                 object
  runAsUser                      int(0..)            the number of its user
  runAsGroup                     int(0..)            the number of its group
  runAsNonRoot                   bool                it does not start as root
  readOnlyRootFilesystem         bool                it can write to its volumes only
  allowPrivilegeEscalation       bool                it may gain rights that its parent had not
  procMount                      Default|Unmasked
  seccompProfile                 Profile             which system calls it may make
  appArmorProfile                Profile
Capabilities
  add                            [string]            more rights, as NET_ADMIN
  drop                           [string]            rights that it loses; ALL
Profile
  type!                          Localhost|RuntimeDefault|Unconfined
  localhostProfile               string
PodSecurityContext
  seLinuxOptions                 object
  windowsOptions                 object
  runAsUser                      int(0..)            the number of their user
  runAsGroup                     int(0..)            the number of their group
  runAsNonRoot                   bool                they do not start as root
  supplementalGroups             [int(0..)]          more groups of their users
  supplementalGroupsPolicy       Merge|Strict
  fsGroup                        int(0..)            the group that owns its volumes
  fsGroupChangePolicy            Always|OnRootMismatch
  seLinuxChangePolicy            string
  sysctls                        [Sysctl]            kernel parameters of its own
  seccompProfile                 Profile             which system calls they may make
  appArmorProfile                Profile
Sysctl
  name!                          string
  value!                         string

Affinity
  nodeAffinity                   NodeAffinity        labels of nodes that it wants
  podAffinity                    PodAffinity         pods that it wants to be near to
  podAntiAffinity                PodAffinity         pods that it wants to be away from
NodeAffinity
  requiredDuringSchedulingIgnoredDuringExecution   NodeSelector  nodes that will do
  preferredDuringSchedulingIgnoredDuringExecution  [PreferredSchedulingTerm]  nodes that are better than others
NodeSelector
  nodeSelectorTerms!             [NodeSelectorTerm]  one of these must fit
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
  requiredDuringSchedulingIgnoredDuringExecution   [PodAffinityTerm]  must hold
  preferredDuringSchedulingIgnoredDuringExecution  [WeightedPodAffinityTerm]  should hold, by weight
WeightedPodAffinityTerm
  weight!                        int(1..100)
  podAffinityTerm!               PodAffinityTerm
PodAffinityTerm
  topologyKey!                   qualified-name      what near means: nodes with the same value of this label
  labelSelector                  LabelSelector       the other pods
  namespaces                     [string]            theirs; its own if none is named
  namespaceSelector              LabelSelector
  matchLabelKeys                 [string] set
  mismatchLabelKeys              [string] set
Toleration
  key                            qualified-name      the taint's; empty with Exists: every taint
  operator                       Equal|Exists        Equal compares value, Exists does not
  value                          string              the taint's
  effect                         NoExecute|NoSchedule|PreferNoSchedule  the taint's; empty: any
  tolerationSeconds              int                 how long it bears a NoExecute taint; none: for ever
TopologySpreadConstraint
  maxSkew!                       int(1..)            how many pods more one place may have than another
  topologyKey!                   qualified-name      what a place is: nodes with the same value of this label
  whenUnsatisfiable!             DoNotSchedule|ScheduleAnyway  wait, or take the least bad place
  labelSelector                  LabelSelector       the pods that are counted
  minDomains                     int(1..)
  nodeAffinityPolicy             Honor|Ignore
  nodeTaintsPolicy               Honor|Ignore
  matchLabelKeys                 [string] set
""")
