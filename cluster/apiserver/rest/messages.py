"""What goes on (a watch, a log) as the messages of a WebSocket, for browsers, which cannot read an answer as it comes.

Pure. Must not know sockets. Source: Kubernetes, apiserver's endpoints/handlers/watch.go (each event a text message) and
apimachinery's wsstream.Reader (a log in pieces: bytes, or base64 in text).
"""

from __future__ import annotations

import base64

from cluster.apiserver.rest.negotiation import JSON

BASE64 = "base64.binary.k8s.io"
PROTOCOLS = (BASE64, "binary.k8s.io")
"""One that offers none of its own gets the second's."""


def of(data: bytes, content_type: str, protocol: str) -> list[str | bytes]:
    """The messages of what has come since the last: whole events, one a line, or any piece of a log."""
    if content_type == JSON:
        return [line.decode() for line in data.split(b"\n") if line]
    if protocol == BASE64:
        return [base64.b64encode(data).decode()]
    return [data]
