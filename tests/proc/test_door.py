"""The second door against those who mean no good, or do not know the protocol: they are told so, and it lives on."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cluster.addresses import machine_ip
from cluster.pki.authority import Pair, Subject, authority, issue
from cluster.pki.chest import Chest
from cluster.topology import API_PORT
from tests.kubectl.kubectl import Kubectl, found, running
from tests.kubectl.row import row
from tests.proc.trees import pids

pytestmark = [pytest.mark.proc, pytest.mark.timeout(60)]

SUBNET = 173
ADDRESS = machine_ip(SUBNET, "master-0")
MAPS = "/api/v1/namespaces/default/configmaps"


class Door:
    """One apiserver's, and what is in its cluster's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chest = Chest(folder / "pki")
        self.admin = self.chest.pair("admin")

    def connect(
        self, who: Pair | None, address: str = ADDRESS, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.chest.cert("ca")))
        context.maximum_version = version
        if who is not None:
            file = self.folder / f"client-{os.urandom(4).hex()}.pem"
            file.write_bytes(who.cert + who.key)
            context.load_cert_chain(file)
            file.unlink()
        plain = socket.create_connection((address, API_PORT), timeout=10)
        return context.wrap_socket(plain, server_hostname=address)

    def send(self, raw: bytes, who: Pair | None) -> tuple[int, bytes]:
        """HTTP status and body of the answer."""
        with self.connect(who) as sock:
            refused: Exception = ConnectionError("it hung up without a word")
            try:
                sock.sendall(raw)
            except (ConnectionError, ssl.SSLError) as error:
                refused = error  # it may have answered before it had read all, and hung up
            answer = b""
            while b"\r\n\r\n" not in answer or len(answer) < _length(answer):
                part = sock.recv(1 << 16)
                if not part:
                    break
                answer += part
        if not answer:
            raise refused
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def status(self, raw: bytes, who: Pair | None) -> Any:
        """A Status whose code is HTTP's."""
        code, body = self.send(raw, who)
        status = json.loads(body)
        assert (status["kind"], status["code"]) == ("Status", code)
        return status

    def lives(self) -> None:
        assert self.send(request("GET", "/livez"), None) == (200, b"ok")


def _length(answer: bytes) -> int:
    head, _, _ = answer.partition(b"\r\n\r\n")
    match = re.search(rb"(?i)content-length: (\d+)", head)
    return len(head) + 4 + (int(match[1]) if match else 0)


def request(method: str, path: str, body: bytes = b"", *lines: str) -> bytes:
    usual = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(body))}
    headers = usual | dict(line.split(": ") for line in lines)
    if "Transfer-Encoding" in headers:
        del headers["Content-Length"]
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(head).encode() + body


def post(body: bytes, *lines: str) -> bytes:
    return request("POST", MAPS, body, *lines)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    place = tmp_path_factory.mktemp("door")
    with running(place, "door", SUBNET, "--masters", "3", "--workers", "1") as folder:
        yield Door(folder)


