"""Clients at the real door that mean no good with the protocol itself: sockets that say nothing or nonsense,
bodies that
unfold, tokens of another cluster. Each is told so by a Status, and everybody else is served meanwhile."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from cluster.addresses import BALANCER, machine_ip
from cluster.apiserver.rest.exchange import Http
from cluster.apiserver.rest.protobuf import MEDIA
from cluster.pki.authority import Subject, issue
from cluster.pki.keyring import Keyring, signing_key
from cluster.topology import API_PORT
from tests.cluster.apiserver.rest.requestmaker import Maker
from tests.cluster.apiserver.rest.soundobjects import SOUND
from tests.cluster.apiserver.rest.test_hostile_bodies import bomb
from tests.kubectl.kubectl import running
from tests.proc.test_door import MAPS, Door, post, request
from tests.proc.trees import pids

pytestmark = [pytest.mark.proc, pytest.mark.timeout(60)]

SUBNET = 176
ADDRESS = machine_ip(SUBNET, "master-0")
POD = {
    "metadata": {"name": "box"},
    "spec": {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "600"]}]},
}


class Here(Door):
    """The same, at this cluster's address."""

    def connect(
        self, who: Any, address: str = ADDRESS, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> ssl.SSLSocket:
        return super().connect(who, address, version)

    def answers(self) -> None:
        """It serves, and the cluster takes writes."""
        self.lives()
        name = os.urandom(4).hex()
        assert self.send(post(json.dumps({"metadata": {"name": name}}).encode()), self.admin)[0] == 201


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    place = tmp_path_factory.mktemp("door")
    with running(place, "hostile", SUBNET, "--masters", "1", "--workers", "1") as folder:
        yield Here(folder)


SMUGGLED = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
PUT_TOGETHER = gzip.compress(b'{"metadata":{"name":"zipped"},"data":{"a":"' + b"x" * 200_000_000 + b'"}}', 9)
CASES: dict[str, tuple[bytes, int, str]] = {
    "a long URL": (request("GET", MAPS + "?labelSelector=" + "x" * 200_000), 400, "HTTP"),
    "ten thousand headers": (request("GET", MAPS, b"", *(f"X-{i}: y" for i in range(10_000))), 400, "HTTP"),
    "two lengths": (SMUGGLED % MAPS.encode(), 400, "HTTP"),
    "a length that is none": (post(b"{}", "Content-Length: -5"), 400, "HTTP"),
    "chunks that are none": (post(b"zz\r\n{}\r\n", "Transfer-Encoding: chunked"), 400, "cannot be read|HTTP"),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP"),
    "a zip bomb": (post(PUT_TOGETHER, "Content-Encoding: gzip"), 413, "limit is"),
    "what is no zip": (post(b"{}", "Content-Encoding: gzip"), 400, "cannot be read|HTTP"),
    "aliases of aliases": (post(bomb(30), "Content-Type: application/yaml"), 413, "aliases unfolded"),
    "half a protobuf": (post(b"k8s\0\x0a\x80\x80\x80\x80\x08", f"Content-Type: {MEDIA}"), 400, "ends within"),
    "a header of another alphabet": (request("GET", MAPS, b"", "User-Agent: \u00e4"), 200, ""),
    "a WebSocket without a key": (
        request("GET", MAPS + "/x/exec", b"", "Upgrade: websocket", "Connection: Upgrade"),
        404,
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_hardly_HTTP_is_told_so(door: Here, case: str) -> None:
    raw, code, message = CASES[case]
    found, body = door.send(raw, door.admin)
    answer = json.loads(body)
    assert found == code, answer
    if code >= 400:
        assert (answer["kind"], answer["code"]) == ("Status", code)
        assert any(part in answer["message"] for part in message.split("|")), answer
    door.answers()


@pytest.mark.parametrize("address", [ADDRESS, machine_ip(SUBNET, BALANCER)])
def test_five_hundred_connections_that_say_nothing(door: Here, address: str) -> None:
    with ExitStack() as stack:
        for i in range(500):
            sock = stack.enter_context(socket.create_connection((address, API_PORT), timeout=10))
            if i % 2:
                sock.sendall(b"\x16\x03\x01")  # a TLS handshake begins, and goes no further
        door.answers()
        with door.connect(door.admin, address) as sock:
            sock.sendall(request("GET", "/livez"))
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_tokens_and_users_of_elsewhere(door: Here) -> None:
    ours = Keyring([door.chest.key("sa").read_bytes()])
    claims = {
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": "system:serviceaccount:kube-system:default",
        "aud": ["https://kubernetes.default.svc.cluster.local"],
        "exp": 4_000_000_000,
        "nbf": 1,
        "iat": 1,
    }
    tokens = {
        Keyring([signing_key()]).sign(claims): "signed by a key that this cluster does not have",
        ours.sign({**claims, "exp": 2}): "",
        ours.sign({**claims, "iss": "elsewhere"}): "",
        "x" * 7000: "",
        "a.b.c": "not a token of any kind that this cluster knows",
    }
    for token, why in tokens.items():
        status = door.status(request("GET", MAPS, b"", f"Authorization: Bearer {token}"), None)
        assert (status["code"], status["reason"]) == (401, "Unauthorized")
        assert why in status["message"], status
    mallory = issue(door.chest.pair("ca"), Subject("mallory"), datetime.now(UTC), 10)
    for raw in (
        post(b'{"metadata":{"name":"m"}}'),
        request("GET", "/api/v1/secrets"),
        request("DELETE", "/api/v1/nodes/worker-0"),
    ):
        status = door.status(raw, mallory)
        assert (status["code"], status["reason"]) == (403, "Forbidden")
        assert 'User "mallory" cannot' in status["message"]
    impersonating = request("GET", MAPS, b"", "Impersonate-User: kubernetes-admin", "Impersonate-Group: system:masters")
    assert door.status(impersonating, mallory)["code"] == 403
    door.answers()


# ── WebSockets ───────────────────────────────────────────────────────────────────────────────────────────────


EXEC = "/api/v1/namespaces/default/pods/box/exec?command=cat&stdin=true&stdout=true"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def upgrade(path: str, *lines: str) -> bytes:
    usual = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY)
    names = [line.partition(":")[0] for line in lines]
    return request("GET", path, b"", *(line for line in usual if line.partition(":")[0] not in names), *lines)


@pytest.fixture(scope="module")
def pod(door: Here) -> str:
    """A pod that runs."""
    path = "/api/v1/namespaces/default/pods"
    door.send(request("POST", path, json.dumps(POD).encode()), door.admin)
    until(lambda: json.loads(door.send(request("GET", f"{path}/box"), door.admin)[1])["status"]["phase"] == "Running")
    return "box"


@pytest.mark.parametrize(
    "lines",
    [
        ("Sec-WebSocket-Key: short",),
        ("Sec-WebSocket-Key: " + "x" * 5000,),
        ("Sec-WebSocket-Version: 99",),
        ("Connection: close",),
        ("Sec-WebSocket-Protocol: nonsense",),
        ("Upgrade: SPDY/3.1",),
    ],
)
def test_an_upgrade_that_is_none(door: Here, pod: str, lines: tuple[str, ...]) -> None:
    status = door.status(upgrade(EXEC, *lines), door.admin)
    assert status["code"] == 400
    assert status["reason"] == "BadRequest"
    assert status["message"]
    door.answers()


def masked(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    head = bytes(((0x80 if final else 0) | opcode,))
    size = len(data)
    length = bytes((0x80 | size,)) if size < 126 else bytes((0xFE,)) + size.to_bytes(2, "big")
    return head + length + bytes(4) + data


GARBAGE: dict[str, bytes] = {
    "noise": os.urandom(4000),
    "an unmasked frame": b"\x82\x03\x00ls",
    "an opcode that is reserved": masked(3, b"x"),
    "reserved bits": b"\xf2\x80\0\0\0\0",
    "a ping in pieces": masked(9, b"x", final=False),
    "a ping that is too long": masked(9, b"x" * 200),
    "a continuation of nothing": masked(0, b"x"),
    "text that is no UTF-8": masked(1, b"\xff\xfe"),
    "four exabytes announced": b"\x82\xff\x3f" + b"\xff" * 7 + bytes(4) + b"x",
    "an endless message": masked(2, b"x" * 60_000, final=False) + masked(0, b"x" * 60_000, final=False) * 100,
    "a close that says nothing": masked(8, b"\x01"),
    "channels that are none": masked(2, b"")
    + masked(2, b"\x63x")
    + masked(2, b"\xff\x63")
    + masked(2, b"\x04nonsense"),
    "no more": b"",
}


def said_to_the_end(sock: ssl.SSLSocket, frames: Iterable[bytes]) -> None:
    """All of it, a goodbye, and then until the other side has ended."""
    try:
        for each in (*frames, masked(8, b"\x03\xe8")):
            sock.sendall(each)
        while sock.recv(1 << 16):
            pass
    except (ConnectionError, ssl.SSLError):
        pass  # it has hung up already


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_after_the_upgrade(door: Here, pod: str, name: str) -> None:
    """The conversation ends, and what it had begun with it: the command reads the end of its input."""
    with door.connect(door.admin) as sock:
        sock.sendall(upgrade(EXEC, "Sec-WebSocket-Protocol: v5.channel.k8s.io"))
        head = sock.recv(1 << 16)
        assert head.startswith(b"HTTP/1.1 101 ")
        said_to_the_end(sock, [GARBAGE[name]])
    door.answers()


FORWARD = "/api/v1/namespaces/default/pods/box/portforward?ports=80"
SPDY = "SPDY/3.1+portforward.k8s.io"
FRAMES: dict[str, bytes] = {
    "noise": os.urandom(3000),
    "a stream whose headers do not unpack": b"\x80\x03\0\x01\x01\0\0\x14\0\0\0\x01\0\0\0\0\0\0nonsensenons",
    "a frame that ends too soon": b"\x80\x03\0\x01\x01\xff\xff\xff\0\0",
    "a type that is none": b"\x80\x03\0\x63\0\0\0\x04abcd",
    "another version": b"\x80\x02\0\x01\0\0\0\x04abcd",
    "data for nobody": b"\0\0\0\x63\0\0\0\x04abcd" * 1000,
    "pings": b"\x80\x03\0\x06\0\0\0\x04\0\0\0\x01" * 5000,
    "credit without end": b"\x80\x03\0\x09\0\0\0\x08\0\0\0\x01\x7f\xff\xff\xff" * 100,
    "settings of another world": b"\x80\x03\0\x04\0\0\0\x0c\xff\xff\xff\xff\0\0\0\x01\0\0\0\0",
    "goodbye": b"\x80\x03\0\x07\0\0\0\x08\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("protocol", [SPDY, "v4.channel.k8s.io"])
def test_garbage_to_a_forwarded_port(door: Here, pod: str, name: str, protocol: str) -> None:
    data = FRAMES[name]
    with door.connect(door.admin) as sock:
        sock.sendall(upgrade(FORWARD, f"Sec-WebSocket-Protocol: {protocol}"))
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 101 ")
        said_to_the_end(sock, [masked(2, data[at : at + 50_000]) for at in range(0, len(data), 50_000)])
    door.answers()


@pytest.mark.parametrize("command", ["%00", "a%00b", "/", "/no/such/program", "x" * 7000])
@pytest.mark.parametrize("more", ["", "&tty=true"])
def test_a_command_that_cannot_be_run(door: Here, pod: str, command: str, more: str) -> None:
    with door.connect(door.admin) as sock:
        sock.sendall(upgrade(f"{EXEC.replace('cat', command)}{more}", "Sec-WebSocket-Protocol: v5.channel.k8s.io"))
        said = b""
        try:
            while part := sock.recv(1 << 16):
                said += part
                if b"Failure" in said:
                    sock.sendall(masked(8, b"\x03\xe8"))
        except (ConnectionError, ssl.SSLError):
            pass
    assert said.startswith(b"HTTP/1.1 101 ")
    assert b'"status":"Failure"' in said
    door.answers()


# ── pods ─────────────────────────────────────────────────────────────────────────────────────────────────────

ZERO = "a\0b"
PODS: dict[str, dict[str, Any]] = {
    "argument": {"command": ["sleep", ZERO]},
    "command": {"command": [ZERO]},
    "image": {"image": ZERO},
    "variable": {"env": [{"name": "A", "value": ZERO}]},
    "folder": {"workingDir": f"/{ZERO}"},
    "folder-above": {"workingDir": "/../../.."},
    "mount": {"volumeMounts": [{"name": "v", "mountPath": f"/{ZERO}"}]},
    "mount-above": {"volumeMounts": [{"name": "v", "mountPath": "/../../../../outside"}]},
    "part": {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": ZERO}]},
    "long": {"command": ["sleep", "x" * 200_000]},
    "long-path": {"workingDir": "/x" * 5000},
    "much-memory": {"resources": {"requests": {"memory": "1Mi"}, "limits": {"memory": "1E30"}}},
    "late": {"livenessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 2_147_483_647}},
    "probed": {"livenessProbe": {"exec": {"command": [ZERO]}}},
    "probed-by-http": {"livenessProbe": {"httpGet": {"path": "/\r\nX: y", "port": 80}}},
    "hooked": {"lifecycle": {"postStart": {"exec": {"command": [ZERO]}}}},
}


def test_a_pod_that_no_system_can_run_harms_no_other(door: Here) -> None:
    """What cannot be started says why, or was refused; the kubelet goes on, and so does what is sound."""
    path = "/api/v1/namespaces/default/pods"
    kept = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    kubelet, made = pids(door.folder)["kubelet-0"], list[str]()
    for name, spec in [*PODS.items(), ("sound", {})]:
        body = {
            "metadata": {"name": name},
            "spec": {"containers": [kept | spec], "volumes": [{"name": "v", "emptyDir": {}}]},
        }
        code, answer = door.send(request("POST", path, json.dumps(body).encode()), door.admin)
        assert code in (201, 400, 422), answer
        if code == 201:
            made.append(name)

    def state(name: str) -> Any:
        found = json.loads(door.send(request("GET", f"{path}/{name}"), door.admin)[1])
        return (found["status"].get("containerStatuses") or [{}])[0].get("state") or {}

    def told(name: str) -> bool:
        """It runs, has run, or says why it does not."""
        now = state(name)
        return "running" in now or "terminated" in now or bool(now.get("waiting", {}).get("message"))

    def gone() -> bool:
        pods = json.loads(door.send(request("GET", path), door.admin)[1])["items"]
        return not {obj["metadata"]["name"] for obj in pods} & set(made)

    until(lambda: "running" in state("sound"))
    until(lambda: all(told(name) for name in made))
    assert "zero byte" in state("folder")["waiting"]["message"]
    assert "leads out" in state("mount-above")["waiting"]["message"]
    assert pids(door.folder)["kubelet-0"] == kubelet, "it has not even been restarted"
    for name in made:
        door.send(request("DELETE", f"{path}/{name}?gracePeriodSeconds=0"), door.admin)
    until(gone)
    door.answers()


def test_a_pod_with_all_the_time_in_the_world_to_end(door: Here) -> None:
    path = "/api/v1/namespaces/default/pods/patient"
    container = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": (1 << 63) - 1}
    body = json.dumps({"metadata": {"name": "patient"}, "spec": spec}).encode()
    assert door.send(request("POST", path.removesuffix("/patient"), body), door.admin)[0] == 201
    until(lambda: json.loads(door.send(request("GET", path), door.admin)[1])["status"]["phase"] == "Running")
    assert door.send(request("DELETE", path), door.admin)[0] == 200
    until(lambda: door.send(request("GET", path), door.admin)[0] == 404)
    door.answers()


def until(holds: Callable[[], Any]) -> None:
    """pytest's own patience ends it."""
    while not holds():
        time.sleep(0.05)


# ── anything ─────────────────────────────────────────────────────────────────────────────────────────────────


def raw(http: Http) -> bytes:
    """As a client would send it; what HTTP itself has no words for goes as it is."""
    headers = {**http.headers, "host": "x", "content-length": str(len(http.body)), "connection": "close"}
    if "upgrade" in headers:
        headers |= {"connection": "upgrade", "sec-websocket-key": KEY.partition(": ")[2], "sec-websocket-version": "13"}
    lines = [f"{http.method} {http.uri} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + http.body


def test_requests_made_from_the_openapi_over_the_wire(door: Here, pod: str) -> None:
    """The ten thousand are asked in the sim; these go through TLS, aiohttp and real processes besides."""
    index = json.loads(door.send(request("GET", "/openapi/v3"), door.admin)[1])
    documents = [json.loads(door.send(request("GET", f"/openapi/v3/{path}"), door.admin)[1]) for path in index["paths"]]
    maker, before = Maker(Random("over the wire"), documents, SOUND), pids(door.folder)
    wrong = []
    for at in range(600):
        http = maker.request(at * 7)
        if http.method == "DELETE" or "watch" in http.query or "follow" in http.query:
            continue
        code, body = door.send(raw(http), door.admin)
        if code >= 500 and b"Too large resource version" not in body and b"does not answer: kubelet-" not in body:
            wrong.append(
                f"request {at}: {http.method} {http.uri} {http.headers} {http.body[:500]!r}\n    {code} {body[:300]!r}"
            )
        elif code >= 400 and http.method != "HEAD" and json.loads(body)["kind"] != "Status":
            wrong.append(f"{at}: {http.method} {http.uri}\n    {code} {body[:300]!r}")
    assert not wrong, "\n".join(wrong)
    assert pids(door.folder) == before, "every process is the one that it was"
    door.answers()


def test_nothing_of_all_this_was_unexpected(door: Here) -> None:
    """The last one: whatever the others have done to the cluster, no process of it has met with an exception."""
    logs = {path.name: path.read_text(errors="replace") for path in (door.folder / "log").iterdir()}
    assert "apiserver-0.log" in logs
    found = [f"{name}: {text[text.index('Traceback') :][:3000]}" for name, text in logs.items() if "Traceback" in text]
    assert not found, "\n".join(found)
