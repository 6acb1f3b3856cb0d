"""Rows about kinds that are kept and shown while nobody acts on them yet, and about disruption budgets. Data only."""

from tests.kubectl.row import Row, row, until

STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: main, image: "nginx:1.27", volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
CONTROLLER = """
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec: {replicas: 0, template: {metadata: {labels: {app: old}}, spec: {containers: [{name: main, image: nginx}]}}}
"""
TEMPLATE = """
apiVersion: v1
kind: PodTemplate
metadata: {name: mould}
template: {metadata: {labels: {app: mould}}, spec: {containers: [{name: main, image: nginx}]}}
"""
AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaler}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 64Mi}}}]
"""
ENDLESS = """
apiVersion: batch/v1
kind: Job
metadata: {name: endless}
spec: {template: {spec: {containers: [{name: main, image: nginx}]}}}
"""
VOLUMES = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: slow}
provisioner: example.org/slow
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: vol}
spec: {capacity: {storage: 5Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}, storageClassName: slow}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], storageClassName: slow, resources: {requests: {storage: 2Gi}}}
---
apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: att}
spec: {attacher: csi.example.org, nodeName: worker-0, source: {persistentVolumeName: vol}}
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: csi.example.org}
spec: {attachRequired: false}
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: worker-0}
spec: {drivers: [{name: csi.example.org, nodeID: w0, topologyKeys: [zone]}]}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: tiny}
handler: crun
"""