LABELS = b'{"metadata":{"name":"x","labels":{' + b",".join(b'"l%d":"x"' % i for i in range(1_000_000)) + b"}}}"
CASES = {
    "a body that ends too soon": (post(b'{"metadata":'), 400, "unrecognized"),
    "bad UTF-8": (post(b'{"metadata":{"name":"\xff"}}'), 400, "unrecognized"),
    "deep lists": (post(b"[" * 100_000 + b"]" * 100_000), 400, "unrecognized|levels deep"),
    "deep maps": (post(b'{"a":' * 500 + b"1" + b"}" * 500), 400, "levels deep"),
    "a list": (post(b"[]"), 400, "object"),
    "100 MB announced": (post(b"", "Content-Length: 104857600"), 413, "limit is"),
    "100 MB sent": (post(b" " * 104_857_600), 413, "limit is"),
    "chunks without an end": (
        post(b"100000\r\n" + b" " * (1 << 20) + b"\r\n" + (b"100000\r\n" + b" " * (1 << 20) + b"\r\n") * 3,
             "Transfer-Encoding: chunked"),
        413,
        "Request entity too large",
    ),
    "a million labels": (post(LABELS), 413, "limit is"),
    "another language": (post(b"<xml/>", "Content-Type: text/xml"), 415, "unknown format"),
    "dots in the path": (request("GET", "/api/v1/namespaces/../../../../etc/passwd"), 400, "no resource is called"),
    "coded dots": (request("GET", "/api/v1/namespaces/%2e%2e/pods"), 400, "no resource is called"),
    "a zero in the path": (request("GET", "/api/v1/namespaces/%00/pods"), 400, "no resource is called"),
    "no path": (request("GET", "/api/v1//pods"), 404, "could not find"),
    "a strange verb": (request("PURGE", MAPS), 405, "not allow"),
    "a verb that is none": (request("BREW", MAPS), 400, "HTTP"),
    "no HTTP": (b"\x16\x03 hello\r\n\r\n", 400, "HTTP"),
    "a long header": (request("GET", MAPS, b"", "X-Long: " + "x" * 100_000), 400, "HTTP"),
    "a number that is none": (request("GET", MAPS + "?limit=many"), 400, "invalid syntax"),
    "a page of nowhere": (request("GET", MAPS + "?continue=nonsense"), 400, "continue"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_bad_request_is_told_so(door: Door, case: str) -> None:
    raw, code, message = CASES[case]
    status = door.status(raw, door.admin)
    assert status["code"] == code, status
    assert re.search(message, status["message"]), status
    door.lives()


def test_half_a_request_holds_up_nobody(door: Door) -> None:
    half = post(b'{"metadata":{"name":"never"}}')[:-10]
    sockets = [door.connect(door.admin) for _ in range(20)]
    for i, sock in enumerate(sockets):
        sock.sendall(half if i % 2 else half[:40])
    door.lives()
    for sock in sockets:
        sock.close()
    assert door.status(request("GET", f"{MAPS}/never"), door.admin)["reason"] == "NotFound"


def test_who_is_nobody_is_told_so(door: Door) -> None:
    status = door.status(request("GET", MAPS), None)
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert 'User "system:anonymous" cannot list resource "configmaps"' in status["message"]


@pytest.mark.parametrize("which", ["foreign", "expired", "of tomorrow", "without rights"])
def test_a_certificate_that_does_not_count(door: Door, which: str) -> None:
    now, subject = datetime.now(UTC), Subject("mallory", ("system:masters",))
    ca = door.chest.pair("ca")
    match which:
        case "foreign":
            pair = issue(authority("elsewhere", now, 10), subject, now, 10)
        case "expired":
            pair = issue(ca, subject, now - timedelta(days=30), 10)
        case "of tomorrow":
            pair = issue(ca, subject, now + timedelta(days=30), 10)
        case _:
            pair = issue(ca, Subject("mallory"), now, 10)
    if which == "without rights":
        assert 'User "mallory" cannot list' in door.status(request("GET", MAPS), pair)["message"]
    else:
        why = {"foreign": "UNKNOWN_CA", "expired": "CERTIFICATE_EXPIRED", "of tomorrow": "BAD_CERTIFICATE"}[which]
        with pytest.raises(ssl.SSLError, match=f"ALERT_{why}"):  # TLS 1.3 says so at the first read
            door.status(request("GET", MAPS), pair)
        with pytest.raises(ssl.SSLError, match=f"ALERT_{why}"):
            door.connect(pair, version=ssl.TLSVersion.TLSv1_2)
    door.lives()


def _said(text: bytes) -> bytes:
    """What the door says to this, until it hangs up, or has said as much as it promised."""
    with socket.create_connection((ADDRESS, API_PORT), timeout=10) as sock:
        sock.sendall(text)
        answer = b""
        while part := sock.recv(1 << 16):
            answer += part
            if b"\r\n\r\n" in answer and len(answer) >= _length(answer):
                break
    return answer


def test_http_without_tls_is_told_that_this_is_https(door: Door) -> None:
    assert b"400 Bad Request" in (said := _said(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert said.endswith(b"Client sent an HTTP request to an HTTPS server.\n")
    assert b"HTTP/" not in _said(b"SSH-2.0-OpenSSH_9.2\r\n")  # hung up on, at once
    door.lives()


def test_who_is_refused_and_stays_is_hung_up_on(door: Door) -> None:
    now = datetime.now(UTC)
    pair = issue(authority("elsewhere", now, 10), Subject("mallory"), now, 10)
    with door.connect(pair) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        sock.sendall(b" " * (64 << 20))
    door.lives()


def test_a_browser_watches_over_a_websocket_with_its_token_among_the_protocols(door: Door) -> None:
    """It can neither read an answer as it comes nor set a header of a WebSocket."""
    asked = {"spec": {"expirationSeconds": 3600}}
    path = "/api/v1/namespaces/kube-system/serviceaccounts/default/token"
    token = json.loads(door.send(request("POST", path, json.dumps(asked).encode()), door.admin)[1])["status"]["token"]
    who = "system:serviceaccount:kube-system:default"
    binding = {
        "metadata": {"name": "browser"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who}],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    assert door.send(request("POST", rbac, json.dumps(binding).encode()), door.admin)[0] == 201

    async def browse() -> None:
        context = ssl.create_default_context(cafile=str(door.chest.cert("ca")))
        bearer = "base64url.bearer.authorization.k8s.io." + urlsafe_b64encode(token.encode()).decode().rstrip("=")
        protocols = (bearer, "base64.binary.k8s.io")
        url = f"https://{ADDRESS}:{API_PORT}{MAPS}?watch=1&fieldSelector=metadata.name%3Dseen"
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url, ssl=context, protocols=protocols) as socket:
                assert socket.protocol == "base64.binary.k8s.io"
                await asyncio.to_thread(door.send, post(b'{"metadata":{"name":"seen"}}'), door.admin)
                event = json.loads(await socket.receive_str(timeout=10))
                assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen")
            async with session.ws_connect(url + "&timeoutSeconds=1", ssl=context, protocols=protocols) as socket:
                assert json.loads(await socket.receive_str(timeout=10))["type"] == "ADDED"
                assert (await socket.receive(timeout=10)).data == aiohttp.WSCloseCode.OK
            with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                await session.ws_connect(url, ssl=context, protocols=(bearer[:-20], "base64.binary.k8s.io"))

    asyncio.run(browse())
    door.lives()


def test_a_watch_goes_on_when_another_apiserver_is_killed(door: Door) -> None:
    kubectl = Kubectl(found(), door.folder.parents[1], "door")
    other = f"https://{machine_ip(SUBNET, 'master-1')}:{API_PORT}"
    kubectl.check(row(f"create configmap watched --from-literal=a=0 --server={other}"))
    watch = kubectl.start("get", "cm", "watched", "-w", "-o", "jsonpath={.data.a}{'\\n'}", f"--server={other}")
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "0\n"
        os.kill(pids(door.folder)["apiserver-0"], signal.SIGKILL)
        for i in range(1, 4):
            kubectl.check(row(f'patch cm watched --type merge -p \'{{"data":{{"a":"{i}"}}}}\' --server={other}'))
        assert [watch.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
    finally:
        watch.kill()
        watch.communicate()
