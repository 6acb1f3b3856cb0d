"""Real etcd servers for tests: members on 127.0.0.1 in a folder of their own, with TLS and passwords if wanted.

Needs the command `etcd` (Debian: etcd-server); certificates are made with `openssl`. What is set up on the servers is
set up through their JSON gateway, so that no code under test is needed for it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.config import Etcd
from cluster.world.proc.osprocess import die_with

REQUIRED = "CAPSTAN_REQUIRE_ETCD"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
ENVIRONMENT["ETCD_UNSUPPORTED_ARCH"] = {"aarch64": "arm64"}.get(platform.machine(), "")
"""etcd 3.4 wants to be asked before it runs there; other variables of its own would change the servers."""
HEALTHY = 20.0
"""Seconds for a cluster to have a leader."""


def need(command: str, package: str) -> str:
    """Its path. Skips the test without it, or fails when the environment says that it must be there."""
    found = shutil.which(command)
    if found is None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, and there is no command `{command}`")
        pytest.skip(f"needs the command `{command}` (Debian: {package})")
    return found


def free_ports(count: int) -> list[int]:
    """Nobody listens there now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


class Authority:
    """A certificate authority in a folder, and what it has signed: PEM files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.cacert = str(folder / "ca.pem")
        self._key = str(folder / "ca.key")
        self._openssl("req", "-x509", *self._new("ca"), "-out", self.cacert, "-days", "2")

    def _new(self, name: str) -> tuple[str, ...]:
        key = str(self.folder / f"{name}.key")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return (*curve, "-keyout", key, "-subj", f"/CN={name}")

    def sign(self, name: str) -> tuple[str, str]:
        """(certificate, key) for 127.0.0.1, good for servers and clients."""
        request, cert = str(self.folder / f"{name}.csr"), str(self.folder / f"{name}.pem")
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl("req", *self._new(name), "-out", request)
        signed_by = ("-CA", self.cacert, "-CAkey", self._key, "-CAcreateserial", "-days", "2")
        self._openssl("x509", "-req", "-in", request, *signed_by, "-out", cert, "-extfile", str(extensions))
        return cert, str(self.folder / f"{name}.key")

    def _openssl(self, *words: str) -> None:
        subprocess.run([need("openssl", "openssl"), *words], check=True, capture_output=True)


class EtcdServers:
    """`urls`: clients' URLs. Members are named by their place; all methods return when it is done."""

    def __init__(self, folder: Path, count: int = 3, *, tls: bool = False, options: tuple[str, ...] = ()) -> None:
        self.etcd = need("etcd", "etcd-server")
        self.folder = folder
        self.options = options
        self.authority = Authority(folder / "tls") if tls else None
        ports = free_ports(2 * count)
        scheme = "https" if tls else "http"
        self.urls = [f"{scheme}://127.0.0.1:{port}" for port in ports[:count]]
        self.peers = [f"http://127.0.0.1:{port}" for port in ports[count:]]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._context: ssl.SSLContext | None = None
        self.config = Etcd(tuple(self.urls))
        if self.authority is not None:
            cert, key = self.authority.sign("client")
            self.config = Etcd(tuple(self.urls), self.authority.cacert, cert, key)
            self._context = ssl.create_default_context(cafile=self.authority.cacert)
            self._context.load_cert_chain(cert, key)

    def start(self, *which: int) -> None:
        """These members, or all; not yet healthy."""
        end_with_us = partial(die_with, os.getpid())
        cluster = ",".join(f"m{i}={url}" for i, url in enumerate(self.peers))
        for i in which or range(len(self.urls)):
            words = [self.etcd, "--name", f"m{i}", "--data-dir", str(self.folder / f"m{i}")]
            words += ["--listen-client-urls", self.urls[i], "--advertise-client-urls", self.urls[i]]
            words += ["--listen-peer-urls", self.peers[i], "--initial-advertise-peer-urls", self.peers[i]]
            words += ["--initial-cluster", cluster, "--heartbeat-interval", "50", "--election-timeout", "500"]
            if self.authority is not None:
                cert, key = self.authority.sign(f"server-{i}")
                words += ["--cert-file", cert, "--key-file", key]
                words += ["--trusted-ca-file", self.authority.cacert, "--client-cert-auth"]
            with (self.folder / f"m{i}.log").open("ab") as log:
                self.processes[i] = subprocess.Popen(
                    [*words, *self.options], stdout=log, stderr=log, env=ENVIRONMENT, preexec_fn=end_with_us
                )

    def wait_healthy(self, within: float = HEALTHY) -> None:
        """Until every member that runs serves linearizable reads."""
        end = time.monotonic() + within
        waiting = [i for i, process in enumerate(self.processes) if process is not None]
        while waiting:
            if self._healthy(waiting[0]):
                waiting.pop(0)
                continue
            log = (self.folder / f"m{waiting[0]}.log").read_text()[-2000:]
            assert time.monotonic() < end, f"member {waiting[0]} is not healthy within {within} s:\n{log}"
            time.sleep(0.05)

    def _healthy(self, i: int) -> bool:
        try:
            with urllib.request.urlopen(f"{self.urls[i]}/health", timeout=2.0, context=self._context) as answer:
                return bool(json.load(answer)["health"] == "true")
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:  # nobody listens yet, say
            return False

    def post(self, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        """The gateway's answer (etcd: "Why gRPC gateway"): `path` such as "kv/put"; bytes are base64 in it."""
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(f"{self.urls[0]}/v3/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=5.0, context=self._context) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def enable_passwords(self, root: str, **users: str) -> None:
        """root may do all; each of `users` may read and write what begins with its own name and a slash."""
        self.post("auth/user/add", {"name": "root", "password": root})
        self.post("auth/role/add", {"name": "root"})
        self.post("auth/user/grant", {"user": "root", "role": "root"})
        for name, password in users.items():
            self.post("auth/user/add", {"name": name, "password": password})
            self.post("auth/role/add", {"name": name})
            key, end = (b64encode(f"{name}{last}".encode()).decode() for last in "/0")
            allowed = {"permType": "READWRITE", "key": key, "range_end": end}
            self.post("auth/role/grant", {"name": name, "perm": allowed})
            self.post("auth/user/grant", {"user": name, "role": name})
        self.post("auth/enable", {})

    def crash(self, i: int) -> None:
        process = self.processes[i]
        if process is not None:
            process.kill()
            process.wait()
            self.processes[i] = None

    def pause(self, i: int) -> None:
        """Returns once all its threads stand still."""
        self._signal(i, signal.SIGSTOP)
        process = self.processes[i]
        assert process is not None
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)

    def resume(self, i: int) -> None:
        self._signal(i, signal.SIGCONT)

    def _signal(self, i: int, number: int) -> None:
        process = self.processes[i]
        assert process is not None
        process.send_signal(number)

    def close(self) -> None:
        for i in range(len(self.urls)):
            self.crash(i)


@contextmanager
def servers(folder: Path, count: int = 3, *, tls: bool = False, options: tuple[str, ...] = ()) -> Iterator[EtcdServers]:
    """A cluster that is healthy; nothing of it runs afterwards."""
    found = EtcdServers(folder, count, tls=tls, options=options)
    try:
        found.start()
        found.wait_healthy()
        yield found
    finally:
        found.close()
