"""Stands for nginx: HTTP on port 80 of the pod. Serves $HOME/usr/share/nginx/html where a volume put files there; else
says which pod answers, and what was asked. Must not do more: no proxying, no configuration files."""

from __future__ import annotations

import mimetypes
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from nodes.runtime.programs.place import pod_ip, port_here

DOCUMENTS = "usr/share/nginx/html"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nginx-capstan"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        root = Path(os.environ.get("HOME", ".")) / DOCUMENTS
        path = unquote(urlsplit(self.path).path)
        if root.is_dir():
            self._file(root.resolve(), path)
        else:
            text = f"Welcome to nginx!\npod: {os.environ.get('HOSTNAME', '')}\npath: {self.path}\n"
            self._answer(200, text.encode(), "text/plain; charset=utf-8")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        self._answer(405, b"405 Not Allowed\n", "text/plain")

    def _file(self, root: Path, path: str) -> None:
        found = (root / path.lstrip("/")).resolve()
        if found.is_dir():
            found = found / "index.html"
        if not found.is_relative_to(root) or not found.is_file():
            self._answer(404, b"404 Not Found\n", "text/plain")
            return
        self._answer(200, found.read_bytes(), mimetypes.guess_type(found.name)[0] or "application/octet-stream")

    def _answer(self, code: int, body: bytes, type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        sys.stdout.write(f"{self.address_string()} - - [{self.log_date_time_string()}] {format % args}\n")
        sys.stdout.flush()

    def address_string(self) -> str:
        return str(self.client_address[0])


def main(argv: list[str]) -> int:
    """Serve until SIGTERM, then end with 0 as nginx does. CAPSTAN_LISTEN_PORT: another port than 80
    (not NGINX_PORT: a Service called nginx sets that to tcp://...)."""
    port = port_here(int(os.environ.get("CAPSTAN_LISTEN_PORT") or 80))
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        signal.signal(number, _quit)
    with Server((pod_ip(), port), Handler) as server:
        print(f"nginx (capstan's own) serves on {pod_ip()}:{port}", flush=True)
        server.serve_forever()
    return 0


def _quit(number: int, frame: object) -> NoReturn:
    """Out of the accept loop, wherever it stands. No lock is taken: a handler that waits for one may wait for ever."""
    raise SystemExit(0)