MORE_KINDS: dict[str, tuple[Row, ...]] = {
    "batch": (
        row("create job once --image=busybox -- date", "job.batch/once created"),
        row("get jobs", r"^NAME +STATUS +COMPLETIONS +DURATION +AGE", r"^once +\w+ +\d/1"),
        row("get job once -o wide", r"once +busybox +batch.kubernetes.io/controller-uid="),
        row("get job once -o jsonpath={.spec.backoffLimit}/{.spec.completions}/{.spec.completionMode}", "^6/1/NonInd"),
        row("describe job once", "^Parallelism: +1", "^Completions: +1", "job-name=once", "Pods Statuses:"),
        row("get jobs --field-selector status.successful=7 -o name", hides="once"),
        row("patch job once -p '{\"spec\":{\"completions\":2}}'", "completions: .*field is immutable", status=1),
        row("create -f -", 'Required value: valid values: "OnFailure", "Never"', stdin=ENDLESS, status=1),
        row("create cronjob tick --image=busybox --schedule='*/5 * * * *' -- date", "cronjob.batch/tick created"),
        row("create cronjob bad --image=busybox --schedule='* *' -- date", "expected exactly 5 fields", status=1),
        row("get cj", r"^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE", r"^tick +\*/5 \* \* \* \* +<none> +False +\d"),
        row("describe cronjob tick", r"^Schedule: +\*/5", "^Concurrency Policy: +Allow", "^Suspend: +False"),
        row("create job now --from=cronjob/tick", "job.batch/now created"),
        row("get job now -o jsonpath={.metadata.ownerReferences[0].kind}", "^CronJob$"),
        row("patch cj tick -p '{\"spec\":{\"suspend\":true}}'", "cronjob.batch/tick patched"),
        row("delete cronjob tick", 'cronjob.batch "tick" deleted'),
        row("wait --for=delete job/now --timeout=15s"),
        row("delete job --all", 'job.batch "once" deleted'),
    ),
    "sets": (
        row("apply -f -", "statefulset.apps/db created", stdin=STATEFUL),
        row("get sts -o wide", r"^NAME +READY +AGE +CONTAINERS +IMAGES", r"^db +\d/2 +\S+ +main +nginx:1.27"),
        row("describe sts db", r"^Replicas: +2 desired", "^Update Strategy: +RollingUpdate", "^Volume Claims:", "1Gi"),
        row("scale sts db --replicas=3", "statefulset.apps/db scaled"),
        row("get sts db --subresource=scale -o jsonpath={.spec.replicas}/{.status.selector}", "^3/app=db$"),
        row("set image sts/db main=nginx:1.28", "statefulset.apps/db image updated"),
        row("rollout restart sts db", "statefulset.apps/db restarted"),
        row("patch sts db -p '{\"spec\":{\"serviceName\":\"x\"}}'", "updates to statefulset spec for", status=1),
        row("rollout history sts db", "statefulset.apps/db"),
        row("create -f -", "replicationcontroller/old created", stdin=CONTROLLER),
        row("get rc -o wide", r"^NAME +DESIRED +CURRENT +READY", r"^old +0 +0 +0 +\S+ +main +nginx +app=old"),
        row("scale rc old --replicas=1", "replicationcontroller/old scaled"),
        row("scale rc old --replicas=0", "replicationcontroller/old scaled"),
        row("describe rc old", r"^Selector: +app=old", r"^Replicas: +\d current / 0 desired"),
        row("create -f -", "podtemplate/mould created", stdin=TEMPLATE),
        row("get podtemplates", r"^NAME +CONTAINERS +IMAGES +POD LABELS", r"^mould +main +nginx +app=mould"),
        row("create -f -", "horizontalpodautoscaler.autoscaling/scaler created", stdin=AUTOSCALER),
        row("get hpa scaler", r"^scaler +StatefulSet/db +memory: <unknown>/64Mi +1 +5 +0"),
        row("describe hpa scaler", r"^Reference: +StatefulSet/db", r"^Max replicas: +5"),
        row("autoscale sts db --min=1 --max=3 --cpu-percent=50", "horizontalpodautoscaler.autoscaling/db autoscaled"),
        row("get hpa db", r"^db +StatefulSet/db +cpu: <unknown>/50% +1 +3"),
        row("get horizontalpodautoscalers.v1.autoscaling db -o yaml", "targetCPUUtilizationPercentage: 50"),
        row("get all", "^replicationcontroller/old", "^statefulset.apps/db", "^horizontalpodautoscaler.autoscaling/db"),
        row("explain sts.spec.podManagementPolicy", "one pod after the other", "Parallel"),
        row("delete hpa,podtemplate,rc,sts --all", '"scaler" deleted', '"mould" deleted', '"old" deleted', '"db" del'),
    ),
    "volumes": (
        row("apply -f -", "persistentvolume/vol created", "persistentvolumeclaim/claim created", stdin=VOLUMES),
        row("get pv", r"^NAME +CAPACITY +ACCESS MODES +RECLAIM POLICY +STATUS +CLAIM", r"^vol +5Gi +RWO +Retain +\w+ "),
        row("get pvc -o wide", r"^NAME +STATUS +VOLUME", r"^claim +\w+ .*slow +<unset> +\S+ +Filesystem"),
        row("get sc", r"^slow +example.org/slow +Delete +Immediate +false"),
        row("get volumeattachments", r"^att +csi.example.org +vol +worker-0 +false"),
        row("get csidrivers", r"csi.example.org +false +false +false +<unset> +false +Persistent"),
        row("get csinodes", "worker-0 +1"),
        row("get runtimeclasses", r"^tiny +crun"),
        row("describe pv vol", "^StorageClass: +slow", "^Capacity: +5Gi", "Path: +/data"),
        row("describe pvc claim", "^StorageClass: +slow", "^Used By: +<none>"),
        row("describe sc slow", "^Provisioner: +example.org/slow", "^VolumeBindingMode: +Immediate"),
        row("describe csinode worker-0", "Node ID: +w0"),
        row("patch pvc claim -p '{\"spec\":{\"storageClassName\":\"x\"}}'", "spec is immutable after", status=1),
        row("patch sc slow -p '{\"provisioner\":\"x/y\"}'", "updates to provisioner are forbidden", status=1),
        row("delete -f -", '"vol" deleted', '"claim" deleted', '"tiny" deleted', stdin=VOLUMES),
    ),
    "budgets": (
        row("create deployment web --image=nginx --replicas=2", "deployment.apps/web created"),
        row("rollout status deploy web --timeout=20s", "successfully rolled out"),
        row("create pdb guard --selector=app=web --min-available=2", "poddisruptionbudget.policy/guard created"),
        until("get pdb guard", r"^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS", r"^guard +2 +N/A +0 "),
        until("describe pdb guard", "Allowed disruptions: +0", "Current: +2", "Desired: +2", "Total: +2"),
        row(
            "drain worker-0 worker-1 --ignore-daemonsets --pod-selector=app=web --timeout=3s",
            r"will retry after 5s\): Cannot evict pod as it would violate the pod's disruption budget",
            status=1,
        ),
        row("uncordon worker-0 worker-1", "node/worker-0 uncordoned", "node/worker-1 uncordoned"),
        row('patch pdb guard -p \'{"spec":{"minAvailable":"50%"}}\'', "guard patched"),
        until("get pdb guard", r"^guard +50% +N/A +1 "),
        row("wait --for=condition=DisruptionAllowed pdb/guard --timeout=5s", "condition met"),
        row("drain worker-0 --ignore-daemonsets --pod-selector=app=web --timeout=15s", "node/worker-0 drained"),
        row("uncordon worker-0", "node/worker-0 uncordoned"),
        row("delete deploy,pdb --all", '"web" deleted', '"guard" deleted'),
    ),
}  # fmt: skip
