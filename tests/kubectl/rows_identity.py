"""Rows about who may do what: roles and bindings, accounts and their tokens, certificate requests. Data only."""

from tests.kubectl.row import Row, row, until

REQUEST = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIZ01JR0hBZ0VBTUNVeEV6QVJCZ05WQkFvTUNtUmxkbVZzYjNC"
    "bGNuTXhEakFNQmdOVkJBTU1CV05oY214aApNRmt3RXdZSEtvWkl6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVPWEx2Qk9qTE9Nd2JI"
    "R3Z2S2luV2xVL0VqSHdCCmF6UXRqUStNOGRtVkVQTFhrUkZXbno2NG50NHZIQlp2K2NDVldieTlFZSt3QmVhNlN0MkhPUWdVbzZB"
    "QU1Bb0cKQ0NxR1NNNDlCQU1DQTBnQU1FVUNJRHJ2UlpqeVhRblRKWmFkcEZ2RUNrUEhtUzZEUGw3VEZWRForYmUxQUJCTApBaUVB"
    "OTZBdE9XSkFtNllaT1FUa0VwMi9JVi9SWmN4TGNvUUdSb3FkMjRvY0crYz0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0t"
    "LS0tCg=="
)
"""Of O=developers, CN=carla; its key is thrown away."""


def csr(name: str) -> str:
    return f"""
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec: {{request: {REQUEST}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}
"""


RECONCILED = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reconciled, namespace: roles}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
"""
AGGREGATED = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: roles-crontabs, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [stable.example.com], resources: [crontabs], verbs: [get]}]
"""
TOKEN_SECRET = """
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: robot-token, annotations: {kubernetes.io/service-account.name: robot}}
"""
KUBELET = "--as system:node:worker-0 --as-group system:nodes"
ROBOT = "--as system:serviceaccount:accounts:robot"

IDENTITY: dict[str, tuple[Row, ...]] = {
    "roles": (
        row("get clusterroles", "^cluster-admin ", "^view ", "^system:kube-scheduler ", "^system:controller:job-"),
        row("get clusterrolebindings", "^cluster-admin +ClusterRole/cluster-admin", "^system:discovery "),
        row("describe clusterrole view", r"configmaps +\[\] +\[\] +\[get list watch\]"),
        row("create role pod-reader --verb=get --verb=list --resource=pods", "role.*/pod-reader created"),
        row("create rolebinding jane-reads --role=pod-reader --user=jane", "rolebinding.*/jane-reads created"),
        row("get rolebinding -o wide", r"^jane-reads +Role/pod-reader +\S+ +jane"),
        row("describe role pod-reader", r"pods +\[\] +\[\] +\[get list\]"),
        row("auth can-i list pods --as jane", "^yes"),
        row("auth can-i list secrets --as jane", "^no", status=1),
        row("auth can-i list pods --as jane -n default", "^no", status=1),
        row("auth can-i --list --as jane", r"^pods +\[\] +\[\] +\[get list\]"),
        row("get pods --as jane", "No resources found in roles namespace"),
        row("get pods -A --as jane", r"cannot list resource \"pods\" in API group \"\" at the cluster scope", status=1),
        row("create role grants --verb=create,get --resource=roles,rolebindings,pods", "created"),
        row("create rolebinding jane-grants --role=grants --user=jane", "created"),
        row("create role mine --verb=get --resource=pods --as jane", "created"),
        row(
            "create role more --verb=get --resource=secrets --as jane",
            "is attempting to grant RBAC permissions not currently held:",
            r'\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}',
            status=1,
        ),
        row("create rolebinding boss --clusterrole=admin --user=jane --as jane", "not currently held", status=1),
        row("auth reconcile -f -", "role.*/reconciled reconciled", stdin=RECONCILED),
        row("get role reconciled -o jsonpath={.rules[0].verbs}", r'\["get","list"\]'),
        row("apply -f -", "created", stdin=AGGREGATED),
        until("get clusterrole view -o yaml", "- crontabs"),
        row("delete clusterrole roles-crontabs", "deleted"),
        row("delete rolebinding jane-reads", "deleted"),
        row("auth can-i list pods --as jane", "^no", status=1),
    ),
    "accounts": (
        until("get sa", r"^default +0 "),
        until("get cm", r"^kube-root-ca.crt +1 "),
        row("create serviceaccount robot", "serviceaccount/robot created"),
        row("create token robot", r"^ey[\w-]+\.[\w-]+\.[\w-]+$"),
        row("create token robot --duration 10s", "may not specify a duration less than 10 minutes", status=1),
        row("create token nobody", 'serviceaccounts "nobody" not found', status=1),
        row("auth can-i list pods " + ROBOT, "^no", status=1),
        row("create rolebinding robot-views --clusterrole=view --serviceaccount=accounts:robot", "created"),
        row("auth can-i list pods " + ROBOT, "^yes"),
        row(f"auth whoami {ROBOT}", "system:serviceaccounts:accounts"),
        row("apply -f -", "secret/robot-token created", stdin=TOKEN_SECRET),
        until("describe secret robot-token", r"^token: +ey", r"^ca.crt: +\d+ bytes"),
        row("delete sa robot", "deleted"),
        until("get secrets", "No resources found"),
    ),
    "kubelets": (
        row(f"get node worker-0 {KUBELET}", "^worker-0 +Ready"),
        row(f"get node worker-1 {KUBELET}", "only its own Node object", status=1),
        row("create secret generic hidden --from-literal=a=b", "created"),
        row(f"get secret hidden {KUBELET}", "no relationship found between node 'worker-0' and this object", status=1),
        row(
            f"label node worker-0 node-role.kubernetes.io/boss= {KUBELET}",
            "is not allowed to modify the foll",
            status=1,
        ),
    ),
    "certificates": (
        row("apply -f -", "certificatesigningrequest.*/carla created", stdin=csr("carla")),
        row("get csr carla", r"^carla +\S+ +kubernetes.io/kube-apiserver-client +kubernetes-admin .* Pending"),
        row("certificate approve carla --as jane", "Forbidden", status=1),
        row("certificate approve carla", "approved"),
        until("get csr carla", "Approved,Issued"),
        row("get csr carla -o jsonpath={.status.certificate}", "^LS0t"),
        row("certificate deny carla", "already Approved", status=1),
        row("apply -f -", "created", stdin=csr("carl")),
        row("certificate deny carl", "denied"),
        row("get csr carl", "Denied"),
        row("delete csr carla carl", "deleted"),
    ),
}
