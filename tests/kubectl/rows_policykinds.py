"""Rows about limits, network policies, ingress classes, flow control, webhooks, the parts' health, and objects that are
served in several versions. Data only."""

from tests.kubectl.row import Row, row, until

LIMITS = """
apiVersion: v1
kind: LimitRange
metadata: {name: bounds}
spec: {limits: [{type: Container, max: {cpu: "2"}, min: {cpu: 10m}, default: {cpu: "1"}}]}
"""
WRONG_LIMITS = """
apiVersion: v1
kind: LimitRange
metadata: {name: wrong}
spec: {limits: [{type: Pod, max: {cpu: "1"}, min: {cpu: "2"}}]}
"""
NETWORK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 80}]
    from: [{podSelector: {matchLabels: {app: client}}}, {ipBlock: {cidr: 127.0.0.0/8, except: [127.1.0.0/16]}}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: front}
spec: {controller: example.com/front}
"""
FLOWS = """
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: slow}
spec: {type: Limited, limited: {nominalConcurrencyShares: 5, limitResponse: {type: Queue, queuing: {}}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: batch}
spec:
  priorityLevelConfiguration: {name: slow}
  matchingPrecedence: 500
  rules:
  - subjects: [{kind: User, user: {name: nobody-at-all}}]
    resourceRules: [{verbs: ["*"], apiGroups: [batch], resources: ["*"], namespaces: ["*"]}]
"""
HOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: kept-only}
webhooks:
- name: kept.policy.example.com
  clientConfig: {url: "https://127.0.0.1:1/x"}
  admissionReviewVersions: [v1]
  sideEffects: None
  rules: [{operations: [CREATE], apiGroups: [nothing.example.com], apiVersions: [v1], resources: [nothings]}]
"""
SCALER_V1 = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: two}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 4
  targetCPUUtilizationPercentage: %d
