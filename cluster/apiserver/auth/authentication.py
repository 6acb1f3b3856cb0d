"""Bearer tokens of all sorts: where a request carries one, and whom static and bootstrap tokens name.

Pure. Must not know ServiceAccounts' tokens (`tokens`). Source: Kubernetes, "Authenticating", "Authenticating with
Bootstrap Tokens"; browsers send theirs as a WebSocket subprotocol.
"""

from __future__ import annotations

import csv
import hmac
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any

from cluster.api.meta import deleting, parse_time
from cluster.apiserver.auth.rules import AUTHENTICATED, Who
from cluster.errors import UsageError

Object = dict[str, Any]
PROTOCOL = "base64url.bearer.authorization.k8s.io."
BOOTSTRAP = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
BOOTSTRAP_TYPE, BOOTSTRAPPERS = "bootstrap.kubernetes.io/token", "system:bootstrappers"
GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


def bearer(headers: Mapping[str, str]) -> str:
    """The token of a request, "" if it has none. `headers`: names in small letters."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for part in headers.get("sec-websocket-protocol", "").split(","):
        coded = part.strip()
        if coded.startswith(PROTOCOL):
            text = coded.removeprefix(PROTOCOL)
            try:
                return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            except ValueError:
                return "\0"  # a token that nobody has
    return ""


def without_bearer(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers as those may see them who choose a protocol: the token is none."""
    offered = headers.get("sec-websocket-protocol", "")
    if PROTOCOL not in offered:
        return headers
    kept = [part.strip() for part in offered.split(",") if not part.strip().startswith(PROTOCOL)]
    return {**headers, "sec-websocket-protocol": ", ".join(kept)}


def static_tokens(text: str, place: str) -> dict[str, Who]:
    """Of a token file: lines of token,user,uid and maybe "group1,group2". UsageError that names the line."""
    found: dict[str, Who] = {}
    for number, row in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) < 3 or not row[0] or not row[1]:
            raise UsageError("a line of a token file is token,user,uid", place=f"{place}:{number}")
        groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
        found[row[0]] = Who(row[1], (*groups, AUTHENTICATED), row[2])
    return found


def bootstrap_user(token: str, find: Callable[[str, str], Object | None], now: float) -> Who | None:
    """Of a bootstrap token; None if it is none, or none (any more)."""
    parts = BOOTSTRAP.fullmatch(token)
    if parts is None:
        return None
    secret = find("Secret", f"kube-system/bootstrap-token-{parts[1]}")
    if secret is None or deleting(secret) or secret.get("type") != BOOTSTRAP_TYPE:
        return None
    data = secret.get("data") or {}
    same = hmac.compare_digest(_text(data, "token-secret"), parts[2])
    if not same or _text(data, "token-id") != parts[1] or _text(data, "usage-bootstrap-authentication") != "true":
        return None
    expires = _text(data, "expiration")
    try:
        if expires and parse_time(expires) <= now:
            return None
    except ValueError:
        return None
    groups = [group.strip() for group in _text(data, "auth-extra-groups").split(",") if group.strip()]
    if any(not GROUP.fullmatch(group) for group in groups):
        return None
    return Who(f"system:bootstrap:{parts[1]}", (BOOTSTRAPPERS, *sorted(groups), AUTHENTICATED))


def _text(data: Mapping[str, Any], name: str) -> str:
    try:
        return b64decode(str(data.get(name) or "")).decode("ascii")
    except ValueError:
        return ""
