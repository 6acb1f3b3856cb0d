"""Rows about what runs: pods, deployments, services in front of them. Data only."""

from tests.kubectl.row import Row, row, until

DAEMONS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: nginx}]}
"""
TALK = """
apiVersion: v1
kind: Pod
metadata: {name: talk, labels: {role: talk}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox, command: [sh, -c, "echo first; echo second; exec sleep 1000"]}
  - {name: other, image: nginx}
"""

WORKLOADS: dict[str, tuple[Row, ...]] = {
    "pods": (
        row("run web --image=nginx --labels=app=web --port=80", "pod/web created"),
        row("create -f -", "pod/talk created", stdin=TALK),
        row("wait --for=condition=Ready pod/web pod/talk --timeout=15s", "pod/web condition met", "pod/talk condition"),
        row("get pods -o wide", r"^talk +2/2 +Running +0 +\S+ +127\.[0-9.]+ +worker-"),
        row("describe pod talk", "^Name: +talk", "^Containers:", "Image: +busybox", "^Events:", "Scheduled"),
        row("get pod -A -l role=talk", r"^pods +talk "),
        row("get pod --field-selector=status.phase=Running -o name", "^pod/web$"),
        row("logs talk -c main", r"\Afirst\nsecond\n\Z"),
        row("logs talk -c main --tail=1", r"\Asecond\n\Z"),
        row("logs talk -c nope", "container nope is not valid for pod talk", status=1),
        row("logs talk -c main --previous", 'previous terminated container "main" in pod "talk" not found', status=1),
        row("exec web -- date -u +%Y", r"^20\d\d$"),
        row("exec talk -c main -- sh -c 'exit 3'", "command terminated with exit code 3", status=3),
        row("exec -i web -- cat", "^from here$", stdin="from here\n"),
        row("cp /etc/hostname web:copied"),
        row("events --for pod/talk", "Started", "Pod/talk"),
        row("get events --field-selector involvedObject.name=talk", "Scheduled"),
        row("run -i --rm shout --image=busybox --restart=Never -- sh -c 'echo loud'", "^loud$", 'pod "shout" deleted'),
        row(
            "get pod talk -o custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image",
            "^talk +busybox,nginx$",
        ),
        row("set image pod/web web=nginx:1.27", "pod/web image updated"),
        row("label pod --all seen=yes", "pod/web labeled", "pod/talk labeled"),
        row("annotate pod -l role=talk note=x", "pod/talk annotate"),
        row("get pod web -o go-template='{{range .spec.containers}}{{.image}}{{end}}'", "^nginx:1.27$"),
        row("run once --image=hello-world --restart=Never", "pod/once created"),
        row("wait --for=jsonpath={.status.phase}=Succeeded pod/once --timeout=15s", "condition met"),
        row("logs -f once", "Hello from Capstan!"),
        row("delete pod web --now", 'pod "web" deleted'),
        row("wait --for=delete pod/web --timeout=10s"),
        row("delete pod -l role=talk", 'pod "talk" deleted'),
        row("delete pod --all", 'pod "once" deleted'),
        row("get pods", "No resources found"),
    ),
    "deployments": (
        row("create deployment web --image=nginx:1.25 --replicas=2", "deployment.apps/web created"),
        row("rollout status deployment/web --timeout=20s", "successfully rolled out"),
        row("get deploy web -o wide", r"^web +2/2 +2 +2 +\S+ +nginx +nginx:1.25 +app=web"),
        row("get deploy web -o yaml", "^  replicas: 2", "observedGeneration: 1"),
        row("describe deploy web", r"^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available"),
        row("describe rs -l app=web", r"Controlled By: +Deployment/web", r"Pods Status: +2 Running"),
        row("expose deployment web --type=NodePort --port=80 --target-port=8080", "service/web exposed"),
        row("get svc web", r"^web +NodePort +127\.\S+ +<none> +80:3\d{4}/TCP"),
        until("get endpoints web", r"^web +127\.\S+:8080,127"),
        row("describe svc web", r"^Endpoints: +127\.\S+:8080", r"^Selector: +app=web"),
        row("get endpointslices", r"^web-\w+ +IPv4 +8080"),
        row("scale deployment web --replicas=3", "deployment.apps/web scaled"),
        row("scale deployment web --current-replicas=7 --replicas=1", "(?i)expected replicas to be 7", status=1),
        row("rollout status deploy web --timeout=20s", "successfully rolled out"),
        row("set image deployment/web nginx=nginx:1.27", "deployment.apps/web image updated"),
        row("annotate deploy web kubernetes.io/change-cause=newer"),
        row("rollout status deploy web --timeout=20s", "successfully rolled out"),
        row("rollout history deployment/web", r"^REVISION +CHANGE-CAUSE", r"^1 +<none>", r"^2 +"),
        row("rollout history deploy web --revision=1", "with revision #1", r"Image:\s+nginx:1.25"),
        row("rollout undo deployment/web", "deployment.apps/web rolled back"),
        row("rollout status deploy web --timeout=20s", "successfully rolled out"),
        row("get deploy web -o jsonpath={..image}", "^nginx:1.25$"),
        row("rollout undo deploy web --to-revision=2", "rolled back"),
        row("rollout status deploy web --watch=false", "Waiting for|successfully rolled out"),
        row("set serviceaccount deploy web default", "serviceaccount updated"),
        row("rollout pause deploy web", "paused"),
        row("set env deploy web COLOUR=red", "deployment.apps/web env updated"),
        row("rollout resume deploy web", "resumed"),
        row("rollout restart deploy web", "restarted"),
        row("set resources deploy web --limits=cpu=200m", "resource requirements updated"),
        row("rollout status deploy web --timeout=20s", "successfully rolled out"),
        row("logs deploy/web --tail=1"),
        row("exec deploy/web -- echo hello", "^hello$"),
        row("get deploy web --subresource=scale -o jsonpath={.spec.replicas}", "^3$"),
        row("get deploy web --subresource=scale", "^NAME +DESIRED +AVAILABLE +AGE", "^web +3 +"),
        row("delete deployment web", 'deployment.apps "web" deleted'),
        row("delete svc web", 'service "web" deleted'),
        row("wait --for=delete pod -l app=web --timeout=15s"),
    ),
    "daemons": (
        row("apply -f -", "daemonset.apps/agent created", stdin=DAEMONS),
        row("rollout status ds agent --timeout=20s", "successfully rolled out"),
        row("get ds agent", r"^agent +2 +2 +2 +2 +2 +<none>"),
        row("describe ds agent", r"Pods Status: +2 Running"),
        row("rollout restart ds agent", "restarted"),
        row("rollout history ds agent", r"^1 +", r"^2 +"),
        row("rollout undo ds agent", "rolled back"),
        row("rollout status ds agent --timeout=20s", "successfully rolled out"),
        row("delete ds agent", 'daemonset.apps "agent" deleted'),
    ),
}
