"""The one registry of errors: reason, HTTP-like code, whether it certainly did not happen, whether to retry.

Must not know who raises or who prints; checkers and clients read the flags and nothing else.

Three families only:
- `StatusError`: an answer of the running cluster (Kubernetes' `Status`). It crosses the wire as data.
- `UsageError`: what a person typed or wrote in a file cannot be meant. Never crosses the wire.
- `HaltError`: a component must not go on, and not because of its code: its disk. Its log says so, in one line.
`InvariantViolation` is none of them: it is a bug of ours, and stops the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the registry. `definite`: the request certainly had no effect. `retry`: trying again may help."""

    name: str
    code: int
    definite: bool
    retry: bool
    doc: str


_ROWS = (
    Reason("BadRequest", 400, True, False, "the request itself is malformed"),
    Reason("Unauthorized", 401, True, False, "who you are is not known"),
    Reason("Forbidden", 403, True, False, "you may not do that"),
    Reason("NotFound", 404, True, False, "no such object"),
    Reason("MethodNotAllowed", 405, True, False, "this kind has no such verb"),
    Reason("NotAcceptable", 406, True, False, "the answer cannot take a form that was asked for"),
    Reason("AlreadyExists", 409, True, False, "an object of that name exists"),
    Reason("Conflict", 409, True, False, "the object has changed since it was read"),
    Reason("Expired", 410, True, False, "that revision is compacted; list again"),
    Reason("TooLarge", 413, True, False, "the body is over the limit"),
    Reason("UnsupportedMediaType", 415, True, False, "that patch or content type is not known"),
    Reason("Invalid", 422, True, False, "a field has a value that it cannot have"),
    Reason("TooManyRequests", 429, True, True, "over the limit for now"),
    Reason("InternalError", 500, False, False, "a component failed while it served the request"),
    Reason("ServiceUnavailable", 503, True, True, "refused before anything was done"),
    Reason("Timeout", 504, False, False, "no answer in time; it may or may not have happened"),
    # The store's own answers.
    Reason("NotLeader", 421, True, True, "another member leads; details.leader may name it"),
    Reason("NoQuorum", 503, True, True, "a majority cannot be reached; a read was refused"),
    Reason("Dropped", 503, False, False, "a proposal was lost with its leader; it may still commit"),
    Reason("Compacted", 410, True, False, "that revision is compacted"),
    Reason("FutureRevision", 400, True, False, "that revision does not exist yet"),
    Reason("NoSpace", 507, True, False, "the store's quota is used up; delete, compact, then clear the alarm NOSPACE"),
    # The streams' own answers.
    Reason("StreamBroken", 503, True, True, "a message of the stream was lost, or its server fell silent"),
)

REASONS: Mapping[str, Reason] = {row.name: row for row in _ROWS}


class StatusError(Exception):
    """An answer that is an error. `details` is msgpack-able data; `definite` may be narrowed per case."""

    def __init__(
        self,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        definite: bool | None = None,
    ) -> None:
        super().__init__(message)
        row = REASONS[reason]
        self.reason = reason
        self.code = row.code
        self.retry = row.retry
        self.definite = row.definite if definite is None else definite
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})" if self.message else self.reason

    def to_body(self) -> dict[str, Any]:
        """Shape on the wire: {reason, message, details, definite}."""
        return {
            "reason": self.reason,
            "message": self.message,
            "details": self.details,
            "definite": self.definite,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> StatusError:
        """An unknown reason (a newer peer's) becomes an indefinite InternalError that keeps its name."""
        reason = str(body.get("reason", "InternalError"))
        message = str(body.get("message", ""))
        details = body.get("details") or {}
        if reason not in REASONS:
            return cls("InternalError", f"{reason}: {message}", details, definite=bool(body.get("definite")))
        return cls(reason, message, details, definite=bool(body.get("definite", REASONS[reason].definite)))


class UsageError(Exception):
    """What a person asked cannot be meant. `place` names the file, field, flag or word; `remedy` what is right."""

    def __init__(self, message: str, *, place: str = "", remedy: str = "", status: int = 2) -> None:
        super().__init__(message)
        self.place = place
        self.remedy = remedy
        self.status = status

    def __str__(self) -> str:
        text = super().__str__()
        if self.place:
            text = f"{self.place}: {text}"
        return f"{text}; {self.remedy}" if self.remedy else text


class HaltError(Exception):
    """The component ends with this. The text names the place and the remedy, and is all that its log says, without a
    traceback. Never crosses the wire."""


class InvariantViolation(Exception):
    """A promise of our own code is broken; carries the story in words. Never caught to go on."""
