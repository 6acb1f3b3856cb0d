"""Requests of any kind to the second door, made by chance from the OpenAPI documents that it serves itself.

Pure: the same generator gives the same requests. Must not know what is right: what it makes is from sound to absurd.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

import yaml

from cluster.apiserver.rest import protobuf
from cluster.apiserver.rest.exchange import Http
from cluster.apiserver.rest.identity import ANONYMOUS, AUTHENTICATED, Who
from cluster.apiserver.rest.protobuf import MEDIA as MEDIA_OF_PROTOBUF
from tests.cluster.apiserver.rest.test_protobuf import field

Object = dict[str, Any]
ADMIN = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))
USERS = (
    *(ADMIN,) * 40,
    Who("jane", (AUTHENTICATED,)),
    Who("system:node:worker-0", ("system:nodes", AUTHENTICATED)),
    Who("system:kube-scheduler", (AUTHENTICATED,)),
    ANONYMOUS,
)
NAMES = (
    *("a", "web") * 5,
    "b",
    "thing",
    "db",
    "web-0",
    "worker-0",
    "default",
    "kube-system",
    "kubernetes",
    "kube-root-ca.crt",
)
NAMESPACES = (*("default",) * 8, "team", "kube-system", "kube-node-lease", "nowhere")
TEXTS = (
    "", "a", "web", "1", "0", "-1", "true", "null", "default", "10m", "1Gi", "50%", "http", "TCP", "10.0.0.1", "::1",
    "80",
    "2026-11-29T00:00:00Z", "2026-11-29T00:00:00.000000Z", "app", "Always", "Never", "v1", "apps/v1", "Pod", "*",
    "/", "..",
    "a/b", "a.b", "a=b", "kubernetes.io/x", "x" * 300, "\u00e4\u20ac\U0001f600", "\u0000", "\ud7ff", " ", "\n", "%s",
    "{}",
    "* * * * *", "@hourly", "1h", "P1D", "self.x", "object.spec", "true || false", "(" * 40, "sha256:00", "Zm9v",
    "====",
    "0x10", "1e400", "-0", "NaN", "999999999999999999999", "1" * 5000, "^(a+)+$", "127.77.250.1", "10.0.0.0/33",
    "ClusterFirst",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2,
    30,
    80,
    443,
    65535,
    65536,
    1 << 31,
    -(1 << 31),
    (1 << 63) - 1,
    -(1 << 63),
    1 << 64,
    0.5,
    1e308,
    1e18,
)
JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    "",
    "x",
    0,
    -1,
    1.5,
    [None],
    [[]],
    {"": ""},
    {"a": None},
    [{}],
    {"a": {"b": []}},
)
JSON = "application/json"
PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
           "application/apply-patch+yaml")  # fmt: skip
MEDIA = (JSON, "application/yaml", "application/vnd.kubernetes.protobuf", "text/plain", "text/yaml", "", "a/b/c",
         "application/json; charset=utf-16", "APPLICATION/JSON", *PATCHES)  # fmt: skip
ACCEPT = (JSON, "*/*", "", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io", "text/html",
          "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/json;stream=watch",
          "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/vnd.kubernetes.protobuf",
          "application/json;as=Table;v=v9;g=meta.k8s.io", ";;,,q=x", "application/json;q=nan", "a,b;q=0.1,*/*;q=2",
          "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io")  # fmt: skip
QUERY: dict[str, tuple[str, ...]] = {
    "labelSelector": ("app=web", "app!=web", "app in (a,b)", "!app", "app notin (x", "a=b=c", ",,,", "app", "x" * 400),
    "fieldSelector": (
        "metadata.name=web",
        "spec.nodeName=worker-0",
        "status.phase!=Running",
        "a.b.c=d",
        "=",
        "metadata.name",
    ),
    "limit": ("0", "1", "2", "500", "-1", "99999999999999999999", "x"),
    "continue": ("", "1:default/a", "x", "0:\0", "99999999:z", "1:", "\u00e9:1"),
    "resourceVersion": ("", "0", "1", "5", "99999999", "-1", "x", "1.5"),
    "resourceVersionMatch": ("", "Exact", "NotOlderThan", "Newest"),
    "allowWatchBookmarks": ("true", "false", "1", "maybe"),
    "sendInitialEvents": ("true", "false", "x"),
    "dryRun": ("", "All", "None"),
    "fieldManager": ("", "me", "x" * 200, "\u0000", "a b"),
    "fieldValidation": ("", "Strict", "Warn", "Ignore", "strict"),
    "force": ("", "true", "false", "1", "x"),
    "gracePeriodSeconds": ("0", "1", "30", "-1", "x", "99999999999999999999"),
    "propagationPolicy": ("", "Orphan", "Background", "Foreground", "Sideways"),
    "orphanDependents": ("true", "x"),
    "timeout": ("", "1s", "0s", "1m0s", "5", "x", "1h" * 50, ".s", "1..2s", "\u0661s"),
    "includeObject": ("None", "Metadata", "Object", "All"),
    "pretty": ("true", "x"),
    "verbose": ("",),
    "exclude": ("ping", "x"),
}
LOGS: dict[str, tuple[str, ...]] = {
    "container": ("", "main", "x"),
    "follow": ("true", "false", "x"),
    "previous": ("true", "false"),
    "tailLines": ("0", "1", "-1", "x", "9999999999"),
    "sinceSeconds": ("1", "0", "x", "999999999999"),
    "sinceTime": ("2026-11-29T00:00:00Z", "yesterday", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z"),
    "limitBytes": ("1", "0", "100", "x"),
    "timestamps": ("true", "x"),
    "command": ("sh", "", "\u0000"),
    "stdin": ("true", "false", "x"),
    "stdout": ("true", "false"),
    "stderr": ("true",),
    "tty": ("true", "x"),
    "ports": ("80", "0", "x", "65536"),
}
ELSEWHERE = (
    "/", "/api", "/apis", "/version", "/healthz", "/livez", "/readyz", "/readyz/ping", "/readyz/x", "/metrics",
    "/openapi/v2",
    "/openapi/v3", "/openapi/v3/api/v1", "/openapi/v3/apis/apps/v1", "/openapi/v3/x", "/apis/apps", "/apis/apps/v1",
    "/apis/x/v1",
    "/.well-known/openid-configuration", "/openid/v1/jwks", "/api/v1/../../etc/passwd", "//api//v1", "/api/v1/pods/",
    "/%00",
    "/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/pods",
    "/apis/metrics.k8s.io/v1beta1/nodes/worker-0",
    "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web-0", "/api/v1/watch/pods", "/api/v1/componentstatuses",
    "/api/v1/componentstatuses/scheduler", "/logs", "/debug/pprof", "/%2e%2e/x", "/api/v1/namespaces/a%2fb/pods",
    "/%ff",
)  # fmt: skip
REVIEWS = (
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews",
)  # fmt: skip
SUBRESOURCES: dict[str, tuple[str, ...]] = {
    "pods": (
        "log",
        "exec",
        "attach",
        "portforward",
        "binding",
        "eviction",
        "ephemeralcontainers",
        "status",
        "proxy",
        "x",
    ),
    "namespaces": ("status", "finalize"),
    "serviceaccounts": ("token",),
    "certificatesigningrequests": ("approval", "status"),
}
STREAMS = ("log", "exec", "attach", "portforward")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "BREW")


@dataclass(frozen=True, slots=True)
class Operation:
    """`schema`: of the object that the path is about. `document`: where its references lead."""

    path: str
    method: str
    schema: Object
    document: Object
    kind: Object


def operations(documents: Sequence[Object]) -> list[Operation]:
    """All that the documents name, and what of their kinds they do not: collections deleted, all namespaces at once,
    subresources."""
    found: list[Operation] = []
    for document in documents:
        for path, item in document["paths"].items():
            for method, about in item.items():
                content = about["responses"]["200"]["content"][JSON]["schema"]
                gvk = about["x-kubernetes-group-version-kind"]
                found += [Operation(path, method.upper(), content, document, gvk)] * (3 if method == "post" else 1)
                if about["x-kubernetes-action"] == "list":
                    found.append(Operation(path, "DELETE", content, document, gvk))
                    found.append(Operation(path.replace("/namespaces/{namespace}", ""), "GET", content, document, gvk))
                if about["x-kubernetes-action"] == "get":
                    plural = path.removesuffix("/{name}").rpartition("/")[2]
                    for sub in SUBRESOURCES.get(plural, ()):
                        for verb in ("GET", "POST", "PUT", "PATCH"):
                            found.append(Operation(f"{path}/{sub}", verb, content, document, gvk))
    return found


def protobuf_of(obj: Object) -> bytes:
    """The object as clients send it in protobuf, as far as the tables go; b"" where they do not have its kind."""
    kind, version = str(obj.get("kind")), str(obj.get("apiVersion"))
    message = protobuf._messages().get(protobuf.message_of(version, kind))
    if message is None:
        return b""
    meta = field(1, version.encode("utf-8", "surrogatepass")) + field(2, kind.encode("utf-8", "surrogatepass"))
    return protobuf.MAGIC + field(1, meta) + field(2, _packed(message, obj))


def _packed(message: protobuf.Message, obj: Object) -> bytes:
    parts = []
    for number, about in message.items():
        value = obj if about.inline else obj.get(about.name)
        if about.map and isinstance(value, dict):
            for name, item in value.items():
                inner = _scalar(about.type, item)
                if isinstance(inner, bytes):
                    parts.append(field(number, field(1, name.encode("utf-8", "surrogatepass")) + field(2, inner)))
            continue
        for item in value if about.many and isinstance(value, list) else [value]:
            inner = _scalar(about.type, item)
            if inner is not None:
                parts.append(field(number, inner))
    return b"".join(parts)


def _scalar(type: str, value: Any) -> bytes | int | None:
    """None for what has no such form; what JSON has where a message is wanted otherwise, as text."""
    if value is None:
        return None
    if type in protobuf.VARINTS:
        return int(value) & (1 << 64) - 1 if isinstance(value, int | float) and abs(value) < 1 << 65 else None
    if type in protobuf._messages():
        return _packed(protobuf._messages()[type], value) if isinstance(value, dict) else None
    text = value if isinstance(value, str) else json.dumps(value)
    data = text.encode("utf-8", "surrogatepass")
    return data if type in ("string", "bytes") else field(1, data)


class Maker:
    """`good`: sound objects by kind, which requests start from as often as from nothing."""

    def __init__(self, dice: Random, documents: Sequence[Object], good: Sequence[Object]) -> None:
        self.dice = dice
        self.operations = operations(documents)
        self._good: dict[str, list[Object]] = {}
        for obj in good:
            self._good.setdefault(obj["kind"], []).append(obj)

    def request(self, at: int) -> Http:
        """The `at`-th: every operation has its turn, then again."""
        if self._chance(0.08):
            return self._elsewhere()
        asked = self.operations[at % len(self.operations)]
        path = asked.path.replace("{namespace}", quote(self._one(NAMESPACES)))
        name = self._one(NAMES) if self._chance(0.97) else self._one(TEXTS)
        path = path.replace("{name}", quote(name, safe=""))
        method = asked.method if self._chance(0.97) else self._one(METHODS)
        query = self._query(path, method)
        headers = self._headers(path)
        body = b""
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            body = self._body(asked, method, headers, name if "{name}" in asked.path else "")
            if "apply-patch" in headers.get("content-type", ""):
                query.setdefault("fieldManager", "me")
        return self._http(method, path, query, headers, body)

    def _http(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Http:
        values = {name: [value] for name, value in query.items()}
        uri = path + ("?" + "&".join(f"{k}={quote(v)}" for k, v in query.items()) if query else "")
        return Http(method, path, query, headers, body, self._one(USERS), values, uri, "127.0.0.1")

    def _elsewhere(self) -> Http:
        headers = self._headers("")
        if self._chance(0.5):
            spec = {name: self._junk() for name in ("resourceAttributes", "nonResourceAttributes", "user", "groups",
                "token",
                                                    "namespace", "extra", "audiences",
                                                    "uid") if self._chance(0.4)}  # fmt: skip
            body = json.dumps({"spec": spec if self._chance(0.9) else self._junk()}).encode()
            return self._http("POST", self._one(REVIEWS), {}, {**headers, "content-type": JSON}, body)
        path = self._one(ELSEWHERE)
        method = self._one(("GET", "GET", "GET", "POST", "HEAD"))
        return self._http(method, path, self._query(path, method), headers, self._bytes())

    # ── parts of a request ───────────────────────────────────────────────────────────────────────────────────

    def _query(self, path: str, method: str) -> dict[str, str]:
        known = {**QUERY, **LOGS} if path.endswith(STREAMS) else QUERY
        found = {name: self._one(known[name]) for name in known if self._chance(0.025)}
        if path.endswith(STREAMS):
            found |= {name: known[name][0] for name in ("stdin", "stdout", "command", "ports") if self._chance(0.7)}
        if method == "GET" and self._chance(0.25):
            found["watch"] = self._one(("1", "true", "true", "true", "0", "x"))
            found["timeoutSeconds"] = self._one(("0", "1", "1", "1", "-1", "x"))
        if self._chance(0.02):
            found[self._one(TEXTS)] = self._one(TEXTS)
        return found

    def _headers(self, path: str) -> dict[str, str]:
        headers = {"accept": self._one((*(JSON,) * 100, *ACCEPT))}
        if self._chance(0.5):
            headers["user-agent"] = self._one(("kubectl/v1.32.0", "x" * 300, "\u00e4", ""))
        if self._chance(0.03):
            headers["authorization"] = self._one(("Bearer x", "Bearer a.b.c", "Bearer", "Basic eA==", "Bearer \u00e4"))
        if self._chance(0.03):
            headers["impersonate-user"] = self._one(("jane", "system:admin", "", "\u00e4"))
        if self._chance(0.3 if "impersonate-user" in headers else 0.002):
            headers["impersonate-group"] = self._one(("system:masters", "x,y"))
        if self._chance(0.3 if "impersonate-user" in headers else 0.002):
            headers["impersonate-extra-x"] = "y"
        if self._chance(0.8 if path.endswith(STREAMS) else 0.02):
            headers["upgrade"] = "websocket"
            names = ("v5.channel.k8s.io", "v4.channel.k8s.io", "x, y", "", "SPDY/3.1+portforward.k8s.io")
            headers["sec-websocket-protocol"] = self._one(names)
        if self._chance(0.01):
            headers["audit-id"] = self._one(TEXTS)
        return headers

    def _body(self, asked: Operation, method: str, headers: dict[str, str], name: str) -> bytes:
        if self._chance(0.03):
            headers["content-type"] = self._one(MEDIA)
            return self._bytes()
        if method == "DELETE":
            value: Any = self._delete_options() if self._chance(0.5) else None
        elif method == "PATCH":
            return self._patch(asked, headers, name)
        else:
            value = self._object(asked, name)
        if value is None:
            return b""
        if type(value) is dict and self._chance(0.15) and (raw := protobuf_of(value)):
            headers["content-type"] = MEDIA_OF_PROTOBUF
            return self._cut(raw)
        headers["content-type"] = JSON if self._chance(0.93) else self._one(MEDIA)
        return self._encoded(value, headers["content-type"])

    def _encoded(self, value: Any, media: str) -> bytes:
        if "yaml" in media:
            return yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace")
        text = json.dumps(value, ensure_ascii=self._chance(0.5))
        return self._cut(text.encode("utf-8", "surrogatepass"))

    def _cut(self, data: bytes) -> bytes:
        """Whole, but for once in a while: then it ends too soon, or a byte is another one."""
        if not data or self._chance(0.97):
            return data
        at = self.dice.randrange(len(data))
        return data[:at] if self._chance(0.5) else data[:at] + self.dice.randbytes(1) + data[at + 1 :]

    def _bytes(self) -> bytes:
        found: bytes = self._one((b"", b"{}", b"[]", b"null", b"k8s\0\x0a\x00", b"k8s\0" + self.dice.randbytes(40),
            self.dice.randbytes(30),
                          b"{" * 500, b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300, b"\xff\xfe{",
                          b"a: &a [*a]", b"--- !!x 1",
                          b'{"kind":"Pod","kind":"Node"}', b"1e999", b'"\\ud800"',
                          b'{"metadata":{"name":"\\ud800"}}'))  # fmt: skip
        return found

    def _delete_options(self) -> Any:
        options = {name: self._one(values) for name, values in (
            ("gracePeriodSeconds", (0, 1, 30, -1, "x", None, 1 << 64)),
            ("propagationPolicy", ("Orphan", "Background", "Foreground", "", "x", 5)),
            ("orphanDependents", (True, False, "x")),
            ("preconditions", ({"uid": "x"}, {"resourceVersion": "1"}, {}, None, [], {"uid": 5})),
            ("dryRun", (["All"], [], ["x"], "All", [5])),
            ("kind", ("DeleteOptions", "Pod")),
        ) if self._chance(0.3)}  # fmt: skip
        return options if self._chance(0.95) else self._junk()

    def _patch(self, asked: Operation, headers: dict[str, str], name: str) -> bytes:
        media = self._one(PATCHES) if self._chance(0.95) else self._one(MEDIA)
        headers["content-type"] = media
        if "json-patch" in media:
            value: Any = (
                [self._json_patch() for _ in range(self.dice.randrange(4))] if self._chance(0.95) else self._junk()
            )
        elif self._chance(0.3):
            value = {
                "metadata": {
                    self._one(("labels", "annotations", "finalizers", "name", "ownerReferences")): self._junk()
                }
            }
        else:
            value = self._object(asked, name)
        if type(value) is dict and self._chance(0.05):
            value[
                self._one(
                    ("$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers")
                )
            ] = self._one(("replace", "delete", "merge", [], ["a"], [{"name": "main"}], None))
        return self._encoded(value, "application/yaml" if "yaml" in media and self._chance(0.5) else JSON)

    def _json_patch(self) -> Object:
        paths = ("/spec", "/metadata/labels", "/metadata/labels/app", "/spec/containers/0", "/spec/containers/-",
            "/kind", "", "/",
                 "/metadata/name", "/spec/replicas", "/status", "/~2", "x", "/spec/template/spec/containers/0/image",
                 "/data/a")  # fmt: skip
        found = {"op": self._one(("add", "remove", "replace", "move", "copy", "test", "x")), "path": self._one(paths)}
        if self._chance(0.7):
            found["value"] = self._junk()
        if self._chance(0.3):
            found["from"] = self._one(paths)
        return found if self._chance(0.95) else self._junk()

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────

    def _object(self, asked: Operation, name: str) -> Any:
        """What the URL's name, if it has one, fits, but for once in a while."""
        sound = self._good.get(asked.kind["kind"], [])
        if sound and self._chance(0.6):
            obj = json.loads(json.dumps(self._one(sound)))
            for _ in range(self._one((0, 0, 1, 1, 2))):
                obj = self._damaged(obj, asked)
        else:
            obj = self._of(asked.schema, asked.document, 0)
        if type(obj) is not dict:
            return obj
        if self._chance(0.1):
            obj[self._one(("x", "\r\nx: y", "\0", "x" * 5000))] = 1
        gvk = asked.kind
        obj["kind"] = gvk["kind"] if self._chance(0.98) else self._one(TEXTS)
        obj["apiVersion"] = f"{gvk['group']}/{gvk['version']}".lstrip("/") if self._chance(0.98) else self._one(TEXTS)
        meta = obj.get("metadata") if self._chance(0.97) else self._junk()
        if type(meta) is dict:
            meta = {
                key: value
                for key, value in meta.items()
                if key not in ("namespace", "resourceVersion") or self._chance(0.05)
            }
            meta["name"] = name or self._one(NAMES) if self._chance(0.97) else self._one(TEXTS)
        obj["metadata"] = meta if meta is not None else {"name": name or self._one(NAMES)}
        return obj

    def _damaged(self, obj: Any, asked: Operation) -> Any:
        """With one value replaced: by junk, or by what the schema would have had there."""
        places: list[tuple[Any, Any]] = []

        def walk(value: Any) -> None:
            if isinstance(value, dict | list):
                for key in list(value) if isinstance(value, dict) else range(len(value)):
                    places.append((value, key))
                    walk(value[key])

        walk(obj)
        if places:
            holder, key = self._one(places)
            holder[key] = self._junk()
        if self._chance(0.3) and type(obj) is dict:
            other = self._of(asked.schema, asked.document, 0)
            part = self._one(("spec", "status", "metadata", "data"))
            if type(other) is dict and part in other:
                obj[part] = other[part]
        return obj

    def _of(self, schema: Object, document: Object, depth: int) -> Any:
        """A value of the schema, with a strange one here and there."""
        if self._chance(0.015):
            return self._junk()
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._of(document["components"]["schemas"][name], document, depth)
        for word in ("allOf", "oneOf"):
            if word in schema:
                return self._of(self._one(schema[word]), document, depth)
        if "enum" in schema:
            return self._one(schema["enum"]) if self._chance(0.95) else self._one(TEXTS)
        match schema.get("type"):
            case "object":
                return self._map(schema, document, depth)
            case "array":
                most = 3 if depth < 6 else 1
                return [self._of(schema["items"], document, depth + 1) for _ in range(self.dice.randrange(most))]
            case "integer" | "number":
                return self._one(NUMBERS)
            case "boolean":
                return self._chance(0.5)
            case "string":
                return self._one(TEXTS)
        return self._junk()

    def _map(self, schema: Object, document: Object, depth: int) -> Object:
        more = schema.get("additionalProperties")
        if more:
            names = ("app", "a", "b", "cpu", "memory", "x/y", "", "\u00e4", "a" * 64)
            return {self._one(names): self._of(more, document, depth + 1) for _ in range(self.dice.randrange(3))}
        required = schema.get("required", ())
        share = (1.0, 0.6, 0.25, 0.15)[depth] if depth < 4 else 0.08
        found = {}
        for name, inner in schema.get("properties", {}).items():
            if self._chance(0.97) if name in required else self._chance(share):
                found[name] = self._of(inner, document, depth + 1)
                if name == "replicas" and type(found[name]) in (int, float) and 30 < found[name] < 1 << 31:
                    found[name] = 2  # the cluster would make as many pods, and rightly
        if self._chance(0.02):
            found[self._one(("x", "\r\nx: y", "\0", self._one(TEXTS)))] = self._junk()
        return found

    def _junk(self) -> Any:
        return json.loads(
            json.dumps(self._one((*JUNK, self._one(TEXTS), self._one(NUMBERS), {self._one(TEXTS): self._one(TEXTS)})))
        )

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share

    def _one(self, values: Any) -> Any:
        return values[int(self.dice.random() * len(values))]
