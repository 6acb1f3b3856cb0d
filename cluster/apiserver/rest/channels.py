"""Several streams over one WebSocket, as Kubernetes frames them: the first byte of each message names the channel.

Pure. Must not know what the streams are for. Source: Kubernetes, KEP-4006; apimachinery's remotecommand constants.

    0 stdin   1 stdout   2 stderr   3 status   4 resize   255 (v5): the channel named by the next byte is closed
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from cluster.apiserver.refusals import bad_request

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
V5, V4, BASE64 = "v5.channel.k8s.io", "v4.channel.k8s.io", "base64.channel.k8s.io"
PROTOCOLS = (V5, V4, "base64.binary.k8s.io", BASE64, "channel.k8s.io", "binary.k8s.io", "")
BEARER = "base64url.bearer.authorization.k8s.io."


def choose(offered: Sequence[str], known: Sequence[str] = PROTOCOLS) -> str | None:
    """The first protocol that is offered and known; "" for a client that offers none, None when it offers only others.
    A browser's bearer token is no protocol."""
    names = [name for name in offered if not name.startswith(BEARER)]
    if not names:
        return ""
    return next((name for name in names if name in known), None)


def frame(channel: int, data: bytes, protocol: str) -> bytes | str:
    """A message; text where the protocol is for browsers."""
    if protocol.startswith("base64."):
        return f"{channel}{base64.b64encode(data).decode()}"
    return bytes((channel,)) + data


def unframe(message: bytes | str, protocol: str) -> tuple[int, bytes]:
    """(channel, data) of what came. BadRequest for an empty message or one that cannot be decoded. A client may send
    text where bytes are meant: then the first character is the channel (Python's client does)."""
    if protocol.startswith("base64."):
        text = message.decode(errors="replace") if isinstance(message, bytes) else message
        if not text[:1].isdecimal():
            raise bad_request("a message begins with the digit of its channel")
        try:
            return int(text[0]), base64.b64decode(text[1:], validate=True)
        except (binascii.Error, ValueError):
            raise bad_request("the message is not base64") from None
    data = message.encode() if isinstance(message, str) else message
    if not data:
        raise bad_request("an empty message names no channel")
    return data[0], data[1:]


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a resize message; None if it makes no sense."""
    try:
        size = json.loads(data)
        return int(size["Width"]), int(size["Height"])
    except (ValueError, KeyError, TypeError):
        return None


def ended(code: int) -> dict[str, Any]:
    """The Status of a command's end."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
