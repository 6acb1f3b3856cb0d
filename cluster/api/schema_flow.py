"""The fields of flowcontrol.apiserver.k8s.io, and of APIService.

Must not hold rules that look at two fields; those are in validate_flow.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
FlowSchema                       which requests belong together
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           FlowSchemaSpec
  status                         FlowSchemaStatus
FlowSchemaSpec
  priorityLevelConfiguration!    PriorityLevelConfigurationReference
  matchingPrecedence             int = 1000           1 to 10000: of several that fit, the one with the lowest counts
  distinguisherMethod            FlowDistinguisherMethod
  rules                          [PolicyRulesWithSubjects]  which requests are of this schema
PriorityLevelConfigurationReference
  name!                          string
FlowDistinguisherMethod
  type!                          ByNamespace|ByUser   what makes two requests of one flow
PolicyRulesWithSubjects
  subjects                       [FlowSubject]
  resourceRules                  [ResourcePolicyRule]
  nonResourceRules               [NonResourcePolicyRule]
FlowSubject
  kind!                          Group|ServiceAccount|User
  user                           NamedSubject
  group                          NamedSubject
  serviceAccount                 ServiceAccountSubject
NamedSubject
  name!                          string               * is all
ServiceAccountSubject
  namespace!                     string
  name!                          string               * is all
ResourcePolicyRule
  verbs                          [string]
  apiGroups                      [string]
  resources                      [string]
  clusterScope                   bool
  namespaces                     [string]
NonResourcePolicyRule
  verbs                          [string]
  nonResourceURLs                [string]
FlowSchemaStatus
  conditions                     [Condition] by type

PriorityLevelConfiguration       how many requests are served at a time
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           PriorityLevelConfigurationSpec
  status                         PriorityLevelConfigurationStatus
PriorityLevelConfigurationSpec
  type!                          Exempt|Limited       Exempt: its requests never wait
  limited                        LimitedPriorityLevelConfiguration
  exempt                         ExemptPriorityLevelConfiguration
LimitedPriorityLevelConfiguration
  nominalConcurrencyShares       int(0..) = 30        its part of the server, beside the other levels' shares
  limitResponse                  LimitResponse = {"type": "Reject"}
  lendablePercent                int(0..100) = 0
  borrowingLimitPercent          int(0..)
ExemptPriorityLevelConfiguration
  nominalConcurrencyShares       int(0..) = 0
  lendablePercent                int(0..100) = 0
LimitResponse
  type!                          Queue|Reject
  queuing                        QueuingConfiguration
QueuingConfiguration
  queues                         int = 64
  handSize                       int = 8
  queueLengthLimit               int = 50
PriorityLevelConfigurationStatus
  conditions                     [Condition] by type

APIService                       who serves a version of a group
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           APIServiceSpec
  status                         APIServiceStatus
APIServiceSpec
  group                          string
  version                        string
  service                        APIServiceReference  who serves it; none: this server does
  groupPriorityMinimum           int
  versionPriority                int
  caBundle                       base64
  insecureSkipTLSVerify          bool
APIServiceReference
  namespace                      string
  name                           string
  port                           port = 443
APIServiceStatus
  conditions                     [Condition] by type
""")
