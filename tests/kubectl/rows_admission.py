"""Rows about what admission adds, charges and refuses. Data only."""

from tests.kubectl.row import Row, row, until

QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: small}
spec: {hard: {pods: "1", services.nodeports: "0"}}
"""
LIMITS = """
apiVersion: v1
kind: LimitRange
metadata: {name: usual}
spec:
  limits: [{type: Container, default: {cpu: 200m}, defaultRequest: {cpu: 100m}, max: {cpu: "1"}}]
"""
GREEDY = """
apiVersion: v1
kind: Pod
metadata: {name: greedy}
spec: {containers: [{name: main, image: nginx, resources: {limits: {cpu: "2"}}}]}
"""
HOST_NETWORK = """
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec: {hostNetwork: true, containers: [{name: main, image: nginx}]}
"""
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: five-at-most}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations: [{expression: object.spec.replicas <= 5}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: five-at-most}
spec:
  policyName: five-at-most
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: policies}}}
"""
WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: nobody-there}
webhooks:
- name: nobody.example.com
  clientConfig: {url: "https://127.0.0.1:9/check"}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: webhooks}}
  sideEffects: None
  admissionReviewVersions: [v1]
"""
EXCEEDED = r"exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1"


def until_refused(command: str, *shows: str) -> Row:
    return Row(command, shows, status=1, until=True)


ADMISSION: dict[str, tuple[Row, ...]] = {
    "quotas": (
        row("create -f -", "resourcequota/small created", stdin=QUOTA),
        until("get quota small", r"pods: 0/1, services.nodeports: 0/0"),
        row("run one --image=nginx", "pod/one created"),
        row("get quota small", r"pods: 1/1"),
        row("run two --image=nginx", r'pods "two" is forbidden: ' + EXCEEDED, status=1),
        row("run two --image=nginx --dry-run=server", EXCEEDED, status=1),
        row("create service nodeport s --tcp=80", "exceeded quota: small, requested: services.nodeports=1", status=1),
        row("describe quota small", r"^pods +1 +1$"),
        row("delete pod one --now", 'pod "one" deleted'),
        until("get quota small", r"pods: 0/1"),
        row("run two --image=nginx", "pod/two created"),
    ),
    "ranges": (
        row("create -f -", "limitrange/usual created", stdin=LIMITS),
        until("run one --image=nginx --dry-run=server -o jsonpath={.spec.containers[0].resources}", '"cpu":"200m"'),
        row("create -f -", "maximum cpu usage per Container is 1, but limit is 2", status=1, stdin=GREEDY),
        row("describe limitrange usual", r"^Container +cpu +- +1 +100m +200m"),
    ),
    "levels": (
        row("label ns levels pod-security.kubernetes.io/enforce=baseline", "namespace/levels labeled"),
        row("label ns levels pod-security.kubernetes.io/warn=restricted", "namespace/levels labeled"),
        until("run one --image=nginx --dry-run=server", r'Warning: would violate PodSecurity "restricted:latest"'),
        row(
            "create -f -",
            r'pods "bare" is forbidden: violates PodSecurity "baseline:latest": host namespaces \(hostNetwork=true\)',
            status=1,
            stdin=HOST_NETWORK,
        ),
        row("label ns levels pod-security.kubernetes.io/audit=strict", "must be one of privileged, baseline", status=1),
    ),
    "policies": (
        row("create -f -", "validatingadmissionpolicy.*/five-at-most created", stdin=POLICY),
        until_refused(
            "create deployment big --image=nginx --replicas=6 --dry-run=server",
            "denied request: failed expression: object.spec.replicas <= 5",
        ),
        row("create deployment small --image=nginx --replicas=2", "deployment.apps/small created"),
        row('patch deployment small -p \'{"spec":{"replicas":7}}\'', "denied request", status=1),
        row("delete validatingadmissionpolicybinding,validatingadmissionpolicy five-at-most", "deleted"),
    ),
    "webhooks": (
        row("create -f -", "validatingwebhookconfiguration.*/nobody-there created", stdin=WEBHOOK),
        until_refused(
            "create configmap c --dry-run=server",
            r'failed calling webhook "nobody.example.com": failed to call webhook: Post "https://127.0.0.1:9/check',
        ),
        row("create configmap c", "connection refused", status=1),
        row("delete validatingwebhookconfiguration nobody-there", "deleted"),
        until("create configmap c --dry-run=server", "configmap/c created"),
    ),
    "accounts-of-pods": (
        row(
            'run x --image=nginx --overrides=\'{"spec":{"serviceAccountName":"nobody"}}\'',
            'error looking up service account accounts-of-pods/nobody: serviceaccount "nobody" not found',
            status=1,
        ),
        row("delete ns kube-system", "this namespace may not be deleted", status=1),
    ),
}
