"""Every error that an apiserver answers, in Kubernetes' words.

Pure. Must not decide when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.api import validate
from cluster.api.fielderrors import FieldError
from cluster.api.kinds import Kind
from cluster.errors import StatusError

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def _details(kind: Kind, name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "group": kind.group, "kind": kind.plural, **more}


def not_found(kind: Kind, name: str) -> StatusError:
    return StatusError("NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name))


def already_exists(kind: Kind, name: str) -> StatusError:
    return StatusError("AlreadyExists", f'{kind.qualified} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> StatusError:
    text = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return StatusError("Conflict", text, _details(kind, name))


def forbidden(kind: Kind, name: str, why: str, **more: Any) -> StatusError:
    return StatusError("Forbidden", f'{kind.qualified} "{name}" is forbidden: {why}', _details(kind, name, **more))


def invalid(kind: Kind, name: str, errors: Sequence[FieldError]) -> StatusError:
    """details.causes: [{field, reason, message}], one for each error."""
    return validate.invalid(kind, name, errors)


def bad_request(why: str) -> StatusError:
    return StatusError("BadRequest", why)


def too_old(revision: int, oldest: int) -> StatusError:
    return StatusError("Expired", f"too old resource version: {revision} ({oldest})")


def unreadable(kind: str, key: str, why: str, others: int = 0) -> StatusError:
    """An object that is there and cannot be read; `others`: so many more of its kind cannot either."""
    more = f" (nor can {others} more)" if others else ""
    return StatusError("InternalError", f'{kind} "{key}" cannot be read{more}: {why}', definite=True)


def page_expired() -> StatusError:
    return StatusError(
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter.",
    )


def too_new(revision: int, current: int) -> StatusError:
    text = f"Too large resource version: {revision}, current: {current}"
    return StatusError("Timeout", text, {"current": current}, definite=True)


def not_ready() -> StatusError:
    return StatusError("ServiceUnavailable", "the apiserver has not read the store yet")


def unavailable(why: str) -> StatusError:
    return StatusError("ServiceUnavailable", f"the store refused: {why}")


def timed_out(*, written: bool) -> StatusError:
    """`written`: a write had been sent to the store."""
    if not written:
        return StatusError("Timeout", "the server did not get to it in the time allotted", definite=True)
    text = "the server was unable to return a response in the time allotted, but may still be processing the request"
    return StatusError("Timeout", text)
