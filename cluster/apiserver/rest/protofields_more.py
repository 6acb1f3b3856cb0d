"""Field numbers of Kubernetes' protobuf messages: the kinds that clients create, and the reviews that they ask for.

Data only; the lines are as in `protofields`.
"""

TABLE = """
Namespace
    1 metadata ObjectMeta
    2 spec NamespaceSpec
NamespaceSpec
    1 finalizers [string]
Node
    1 metadata ObjectMeta
    2 spec NodeSpec
NodeSpec
    1 podCIDR string
    3 providerID string
    4 unschedulable bool
    5 taints [Taint]
    7 podCIDRs [string]
Taint
    1 key string
    2 value string
    3 effect string
    4 timeAdded Time
ConfigMap
    1 metadata ObjectMeta
    2 data {string}
    3 binaryData {bytes}
    4 immutable bool?
Secret
    1 metadata ObjectMeta
    2 data {bytes}
    3 type string
    4 stringData {string}
    5 immutable bool?
ServiceAccount
    1 metadata ObjectMeta
    2 secrets [ObjectReference]
    3 imagePullSecrets [LocalObjectReference]
    4 automountServiceAccountToken bool?
Service
    1 metadata ObjectMeta
    2 spec ServiceSpec
ServiceSpec
    1 ports [ServicePort]
    2 selector {string}
    3 clusterIP string
    4 type string
    5 externalIPs [string]
    7 sessionAffinity string
    8 loadBalancerIP string
    9 loadBalancerSourceRanges [string]
    10 externalName string
    11 externalTrafficPolicy string
    12 healthCheckNodePort int
    13 publishNotReadyAddresses bool
    14 sessionAffinityConfig SessionAffinityConfig
    17 ipFamilyPolicy string
    18 clusterIPs [string]
    19 ipFamilies [string]
    20 allocateLoadBalancerNodePorts bool?
    21 loadBalancerClass string?
    22 internalTrafficPolicy string
    23 trafficDistribution string
SessionAffinityConfig
    1 clientIP ClientIPConfig
ClientIPConfig
    1 timeoutSeconds int?
ServicePort
    1 name string
    2 protocol string
    3 port int
    4 targetPort IntOrString
    5 nodePort int
    6 appProtocol string?
Event
    1 metadata ObjectMeta
    2 involvedObject ObjectReference
    3 reason string
    4 message string
    5 source EventSource
    6 firstTimestamp Time
    7 lastTimestamp Time
    8 count int
    9 type string
    10 eventTime MicroTime
    11 series EventSeries
    12 action string
    13 related ObjectReference
    14 reportingComponent string
    15 reportingInstance string
EventSource
    1 component string
    2 host string
EventSeries
    1 count int
    2 lastObservedTime MicroTime
Event@events.k8s.io/v1
    1 metadata ObjectMeta
    2 eventTime MicroTime
    3 series EventSeries
    4 reportingController string
    5 reportingInstance string
    6 action string
    7 reason string
    8 regarding ObjectReference
    9 related ObjectReference
    10 note string
    11 type string
    12 deprecatedSource EventSource
    13 deprecatedFirstTimestamp Time
    14 deprecatedLastTimestamp Time
    15 deprecatedCount int
ResourceQuota
    1 metadata ObjectMeta
    2 spec ResourceQuotaSpec
ResourceQuotaSpec
    1 hard {Quantity}
    2 scopes [string]
    3 scopeSelector ScopeSelector
ScopeSelector
    1 matchExpressions [ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement
    1 scopeName string
    2 operator string
    3 values [string]
LimitRange
    1 metadata ObjectMeta
    2 spec LimitRangeSpec
LimitRangeSpec
    1 limits [LimitRangeItem]
LimitRangeItem
    1 type string
    2 max {Quantity}
    3 min {Quantity}
    4 default {Quantity}
    5 defaultRequest {Quantity}
    6 maxLimitRequestRatio {Quantity}
Binding
    1 metadata ObjectMeta
    2 target ObjectReference

Deployment
    1 metadata ObjectMeta
    2 spec DeploymentSpec
DeploymentSpec
    1 replicas int?
    2 selector LabelSelector?
    3 template PodTemplateSpec
    4 strategy DeploymentStrategy
    5 minReadySeconds int
    6 revisionHistoryLimit int?
    7 paused bool
    9 progressDeadlineSeconds int?
DeploymentStrategy
    1 type string
    2 rollingUpdate RollingUpdate?
RollingUpdate
    1 maxUnavailable IntOrString?
    2 maxSurge IntOrString?
ReplicaSet
    1 metadata ObjectMeta
    2 spec ReplicaSetSpec
ReplicaSetSpec
    1 replicas int?
    2 selector LabelSelector?
    3 template PodTemplateSpec
    4 minReadySeconds int
DaemonSet
    1 metadata ObjectMeta
    2 spec DaemonSetSpec
DaemonSetSpec
    1 selector LabelSelector?
    2 template PodTemplateSpec
    3 updateStrategy DeploymentStrategy
    4 minReadySeconds int
    6 revisionHistoryLimit int?
Job
    1 metadata ObjectMeta
    2 spec JobSpec
JobSpec
    1 parallelism int?
    2 completions int?
    3 activeDeadlineSeconds int?
    4 selector LabelSelector?
    5 manualSelector bool?
    6 template PodTemplateSpec
    7 backoffLimit int?
    8 ttlSecondsAfterFinished int?
    9 completionMode string
    10 suspend bool?
CronJob
    1 metadata ObjectMeta
    2 spec CronJobSpec
CronJobSpec
    1 schedule string
    2 startingDeadlineSeconds int?
    3 concurrencyPolicy string
    4 suspend bool?
    5 jobTemplate JobTemplateSpec
    6 successfulJobsHistoryLimit int?
    7 failedJobsHistoryLimit int?
    8 timeZone string?
JobTemplateSpec
    1 metadata ObjectMeta
    2 spec JobSpec
HorizontalPodAutoscaler@autoscaling/v1
    1 metadata ObjectMeta
    2 spec HorizontalPodAutoscalerSpecV1
HorizontalPodAutoscalerSpecV1
    1 scaleTargetRef CrossVersionObjectReference
    2 minReplicas int?
    3 maxReplicas int
    4 targetCPUUtilizationPercentage int?
CrossVersionObjectReference
    1 kind string
    2 name string
    3 apiVersion string
PodDisruptionBudget
    1 metadata ObjectMeta
    2 spec PodDisruptionBudgetSpec
PodDisruptionBudgetSpec
    1 minAvailable IntOrString?
    2 selector LabelSelector?
    3 maxUnavailable IntOrString?
    4 unhealthyPodEvictionPolicy string
Eviction
    1 metadata ObjectMeta
    2 deleteOptions DeleteOptions
Scale
    1 metadata ObjectMeta
    2 spec ScaleSpec
ScaleSpec
    1 replicas int?
Lease
    1 metadata ObjectMeta
    2 spec LeaseSpec
LeaseSpec
    1 holderIdentity string?
    2 leaseDurationSeconds int?
    3 acquireTime MicroTime
    4 renewTime MicroTime
    5 leaseTransitions int?
PriorityClass
    1 metadata ObjectMeta
    2 value int
    3 globalDefault bool
    4 description string
    5 preemptionPolicy string
Ingress
    1 metadata ObjectMeta
    2 spec IngressSpec
IngressSpec
    1 defaultBackend IngressBackend
    2 tls [IngressTLS]
    3 rules [IngressRule]
    4 ingressClassName string?
IngressTLS
    1 hosts [string]
    2 secretName string
IngressRule
    1 host string
    2 ingressRuleValue &IngressRuleValue
IngressRuleValue
    1 http HTTPIngressRuleValue
HTTPIngressRuleValue
    1 paths [HTTPIngressPath]
HTTPIngressPath
    1 path string
    2 backend IngressBackend
    3 pathType string
IngressBackend
    3 resource TypedLocalObjectReference
    4 service IngressServiceBackend
IngressServiceBackend
    1 name string
    2 port ServiceBackendPort
ServiceBackendPort
    1 name string
    2 number int

Role
    1 metadata ObjectMeta
    2 rules [PolicyRule]
ClusterRole
    1 metadata ObjectMeta
    2 rules [PolicyRule]
    3 aggregationRule AggregationRule
AggregationRule
    1 clusterRoleSelectors [LabelSelector]
PolicyRule
    1 verbs [string]
    2 apiGroups [string]
    3 resources [string]
    4 resourceNames [string]
    5 nonResourceURLs [string]
RoleBinding
    1 metadata ObjectMeta
    2 subjects [Subject]
    3 roleRef RoleRef
ClusterRoleBinding
    1 metadata ObjectMeta
    2 subjects [Subject]
    3 roleRef RoleRef
Subject
    1 kind string
    2 apiGroup string
    3 name string
    4 namespace string
RoleRef
    1 apiGroup string
    2 kind string
    3 name string
CertificateSigningRequest
    1 metadata ObjectMeta
    2 spec CertificateSigningRequestSpec
    3 status CertificateSigningRequestStatus
CertificateSigningRequestSpec
    1 request bytes
    2 username string
    3 uid string
    4 groups [string]
    5 usages [string]
    6 extra {Strings}
    7 signerName string
    8 expirationSeconds int?
CertificateSigningRequestStatus
    1 conditions [CertificateSigningRequestCondition]
    2 certificate bytes
CertificateSigningRequestCondition
    1 type string
    2 reason string
    3 message string
    4 lastUpdateTime Time
    5 lastTransitionTime Time
    6 status string
TokenRequest
    1 metadata ObjectMeta
    2 spec TokenRequestSpec
TokenRequestSpec
    1 audiences [string]
    2 boundObjectRef BoundObjectReference
    4 expirationSeconds int?
BoundObjectReference
    1 kind string
    2 apiVersion string
    3 name string
    4 uid string
SelfSubjectReview
    1 metadata ObjectMeta
SelfSubjectAccessReview
    1 metadata ObjectMeta
    2 spec SelfSubjectAccessReviewSpec
SelfSubjectAccessReviewSpec
    1 resourceAttributes ResourceAttributes
    2 nonResourceAttributes NonResourceAttributes
SubjectAccessReview
    1 metadata ObjectMeta
    2 spec SubjectAccessReviewSpec
SubjectAccessReviewSpec
    1 resourceAttributes ResourceAttributes
    2 nonResourceAttributes NonResourceAttributes
    3 user string
    4 groups [string]
    5 extra {Strings}
    6 uid string
ResourceAttributes
    1 namespace string
    2 verb string
    3 group string
    4 version string
    5 resource string
    6 subresource string
    7 name string
NonResourceAttributes
    1 path string
    2 verb string
SelfSubjectRulesReview
    1 metadata ObjectMeta
    2 spec SelfSubjectRulesReviewSpec
SelfSubjectRulesReviewSpec
    1 namespace string
"""
