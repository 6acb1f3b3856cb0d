"""Rows about the cluster itself: what there is, nodes, who one is. Data only."""

from tests.kubectl.row import Row, row, until

POD = """
apiVersion: v1
kind: Pod
metadata: {name: guest}
spec: {terminationGracePeriodSeconds: 0, nodeName: worker-1, containers: [{name: main, image: nginx}]}
"""

CLUSTER: dict[str, tuple[Row, ...]] = {
    "looking": (
        row("version", r'Server Version: .*(v1\.32|Minor:"32")'),
        row("cluster-info", "Kubernetes control plane.* is running at"),
        row("api-versions", "^v1$", "^apps/v1$"),
        row("api-resources", r"^pods +po +v1 +true +Pod$", r"^deployments +deploy +apps/v1 +true +Deployment$"),
        row("api-resources --namespaced=false -o name", "^nodes$", "^namespaces$", hides="^pods$"),
        row("get ns", r"^kube-system +Active"),
        row("get nodes --show-labels", r"^worker-0 +Ready", r"kubernetes\.io/hostname=worker-0"),
        row("get nodes -o wide", r"^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP"),
        row("get no -o name", r"^node/worker-0$", r"^node/worker-1$"),
        row("describe node worker-0", r"^Name: +worker-0", "^Conditions:", r"Ready +True", "^Capacity:", "^Events:"),
        row("get all -A", r"service/kubernetes"),
        row("get Deployments,Pods,replicasets,services -n kube-system", "No resources found"),
        row("get ServiceAccounts -n kube-system", "^default +0 "),
        row("get ClusterRole,ClusterRoleBinding", "/cluster-admin +"),
        row("get --raw /version", '"gitVersion":"v1.32'),
        row("get --raw /readyz?verbose", r"\[\+\]store ok", "readyz check passed"),
        row("get --raw /api/v1/namespaces/default", '"kind":"Namespace"'),
        row("explain deployment.spec.replicas", "FIELD: replicas <integer>"),
        row("explain pod --recursive", r"containers\s+<\[\]Container>"),
        row("explain service.spec.type --api-version=v1", "FIELD: type <string>", "who can reach it"),
        row("explain pod", "containers that share an address", "what was seen to run"),
        row("explain deploy", "keeps so many pods of one template running", "what was found to be"),
        row("describe ns kube-system", "^Name: +kube-system", "^Status: +Active"),
        row("get ns -o custom-columns=NAME:.metadata.name,PHASE:.status.phase", "^default +Active$"),
        row("get leases -n kube-node-lease", "^worker-0 +worker-0"),
        row("get nosuchthings", 'the server doesn\'t have a resource type "nosuchthings"', status=1),
        row("get pod nobody", r'Error from server \(NotFound\): pods "nobody" not found', status=1),
        row("get pods", "No resources found in looking namespace"),
        row("config view --minify", "namespace: looking"),
    ),
    "nodes": (
        row("create -f -", "pod/guest created", stdin=POD),
        row("wait --for=condition=Ready pod/guest --timeout=15s", "pod/guest condition met"),
        row("taint nodes worker-1 only=tests:NoSchedule", "node/worker-1 tainted"),
        row("describe node worker-1", "Taints: +only=tests:NoSchedule", "nodes +guest"),
        row("taint nodes worker-1 only-", "node/worker-1 untainted"),
        row("label node worker-1 disk=ssd", "node/worker-1 labeled"),
        row("get nodes -l disk=ssd -o name", "^node/worker-1$", hides="worker-0"),
        row("label node worker-1 disk-", "node/worker-1 (un)?labeled"),
        row("cordon worker-1", "node/worker-1 cordoned"),
        row("get node worker-1", r"Ready,SchedulingDisabled"),
        row("drain worker-1 --ignore-daemonsets --force --grace-period=1", "evicting pod nodes/guest", "drained"),
        row("uncordon worker-1", "node/worker-1 uncordoned"),
        until("get node worker-1", r"^worker-1 +Ready +"),
    ),
    "rights": (
        row("auth whoami", r"^Username +kubernetes-admin", r"system:masters"),
        row("auth can-i create pods", "^yes$"),
        row("auth can-i create pods --as jane", "^no", status=1),
        row("auth can-i get /livez --as jane", "^yes$"),
        row("auth can-i --list", r"^\*\.\* +\[\] +\[\] +\[\*\]"),
        row("auth can-i --list --as jane", "selfsubjectreviews.authentication.k8s.io", hides=r"^\*\.\*"),
        row(
            "get pods --as jane --as-group testers",
            r'\(Forbidden\): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the',
            status=1,
        ),
        row("delete pod x --as jane", "Forbidden", status=1),
    ),
}
