"""Rows about objects: making, changing, reading in every form, removing. Data only."""

from tests.kubectl.row import Row, row

MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {%s}
"""
TWO = MAP % "colour: red" + "---" + MAP.replace("settings", "more") % "size: small"
UNKNOWN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: odd}
data: {a: b}
colour: red
"""
WRONG = """
apiVersion: v1
kind: Service
metadata: {name: wrong}
spec: {ports: [{port: 99999}]}
"""
BACKEND = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
"""

OBJECTS: dict[str, tuple[Row, ...]] = {
    "making": (
        row("create configmap c --from-literal=a=b", "configmap/c created"),
        row("create configmap c --from-literal=a=b", 'configmaps "c" already exists', status=1),
        row("create secret generic s --from-literal=password=secret", "secret/s created"),
        row("get secret s -o jsonpath={.data.password}", "^c2VjcmV0$"),
        row("describe secret s", "^password: +6 bytes"),
        row("create serviceaccount robot", "serviceaccount/robot created"),
        row("create service clusterip web --tcp=80:8080", "service/web created"),
        row("create service nodeport door --tcp=80", "service/door created"),
        row("create service externalname far --external-name example.org", "service/far created"),
        row(
            "get svc -o wide", r"^web +ClusterIP +127\.[0-9.]+ +<none> +80/TCP", r"^far +ExternalName +<none> +example"
        ),
        row("create ingress front --rule=example.org/*=web:80", "ingress.networking.k8s.io/front created"),
        row("get ing", r"^front +<none> +example.org"),
        row("replace -f -", "ingress.networking.k8s.io/front replaced", stdin=BACKEND),
        row("describe ingress front", r"Default backend: +web:80"),
        row("create priorityclass urgent --value=1000", "priorityclass.scheduling.k8s.io/urgent created"),
        row("get pc urgent", r"^urgent +1000"),
        row("delete pc urgent", '"urgent" deleted'),
        row("create configmap d --from-literal=a=b --dry-run=server -o yaml", "creationTimestamp: .2", "name: d"),
        row("get cm d", "NotFound", status=1),
        row(
            "create -f -",
            r'^The Service "wrong" is invalid: ',
            r"spec.ports\[0\].port: Invalid value: 99999",
            stdin=WRONG,
            status=1,
        ),
    ),
    "applying": (
        row("apply -f -", "configmap/settings created", "configmap/more created", stdin=TWO),
        row("apply -f -", "configmap/settings unchanged", "configmap/more unchanged", stdin=TWO),
        row("diff -f -", r"^\+  colour: blue", r"^-  colour: red", stdin=MAP % "colour: blue", status=1),
        row("apply -f -", "configmap/settings configured", stdin=MAP % "colour: blue, size: big"),
        row("get cm settings -o jsonpath={.data}", '{"colour":"blue","size":"big"}'),
        row("apply -f -", "configmap/settings configured", stdin=MAP % "colour: blue"),
        row("get cm settings -o jsonpath={.data}", '^{"colour":"blue"}$'),
        row("diff -f -", stdin=MAP % "colour: blue"),
        row("get -f - -o name", "^configmap/settings$", "^configmap/more$", stdin=TWO),
        row("apply set-last-applied -f - --create-annotation", "configured|unchanged", stdin=MAP % "colour: blue"),
        row(
            "apply --dry-run=server -f -",
            r"configmap/settings configured \(server dry run\)",
            stdin=MAP % "colour: white",
        ),
        row("apply view-last-applied configmap settings", "colour: blue"),
        row("replace -f -", "configmap/settings replaced", stdin=MAP % "colour: green"),
        row("replace --force -f -", '"settings" deleted', "configmap/settings replaced", stdin=MAP % "a: b"),
        row("edit configmap settings", "configmap/settings edited", editor="s/a: b/a: edited/"),
        row("edit configmap settings", "Edit cancelled, no changes made", editor="s/nothing/here/"),
        row("get cm settings -o jsonpath={.data.a}", "^edited$"),
        row("delete -f -", 'configmap "settings" deleted', 'configmap "more" deleted', stdin=TWO),
    ),
    "patching": (
        row("create configmap c --from-literal=a=b"),
        row('patch cm c -p \'{"data":{"x":"strategic"}}\'', "configmap/c patched"),
        row('patch cm c --type merge -p \'{"data":{"y":"merged","a":null}}\'', "configmap/c patched"),
        row('patch cm c --type json -p \'[{"op":"add","path":"/data/z","value":"json"}]\'', "patched"),
        row('patch cm c --type merge -p \'{"data":{"y":"merged"}}\'', r"configmap/c patched \(no change\)"),
        row("get cm c -o jsonpath={.data}", '^{"x":"strategic","y":"merged","z":"json"}$'),
        row('patch cm c --type json -p \'[{"op":"test","path":"/data/z","value":"no"}]\'', status=1),
        row("label cm c tier=front colour=red", "configmap/c labeled"),
        row("label cm c tier=back", "already has a value", status=1),
        row("label --overwrite cm c tier=back", "configmap/c labeled"),
        row("annotate cm c note=hello", "configmap/c annotate"),
        row("get cm -l 'tier in (back),colour' --show-labels", "^c .*colour=red,tier=back"),
        row("get cm -l tier!=back", hides="^c "),
        row("get cm -L tier", "TIER", "^c .* back"),
        row("get cm --field-selector metadata.name=c -o name", "^configmap/c$"),
        row("get cm --field-selector spec.x=c", "field label not supported", status=1),
    ),
    "forms": (
        row("create configmap one --from-literal=a=1"),
        row("create configmap two --from-literal=a=2"),
        row("get cm one -o yaml", "^apiVersion: v1$", '^  a: "1"$', "^  resourceVersion: "),
        row("get cm one -o json", '"kind": "ConfigMap"', hides="managedFields"),
        row("get cm -o name", "^configmap/one$", "^configmap/two$"),
        row("get cm one two -o jsonpath='{range .items[*]}{.data.a};{end}'", "^1;2;$"),
        row("get cm -o custom-columns=NAME:.metadata.name,A:.data.a", "^NAME +A$", "^two +2$"),
        row("get cm one -o go-template='{{.metadata.name}}/{{.data.a}}'", "^one/1$"),
        row("get cm --sort-by=.metadata.name --no-headers", r"(?s)one.*two", hides="NAME"),
        row("get cm one -o wide", "^NAME +DATA +AGE", "^one +1 "),
        row("get cm --chunk-size=1 -o name", "^configmap/one$", "^configmap/two$"),
        row("describe cm one", "^Name: +one", "^a:$"),
        row("delete cm one two", 'configmap "one" deleted', 'configmap "two" deleted'),
        row("delete cm nobody --ignore-not-found"),
        row("delete cm --all", 'configmap "kube-root-ca.crt" deleted|No resources found'),
    ),
    "server-side": (
        row("apply --server-side -f -", "configmap/settings serverside-applied", stdin=MAP % "colour: red, size: big"),
        row("apply --server-side -f -", "configmap/settings serverside-applied", stdin=MAP % "colour: red"),
        row("get cm settings -o jsonpath={.data}", '^{"colour":"red"}$'),
        row("get cm settings -o yaml --show-managed-fields", "^    manager: kubectl$", "operation: Apply", "f:colour"),
        row('patch cm settings --type merge -p \'{"data":{"colour":"pink"}}\''),
        row(
            "apply --server-side -f -",
            r'Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: .data.colour',
            stdin=MAP % "colour: red",
            status=1,
        ),
        row("apply --server-side --force-conflicts -f -", "serverside-applied", stdin=MAP % "colour: red"),
        row("diff --server-side -f -", r"^\+  colour: blue", stdin=MAP % "colour: blue", status=1),
        row("apply -f -", "configmap/more created", "configmap/settings", stdin=TWO),
        row("apply --server-side -f -", "configmap/more serverside-applied", stdin=TWO),
        row("apply --server-side -f -", "configmap/more serverside-applied", stdin=TWO.replace("size: small", "a: b")),
        row("get cm more -o jsonpath={.data}", '^{"a":"b"}$'),
        row("apply --server-side -f -", r"\.colour: field not declared in schema", stdin=UNKNOWN, status=1),
    ),
    "validation": (
        row("create -f -", 'strict decoding error: unknown field "colour"', stdin=UNKNOWN, status=1),
        row("create --validate=warn -f -", '^Warning: unknown field "colour"', "configmap/odd created", stdin=UNKNOWN),
        row("apply --validate=ignore -f -", "configmap/odd configured", stdin=UNKNOWN, hides="unknown field"),
        row("get cm odd -o yaml", hides="^colour"),
        row("patch cm odd --type merge -p '{\"colour\":1}'", '^Warning: unknown field "colour"'),
    ),
}
