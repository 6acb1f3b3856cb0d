"""Field numbers of Kubernetes' protobuf messages: metadata, pods and what is in them, workloads.

Data only. One line a field: number, JSON name, type. [T]: repeated; {T}: map of strings to T; &T: its fields stand in
the outer object; ?: a pointer in Go, so that a zero was meant. Source: the `protobuf` tags of k8s.io/api's types.
"""

TABLE = """
ObjectMeta
    1 name string
    2 generateName string
    3 namespace string
    4 selfLink string
    5 uid string
    6 resourceVersion string
    7 generation int
    8 creationTimestamp Time
    9 deletionTimestamp Time
    10 deletionGracePeriodSeconds int?
    11 labels {string}
    12 annotations {string}
    13 ownerReferences [OwnerReference]
    14 finalizers [string]
    17 managedFields [ManagedFieldsEntry]
OwnerReference
    1 kind string
    3 name string
    4 uid string
    5 apiVersion string
    6 controller bool?
    7 blockOwnerDeletion bool?
ManagedFieldsEntry
    1 manager string
    2 operation string
    3 apiVersion string
    4 time Time
    6 fieldsType string
    7 fieldsV1 Raw
    8 subresource string
LabelSelector
    1 matchLabels {string}
    2 matchExpressions [LabelSelectorRequirement]
LabelSelectorRequirement
    1 key string
    2 operator string
    3 values [string]
Condition
    1 type string
    2 status string
    3 observedGeneration int
    4 lastTransitionTime Time
    5 reason string
    6 message string
DeleteOptions
    1 gracePeriodSeconds int?
    2 preconditions Preconditions
    3 orphanDependents bool?
    4 propagationPolicy string
    5 dryRun [string]
Preconditions
    1 uid string
    2 resourceVersion string

ObjectReference
    1 kind string
    2 namespace string
    3 name string
    4 uid string
    5 apiVersion string
    6 resourceVersion string
    7 fieldPath string
LocalObjectReference
    1 name string
TypedLocalObjectReference
    1 apiGroup string?
    2 kind string
    3 name string

Pod
    1 metadata ObjectMeta
    2 spec PodSpec
PodTemplate
    1 metadata ObjectMeta
    2 template PodTemplateSpec
PodTemplateSpec
    1 metadata ObjectMeta
    2 spec PodSpec
PodSpec
    1 volumes [Volume]
    2 containers [Container]
    3 restartPolicy string
    4 terminationGracePeriodSeconds int?
    5 activeDeadlineSeconds int?
    6 dnsPolicy string
    7 nodeSelector {string}
    8 serviceAccountName string
    9 serviceAccount string
    10 nodeName string
    11 hostNetwork bool
    12 hostPID bool
    13 hostIPC bool
    14 securityContext PodSecurityContext?
    15 imagePullSecrets [LocalObjectReference]
    16 hostname string
    17 subdomain string
    18 affinity Affinity?
    19 schedulerName string
    20 initContainers [Container]
    21 automountServiceAccountToken bool?
    22 tolerations [Toleration]
    23 hostAliases [HostAlias]
    24 priorityClassName string
    25 priority int?
    26 dnsConfig PodDNSConfig
    27 shareProcessNamespace bool?
    28 readinessGates [PodReadinessGate]
    29 runtimeClassName string
    30 enableServiceLinks bool?
    31 preemptionPolicy string
    32 overhead {Quantity}
    33 topologySpreadConstraints [TopologySpreadConstraint]
    34 ephemeralContainers [EphemeralContainer]
    35 setHostnameAsFQDN bool?
    37 hostUsers bool?
EphemeralContainer
    1 ephemeralContainerCommon &Container
    2 targetContainerName string
Container
    1 name string
    2 image string
    3 command [string]
    4 args [string]
    5 workingDir string
    6 ports [ContainerPort]
    7 env [EnvVar]
    8 resources ResourceRequirements
    9 volumeMounts [VolumeMount]
    10 livenessProbe Probe?
    11 readinessProbe Probe?
    12 lifecycle Lifecycle?
    13 terminationMessagePath string
    14 imagePullPolicy string
    15 securityContext SecurityContext?
    16 stdin bool
    17 stdinOnce bool
    18 tty bool
    19 envFrom [EnvFromSource]
    20 terminationMessagePolicy string
    21 volumeDevices [VolumeDevice]
    22 startupProbe Probe?
    24 restartPolicy string
ContainerPort
    1 name string
    2 hostPort int
    3 containerPort int
    4 protocol string
    5 hostIP string
EnvVar
    1 name string
    2 value string
    3 valueFrom EnvVarSource
EnvVarSource
    1 fieldRef ObjectFieldSelector
    2 resourceFieldRef ResourceFieldSelector
    3 configMapKeyRef KeySelector
    4 secretKeyRef KeySelector
ObjectFieldSelector
    1 apiVersion string
    2 fieldPath string
ResourceFieldSelector
    1 containerName string
    2 resource string
    3 divisor Quantity
KeySelector
    1 localObjectReference &LocalObjectReference
    2 key string
    3 optional bool?
EnvFromSource
    1 prefix string
    2 configMapRef EnvSource
    3 secretRef EnvSource
EnvSource
    1 localObjectReference &LocalObjectReference
    2 optional bool?
ResourceRequirements
    1 limits {Quantity}
    2 requests {Quantity}
VolumeMount
    1 name string
    2 readOnly bool
    3 mountPath string
    4 subPath string
    5 mountPropagation string
    6 subPathExpr string
VolumeDevice
    1 name string
    2 devicePath string
Probe
    1 handler &Handler
    2 initialDelaySeconds int
    3 timeoutSeconds int
    4 periodSeconds int
    5 successThreshold int
    6 failureThreshold int
    7 terminationGracePeriodSeconds int?
Handler
    1 exec ExecAction?
    2 httpGet HTTPGetAction?
    3 tcpSocket TCPSocketAction?
    4 grpc GRPCAction?
LifecycleHandler
    1 exec ExecAction?
    2 httpGet HTTPGetAction?
    3 tcpSocket TCPSocketAction?
    4 sleep SleepAction?
Lifecycle
    1 postStart LifecycleHandler?
    2 preStop LifecycleHandler?
ExecAction
    1 command [string]
HTTPGetAction
    1 path string
    2 port IntOrString?
    3 host string
    4 scheme string
    5 httpHeaders [HTTPHeader]
HTTPHeader
    1 name string
    2 value string
TCPSocketAction
    1 port IntOrString?
    2 host string
GRPCAction
    1 port int
    2 service string?
SleepAction
    1 seconds int?
SecurityContext
    1 capabilities Capabilities?
    2 privileged bool?
    3 seLinuxOptions SELinuxOptions?
    4 runAsUser int?
    5 runAsNonRoot bool?
    6 readOnlyRootFilesystem bool?
    7 allowPrivilegeEscalation bool?
    8 runAsGroup int?
    9 procMount string
    11 seccompProfile SeccompProfile?
PodSecurityContext
    1 seLinuxOptions SELinuxOptions?
    2 runAsUser int?
    3 runAsNonRoot bool?
    4 supplementalGroups [int]
    5 fsGroup int?
    6 runAsGroup int?
    7 sysctls [Sysctl]
    9 fsGroupChangePolicy string
    10 seccompProfile SeccompProfile?
Capabilities
    1 add [string]
    2 drop [string]
SELinuxOptions
    1 user string
    2 role string
    3 type string
    4 level string
SeccompProfile
    1 type string
    2 localhostProfile string?
Sysctl
    1 name string
    2 value string
Toleration
    1 key string
    2 operator string
    3 value string
    4 effect string
    5 tolerationSeconds int?
HostAlias
    1 ip string
    2 hostnames [string]
PodDNSConfig
    1 nameservers [string]
    2 searches [string]
    3 options [PodDNSConfigOption]
PodDNSConfigOption
    1 name string
    2 value string?
PodReadinessGate
    1 conditionType string
TopologySpreadConstraint
    1 maxSkew int
    2 topologyKey string
    3 whenUnsatisfiable string
    4 labelSelector LabelSelector?
    5 minDomains int?
    6 nodeAffinityPolicy string
    7 nodeTaintsPolicy string
    8 matchLabelKeys [string]
Affinity
    1 nodeAffinity NodeAffinity?
    2 podAffinity PodAffinity?
    3 podAntiAffinity PodAffinity?
NodeAffinity
    1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector?
    2 preferredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm]
NodeSelector
    1 nodeSelectorTerms [NodeSelectorTerm]
NodeSelectorTerm
    1 matchExpressions [LabelSelectorRequirement]
    2 matchFields [LabelSelectorRequirement]
PreferredSchedulingTerm
    1 weight int
    2 preference NodeSelectorTerm?
PodAffinity
    1 requiredDuringSchedulingIgnoredDuringExecution [PodAffinityTerm]
    2 preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]
PodAffinityTerm
    1 labelSelector LabelSelector?
    2 namespaces [string]
    3 topologyKey string
    4 namespaceSelector LabelSelector?
    5 matchLabelKeys [string]
    6 mismatchLabelKeys [string]
WeightedPodAffinityTerm
    1 weight int
    2 podAffinityTerm PodAffinityTerm?

Volume
    1 name string
    2 volumeSource &VolumeSource
VolumeSource
    1 hostPath HostPath?
    2 emptyDir EmptyDir?
    6 secret SecretVolume?
    7 nfs NFS?
    10 persistentVolumeClaim ClaimVolume?
    16 downwardAPI DownwardVolume?
    19 configMap ConfigMapVolume?
    26 projected ProjectedVolume?
HostPath
    1 path string
    2 type string?
EmptyDir
    1 medium string
    2 sizeLimit Quantity?
SecretVolume
    1 secretName string
    2 items [KeyToPath]
    3 defaultMode int?
    4 optional bool?
NFS
    1 server string
    2 path string
    3 readOnly bool
ClaimVolume
    1 claimName string
    2 readOnly bool
DownwardVolume
    1 items [DownwardFile]
    2 defaultMode int?
DownwardFile
    1 path string
    2 fieldRef ObjectFieldSelector
    3 resourceFieldRef ResourceFieldSelector
    4 mode int?
ConfigMapVolume
    1 localObjectReference &LocalObjectReference
    2 items [KeyToPath]
    3 defaultMode int?
    4 optional bool?
KeyToPath
    1 key string
    2 path string
    3 mode int?
ProjectedVolume
    1 sources [ProjectedSource]
    2 defaultMode int?
ProjectedSource
    1 secret ProjectedKeys
    2 downwardAPI DownwardVolume
    3 configMap ProjectedKeys
    4 serviceAccountToken TokenProjection
ProjectedKeys
    1 localObjectReference &LocalObjectReference
    2 items [KeyToPath]
    4 optional bool?
TokenProjection
    1 audience string
    2 expirationSeconds int?
    3 path string
"""
