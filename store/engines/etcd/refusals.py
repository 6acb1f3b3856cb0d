"""What went wrong with a call to etcd, and which of our reasons that is: above all, whether it certainly had no effect.

Pure. Must not talk to anybody. etcd's own errors are told apart by their text, as its Go client does (etcd:
api/v3rpc/rpctypes); what is not known falls back to its gRPC code.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from cluster.errors import StatusError

CANCELLED, UNKNOWN, INVALID, DEADLINE, NOT_FOUND, EXISTS, DENIED, EXHAUSTED = 1, 2, 3, 4, 5, 6, 7, 8
PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED = 9, 11, 12, 13, 14, 15, 16
"""gRPC's status codes (grpc.io: Status codes)."""
LIMIT = "etcd's quota is used up: compact, defragment, then `etcdctl alarm disarm`"
SIGN_IN = "`up` with --etcd-user and --etcd-password-file, or a client certificate that etcd maps to a user"


class Failure(Exception):
    """A call that was not answered with a message. `acted`: the server may have acted on it; False is certain."""

    def __init__(self, code: int, message: str, *, acted: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.acted = acted


def failure_of(headers: Mapping[bytes, bytes]) -> Failure | None:
    """From a response's trailers; None if it went well."""
    code = headers.get(b"grpc-status")
    if code == b"0":
        return None
    status = headers.get(b":status", b"200")
    if code is None or not code.isdigit():
        return Failure(UNAVAILABLE, f"the server answered HTTP status {status.decode('latin-1')} without gRPC's own")
    return Failure(int(code), unquote(headers.get(b"grpc-message", b"").decode("latin-1")))


_PREFIX = "etcdserver: "
_TEXTS: Mapping[str, tuple[str, bool]] = {
    # etcd's text: (our reason, it is certain that nothing was done)
    "mvcc: required revision has been compacted": ("Compacted", True),
    "mvcc: required revision is a future revision": ("FutureRevision", True),
    "mvcc: database space exceeded": ("NoSpace", True),
    "request is too large": ("TooLarge", True),
    "too many requests": ("TooManyRequests", True),  # counted before it is proposed
    "no leader": ("NoQuorum", True),  # refused at the door, because we ask for a leader
    "not leader": ("NotLeader", True),
    "not capable": ("ServiceUnavailable", True),
    "rpc not supported for learner": ("ServiceUnavailable", True),
    "leader changed": ("Dropped", False),
    "server stopped": ("Dropped", False),
    "unhealthy cluster": ("ServiceUnavailable", True),
    "request timed out": ("Timeout", False),
    "request timed out, waiting for the applied index took too long": ("Timeout", False),
    "request timed out, possibly due to previous leader failure": ("Timeout", False),
    "request timed out, possibly due to connection lost": ("Timeout", False),
    "requested lease not found": ("NotFound", True),
    "lease already exists": ("AlreadyExists", True),
    "too large lease TTL": ("BadRequest", True),
    "permission denied": ("Forbidden", True),
    "authentication failed, invalid user ID or password": ("Unauthorized", True),
    "invalid auth token": ("Unauthorized", True),
    "user name is empty": ("Unauthorized", True),
    "revision of auth store is old": ("Unauthorized", True),
    "corrupt cluster": ("InternalError", False),
}
_CODES: Mapping[int, tuple[str, bool]] = {
    CANCELLED: ("Timeout", False),
    INVALID: ("BadRequest", True),
    DEADLINE: ("Timeout", False),
    NOT_FOUND: ("NotFound", True),
    EXISTS: ("AlreadyExists", True),
    DENIED: ("Forbidden", True),
    EXHAUSTED: ("TooManyRequests", True),
    PRECONDITION: ("BadRequest", True),
    OUT_OF_RANGE: ("BadRequest", True),
    UNIMPLEMENTED: ("MethodNotAllowed", True),
    UNAVAILABLE: ("Dropped", False),
    UNAUTHENTICATED: ("Unauthorized", True),
}
_PLAIN: Mapping[str, tuple[str, bool]] = {
    # Said without etcd's prefix, with gRPC code 2, by a server that gave up (Go: context) or never proposed (raft).
    "context deadline exceeded": ("Timeout", False),
    "context canceled": ("Timeout", False),
    "raft proposal dropped": ("ServiceUnavailable", True),
}
_STALE_TOKENS = ("invalid auth token", "user name is empty", "revision of auth store is old")


def wants_sign_in(failure: Failure) -> bool:
    """Would a new token help? Such a request was refused before anything was done."""
    return failure.message.removeprefix(_PREFIX) in _STALE_TOKENS


def status_error(failure: Failure, where: str, *, write: bool) -> StatusError:
    """`where`: the member that was asked. What only reads is always definite: it had no effect."""
    text = failure.message.removeprefix(_PREFIX)
    reason, definite = _classified(failure, text)
    message = f"{where}: {failure.message or f'gRPC code {failure.code}'}"
    if not failure.acted:
        definite = True
    if reason in ("Dropped", "Timeout") and not failure.acted or reason == "Dropped" and not write:
        reason = "ServiceUnavailable"
    if reason == "NoSpace":
        message = f"{message}; {LIMIT}"
    elif reason == "Unauthorized" and "--etcd-" not in message:
        message = f"{message}; {SIGN_IN}"
    elif reason == "Forbidden":
        message = f"{message}; grant the user's role readwrite on all keys (`etcdctl role grant-permission`)"
    return StatusError(reason, message, definite=definite or not write)


def _classified(failure: Failure, text: str) -> tuple[str, bool]:
    if text in _TEXTS:
        return _TEXTS[text]
    if text in _PLAIN:
        return _PLAIN[text]
    if failure.code == EXHAUSTED and "larger than max" in text:
        return "TooLarge", True
    return _CODES.get(failure.code, ("InternalError", False))
