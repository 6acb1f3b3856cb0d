"""Rows of what streams from pods, or is measured of them: logs with all their flags, run -i, debug, attach, top."""

from __future__ import annotations

from tests.kubectl.row import Row, row, until

TALKERS = """
apiVersion: v1
kind: Pod
metadata: {name: talk, labels: {role: talk}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - {name: one, image: busybox, command: [sh, -c, "echo first; echo second; sleep 600"]}
  - {name: two, image: busybox, command: [sh, -c, "echo other; sleep 600"]}
"""
CRASHER = """
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: busybox, command: [sh, -c, "echo last words; exit 1"]}]
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"

STREAMS: dict[str, tuple[Row, ...]] = {
    "logging": (
        row("apply -f -", "pod/talk created", stdin=TALKERS),
        row("apply -f -", "pod/crash created", stdin=CRASHER),
        row("wait --for=condition=Ready pod/talk --timeout=15s", "condition met"),
        until("logs talk -c one", r"\Afirst\nsecond\n\Z"),
        row("logs talk -c one --timestamps", rf"\A{STAMP} first\n{STAMP} second\n\Z"),
        row("logs talk -c one --tail=1", r"\Asecond\n\Z"),
        row("logs talk -c one --since=1h", r"\Afirst\nsecond\n\Z"),
        row("logs talk -c one --since-time=2999-01-01T00:00:00Z", r"\A\Z"),
        row("logs talk -c one --limit-bytes=3", r"\Afir\Z"),
        row("logs talk --all-containers --prefix", r"^\[pod/talk/one\] first", r"^\[pod/talk/two\] other"),
        row("logs -l role=talk --all-containers", "^second", "^other"),
        row("logs talk -c three", "container three is not valid for pod talk", status=1),
        row("logs talk -c one --previous", 'previous terminated container "one" in pod "talk" not found', status=1),
        until("get pod crash -o jsonpath={.status.containerStatuses[0].restartCount}", "^[1-9]"),
        row("logs crash --previous", "last words"),
        row("get --raw /api/v1/namespaces/logging/pods/talk/log?container=one&tailLines=-1", "tailLines", status=1),
        row("delete pod talk crash --now", 'pod "talk" deleted'),
    ),
    "typing": (
        row("run once -i --rm --image=busybox --restart=Never -- cat", "^typed in$", stdin="typed in\n"),
        row("run failing -i --rm --image=busybox --restart=Never -- sh -c 'exit 3'", status=3),
        row("apply -f -", "pod/talk created", stdin=TALKERS),
        row("wait --for=condition=Ready pod/talk --timeout=15s", "condition met"),
        row("debug talk -i --image=busybox -c look -- sh", "^inside$", stdin="echo inside\n"),
        until("get pod talk -o jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}", "^0$"),
        row("get pod talk -o jsonpath={.status.phase}", "^Running$"),
        row("describe pod talk", "^Ephemeral Containers:", "^  look:"),
        row("logs talk -c look", "^inside$"),
        row("delete pod talk --now", 'pod "talk" deleted'),
    ),
    "measuring": (
        row("run burn --image=busybox --labels=app=burn -- sh -c 'while :; do :; done'", "created"),
        row("wait --for=condition=Ready pod/burn --timeout=15s", "condition met"),
        until("top pod burn --containers", r"^burn +burn +[1-9]\d*m +[1-9]\d*Mi"),
        row("top pod -l app=burn", r"^burn +\d+m +\d+Mi"),
        row("top pod -l app=other", "No resources found"),
        row("top node", r"^worker-0 +\d+m +\d+% +[1-9]\d*Mi"),
        row("top pod nobody", 'pods.metrics.k8s.io "measuring/nobody" not found', status=1),
        row("get --raw /readyz?verbose", r"^\[\+\]ping ok", "readyz check passed"),
        row("get --raw /livez/ping", "^ok"),
        row("get --raw /metrics", "^apiserver_request_total{", "^process_resident_memory_bytes [1-9]"),
        row("delete pod burn --now", 'pod "burn" deleted'),
    ),
}