"""
V1, V2 = "horizontalpodautoscalers.v1.autoscaling", "horizontalpodautoscalers.v2.autoscaling"

POLICY_KINDS: dict[str, tuple[Row, ...]] = {
    "limits": (
        row("create -f -", "limitrange/bounds created", stdin=LIMITS),
        row("get limits", r"^NAME +CREATED AT", r"^bounds +2\d\d\d-"),
        row("describe limitrange bounds", r"Container +cpu +10m +2 +1 +1 +-"),
        row("create -f -", r'"wrong" is invalid: spec\.limits\[0\]\.min\[cpu\]: Invalid value: "2": min value 2 is '
            "greater than max value 1", status=1, stdin=WRONG_LIMITS),
        row("explain limitrange.spec.limits.maxLimitRequestRatio", r"FIELD: maxLimitRequestRatio <map\[string\]"),
        row("create quota small --hard=pods=3,requests.cpu=2", "resourcequota/small created"),
        until("get quota", r"^NAME +REQUEST +LIMIT +AGE", r"^small +pods: 0/3, requests.cpu: 0/2"),
        row("create quota odd --hard=boxes=3", r"spec\.hard\[boxes\]: Invalid value: \"boxes\": must be a standard "
            "resource for quota", status=1),
    ),
    "networks": (
        row("apply -f -", "networkpolicy.*/web created", "ingressclass.*/front created", stdin=NETWORK),
        row("get netpol", r"^NAME +POD-SELECTOR +AGE", r"^web +app=web"),
        row("describe netpol web", "To Port: 80/TCP", "Except: 127.1.0.0/16", "Not affecting egress traffic"),
        row("get ingressclass", r"^NAME +CONTROLLER +PARAMETERS +AGE", r"^front +example.com/front +<none>"),
        row("describe ingressclass front", r"^Controller: +example.com/front"),
        row("""patch ingressclass front -p '{"spec":{"controller":"example.com/back"}}'""",
            r'spec\.controller: Invalid value: "example.com/back": field is immutable', status=1),
        row("explain networkpolicy.spec.ingress.from", "podSelector"),
        row("create ingress web --class=front --rule=web.example.com/*=web:80", "ingress.*/web created"),
        row("get ingress", r"^web +front +web.example.com +80"),
        row("delete -f -", 'networkpolicy.* "web" deleted', stdin=NETWORK),
    ),
    "flows": (
        row("apply -f -", "prioritylevelconfiguration.*/slow created", "flowschema.*/batch created", stdin=FLOWS),
        row("get flowschemas batch", r"^batch +slow +500 +<none>"),
        row("get prioritylevelconfigurations slow", r"^slow +Limited +5 +64 +8 +50"),
        row("explain flowschema.spec.matchingPrecedence", "the one with the lowest counts"),
        row("delete -f -", 'flowschema.* "batch" deleted', stdin=FLOWS),
    ),
    "hooks": (
        row("create -f -", "validatingwebhookconfiguration.*/kept-only created", stdin=HOOK),
        row("get validatingwebhookconfigurations", r"^NAME +WEBHOOKS +AGE", r"^kept-only +1 "),
        row("describe validatingwebhookconfiguration kept-only", r"Failure Policy: +Fail", r"Timeout Seconds: +10"),
        row("api-resources --categories=api-extensions -o name", "validatingadmissionpolicies", "^apiservices"),
        row("delete validatingwebhookconfiguration kept-only", "deleted"),
    ),
    "health": (
        row("get cs", r"^scheduler +Healthy +ok", r"^controller-manager +Healthy +ok", r"^store-0 +Healthy +ok"),
        row("describe cs scheduler", r"Status: +True"),
        row("delete cs scheduler", "the server does not allow this method on the requested resource", status=1),
        row("get apiservices", r"^NAME +SERVICE +AVAILABLE +AGE", r"^v1\.apps +Local +True"),
        row("wait --for=condition=Available apiservice/v1.apps --timeout=5s", "condition met"),
    ),
    "versions": (
        row("create deployment web --image=nginx --replicas=1", "deployment.*/web created"),
        row("autoscale deployment web --max=3 --cpu-percent=70", "autoscaled"),
        row(f"get {V1} web -o jsonpath='{{.apiVersion}} {{.spec.targetCPUUtilizationPercentage}}'",
            "autoscaling/v1 70"),
        row(f"get {V2} web -o jsonpath='{{.apiVersion}} {{.spec.metrics[0].resource.name}}'", "autoscaling/v2 cpu"),
        row("apply -f -", "horizontalpodautoscaler.autoscaling/two created", stdin=SCALER_V1 % 50),
        row("apply -f -", "horizontalpodautoscaler.autoscaling/two unchanged", stdin=SCALER_V1 % 50),
        row("apply -f -", "horizontalpodautoscaler.autoscaling/two configured", stdin=SCALER_V1 % 60),
        row(f"get {V2} two -o jsonpath='{{.spec.metrics[0].resource.target.averageUtilization}}'", "^60$"),
        row("explain hpa.spec --api-version=autoscaling/v1", "targetCPUUtilizationPercentage"),
        row("explain hpa.spec --api-version=autoscaling/v2", r"metrics\s+<\[\]MetricSpec>"),
        row("delete hpa --all", 'horizontalpodautoscaler.autoscaling "two" deleted'),
        until("get events.v1.events.k8s.io -o jsonpath='{.items[*].regarding.kind} {.items[*].note}'",
              "Deployment", "Scaled up replica set"),
        row("get events.v1.events.k8s.io", r"^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE", "deployment/web"),
        row("get events -o wide", r"^LAST SEEN +TYPE +REASON +OBJECT +SUBOBJECT +SOURCE +MESSAGE +FIRST SEEN +COUNT"),
        row("get events.v1.events.k8s.io --field-selector regarding.name=web -o name", "event"),
        row("events --for deployment/web", "Scaled up replica set"),
        row("explain event.regarding --api-version=events.k8s.io/v1", "the object that it is about"),
    ),
}  # fmt: skip
