"""A sound object or two of nearly every kind, for tests that begin with what is right. Must not assert anything."""

from __future__ import annotations

from typing import Any

import yaml

from tests.cluster.api import samples, test_kinds_batch, test_kinds_policy, test_kinds_storage
from tests.cluster.apiserver.cluster import config_map, deployment, pod, service

Object = dict[str, Any]

_MORE = """
{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {word: d29yZA==}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: team}}
---
{apiVersion: v1, kind: Event, metadata: {name: a}, involvedObject: {kind: Pod, name: web, namespace: default},
    reason: R,
 message: m, type: Normal, count: 1, lastTimestamp: "2026-11-29T00:00:00Z"}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {limits: [{type: Container, default: {cpu: 100m}}]}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: a}, spec: {hard: {pods: "100", configmaps: "100"}}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: a}, subsets: [{addresses: [{ip: 127.77.16.9}], ports: [{port: 80}]}]}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a}, spec: {selector: {matchLabels: {app: d}},
    template: {metadata:
 {labels: {app: d}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: a}, spec: {replicas: 1, selector: {matchLabels: {app: r}},
    template:
 {metadata: {labels: {app: r}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: a}, revision: 1, data: {a: b}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: [{apiGroups: [""], resources: [pods],
 verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a},
    rules: [{nonResourceURLs: ["/x/*"], verbs:
 [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {apiGroup:
 rbac.authorization.k8s.io, kind: Role, name: a}, subjects: [{kind: User, name: jane,
     apiGroup: rbac.authorization.k8s.io}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: a}, roleRef: {apiGroup:
 rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: [{kind: Group, name: g, apiGroup:
 rbac.authorization.k8s.io}]}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {rules: [{host: x.example,
    http: {paths: [{path: /,
 pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: a}, spec: {controller: example.com/x}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}, ingress: [{from:
 [{podSelector: {matchLabels: {a: b}}}], ports: [{port: 80}]}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, addressType: IPv4, endpoints: [{addresses:
 [127.77.16.9]}], ports: [{port: 80}]}
---
{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: a}, spec: {holderIdentity: me,
    leaseDurationSeconds: 15,
 renewTime: "2026-11-29T00:00:00.000000Z"}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: a}, value: 100}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {template: {spec: {restartPolicy: Never,
    containers: [{name: main,
 image: busybox}]}}}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com},
    spec: {group:
 example.com, scope: Namespaced, names: {plural: widgets, singular: widget, kind: Widget}, versions: [{name: v1,
     served: true,
 storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object,
 properties: {size: {type: integer, minimum: 0}, parts: {type: array, items: {type: string}}}}}}}}]}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}, spec: {size: 1, parts: [a, b]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: a},
    spec: {failurePolicy: Ignore,
 matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE],
     resources: [configmaps]}]},
 validations: [{expression: "object.metadata.name != 'forbidden'"}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: a},
    spec: {policyName: a,
 validationActions: [Warn]}}
---
{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: PriorityLevelConfiguration, metadata: {name: a},
    spec: {type: Limited,
 limited: {nominalConcurrencyShares: 5, limitResponse: {type: Reject}}}}
---
{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: b},
    spec: {scaleTargetRef: {apiVersion: apps/v1,
 kind: Deployment, name: web}, maxReplicas: 3}}
"""

_REQUEST = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIV01IMENBUUF3R3pFTk1Bc0dBMVVFQXd3RWFtRnVaVEVLTUFn"
    "R0ExVUVDZ3dCWnpCWk1CTUdCeXFHU000OQpBZ0VHQ0NxR1NNNDlBd0VIQTBJQUJKQXh3bHpaNUtjbnFxNHdUTE83OFVabmtpek0y"
    "OXU4NkxqM2J2UU1ydkFkClVPcUZqUno0NERRWWxaNzJUSzB3cmE1bS9ZUFdQdWtBelUvMG51QkhzM2VnQURBS0JnZ3Foa2pPUFFR"
    "REFnTkoKQURCR0FpRUFwbVVuZDNYVnhDTHAwTmdjMGZJQW1odEs3bWNLYmNPRUlPNzVqcGszMEY4Q0lRQ0RXd3k4d0hKSQpDZUFK"
    "V293Q3ZSSmxmMUJiMkFCR1pJZmI0c2h5TSsrVkVnPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="
)
"""A certificate request for the user jane."""

SOUND: list[Object] = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}},
    {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "a"},
     "spec": {"request": _REQUEST, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}},
    pod("web-0"), pod("web"), deployment("web"), service("web"), config_map("a", x="y"), samples.node("worker-0"),
    *(obj for obj in test_kinds_batch.GOOD if obj["kind"] != "Job"),  # theirs have uids that no server gave
    *test_kinds_policy.GOOD, *test_kinds_storage.GOOD,
    *yaml.safe_load_all(_MORE),
]  # fmt: skip
