"""The fields of the group admissionregistration.k8s.io.

Must not hold rules that look at two fields; those are in validate_admission.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
MutatingWebhookConfiguration     asks somebody who may change what is written
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  webhooks                       [MutatingWebhook] by name
ValidatingWebhookConfiguration   asks somebody who may refuse what is written
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  webhooks                       [ValidatingWebhook] by name
MutatingWebhook
  name!                          string               a domain of three parts or more: image.policy.example.com
  clientConfig!                  WebhookClientConfig
  rules                          [RuleWithOperations]  which requests are sent to it
  failurePolicy                  Fail|Ignore = Fail   what happens to a request when the webhook does not answer
  matchPolicy                    Equivalent|Exact = Equivalent
  namespaceSelector              LabelSelector = {}   of the object's namespace
  objectSelector                 LabelSelector = {}
  sideEffects!                   None|NoneOnDryRun    None: it changes nothing outside; NoneOnDryRun: not for a dry run
  timeoutSeconds                 int = 10             1 to 30
  admissionReviewVersions        [string]             v1 or v1beta1: which AdmissionReview it understands
  reinvocationPolicy             IfNeeded|Never = Never
  matchConditions                [MatchCondition] by name
ValidatingWebhook
  name!                          string               a domain of three parts or more: image.policy.example.com
  clientConfig!                  WebhookClientConfig
  rules                          [RuleWithOperations]  which requests are sent to it
  failurePolicy                  Fail|Ignore = Fail   what happens to a request when the webhook does not answer
  matchPolicy                    Equivalent|Exact = Equivalent
  namespaceSelector              LabelSelector = {}   of the object's namespace
  objectSelector                 LabelSelector = {}
  sideEffects!                   None|NoneOnDryRun    None: it changes nothing outside; NoneOnDryRun: not for a dry run
  timeoutSeconds                 int = 10             1 to 30
  admissionReviewVersions        [string]             v1 or v1beta1: which AdmissionReview it understands
  matchConditions                [MatchCondition] by name
WebhookClientConfig
  url                            string               https://host:port/path; this or a service
  service                        WebhookServiceReference
  caBundle                       base64               PEM: who may have signed its certificate
WebhookServiceReference
  namespace!                     string
  name!                          string
  path                           string
  port                           port = 443
RuleWithOperations
  operations                     [string]             CREATE, UPDATE, DELETE, CONNECT or *
  apiGroups                      [string]             "" is the core group; * is all
  apiVersions                    [string]
  resources                      [string]             pods, pods/status, pods/*, */scale, */* or *
  scope                          *|Cluster|Namespaced = *
MatchCondition
  name!                          qualified-name
  expression!                    string               CEL over object, oldObject, request, authorizer: true to go on

ValidatingAdmissionPolicy        rules in CEL that what is written must keep
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ValidatingAdmissionPolicySpec
  status                         ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicySpec
  paramKind                      ParamKind            of what objects the policy gets its params
  matchConstraints               MatchResources       which requests it looks at
  validations                    [Validation]         what must hold
  failurePolicy                  Fail|Ignore = Fail   what happens when an expression cannot be evaluated
  auditAnnotations               [AuditAnnotation] by key
  matchConditions                [MatchCondition] by name
  variables                      [Variable] by name   for the expressions: variables.NAME
ParamKind
  apiVersion!                    string
  kind!                          string
MatchResources
  namespaceSelector              LabelSelector = {}
  objectSelector                 LabelSelector = {}
  resourceRules                  [NamedRuleWithOperations]
  excludeResourceRules           [NamedRuleWithOperations]
  matchPolicy                    Equivalent|Exact = Equivalent
NamedRuleWithOperations
  resourceNames                  [string]             only objects of these names; empty: all
  operations                     [string]             CREATE, UPDATE, DELETE, CONNECT or *
  apiGroups                      [string]             "" is the core group; * is all
  apiVersions                    [string]
  resources                      [string]             pods, pods/status, pods/*, */scale, */* or *
  scope                          *|Cluster|Namespaced = *
Validation
  expression!                    string               CEL over object, oldObject, request, params, variables ...
  message                        string               what who is refused is told
  reason                         Forbidden|Invalid|RequestEntityTooLarge|Unauthorized
  messageExpression              string               CEL that makes the message
AuditAnnotation
  key!                           string
  valueExpression!               string
Variable
  name!                          string
  expression!                    string
ValidatingAdmissionPolicyStatus
  observedGeneration             int
  typeChecking                   TypeChecking
  conditions                     [Condition] by type
TypeChecking
  expressionWarnings             [ExpressionWarning]
ExpressionWarning
  fieldRef!                      string
  warning!                       string

ValidatingAdmissionPolicyBinding  where such rules hold
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec
  policyName                     string               the policy that it puts to work
  paramRef                       ParamRef             the params that the policy is evaluated with
  matchResources                 MatchResources       narrower than the policy's own
  validationActions              [Audit|Deny|Warn] set
ParamRef
  name                           string
  namespace                      string
  selector                       LabelSelector
  parameterNotFoundAction        Allow|Deny
""")
