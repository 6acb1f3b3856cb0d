"""HTTP and TCP probes over real sockets. Must not judge thresholds (`nodes/kubelet/probes.py`). Real by nature.

Kubernetes: a status from 200 to 399 is success; https is not verified.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from nodes.kubelet.runtime import Probed
from nodes.runtime.programs.place import port_here


async def probe(action: Mapping[str, Any], timeout: float) -> Probed:
    """`action` is {"httpGet": ...} or {"tcpSocket": ...} with host and port filled in."""
    ((kind, detail),) = action.items()
    host, port = str(detail["host"]), int(detail["port"])
    try:
        async with asyncio.timeout(timeout):
            if kind == "tcpSocket":
                return await _tcp(host, port)
            return await _http(host, port, detail)
    except TimeoutError:
        return Probed(False, f"{host}:{port}: context deadline exceeded (no answer within {timeout:g} s)")
    except (OSError, ValueError, EOFError) as error:
        return Probed(False, f"{host}:{port}: {error}")


async def _tcp(host: str, port: int) -> Probed:
    _, writer = await asyncio.open_connection(host, port_here(port))
    writer.close()
    return Probed(True)


async def _http(host: str, port: int, detail: Mapping[str, Any]) -> Probed:
    context = None
    if str(detail.get("scheme") or "HTTP").upper() == "HTTPS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port_here(port), ssl=context, limit=64 * 1024)
    try:
        headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/capstan", "Accept": "*/*", "Connection": "close"}
        headers.update({h["name"]: h.get("value", "") for h in detail.get("httpHeaders") or ()})
        path = str(detail.get("path") or "/")
        lines = [f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            return Probed(False, "a header or the path holds a line break")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = (await reader.readline()).decode("latin-1").split()
        if len(status) < 2 or not status[0].startswith("HTTP/") or not status[1].isdigit():
            return Probed(False, "malformed HTTP response")
        code = int(status[1])
        return Probed(200 <= code < 400, "" if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}")
    finally:
        writer.close()
