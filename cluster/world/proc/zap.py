"""Who may be heard: the list of keys, and what is answered to ZeroMQ when it asks about one that knocks. Pure.

Must not know sockets. Source: RFC 27/ZAP and 26/CurveZMQ. An answer of 400 makes a peer of ZeroMQ's give up for good,
so it is given only to who certainly is a stranger; one of 300 ("later") leaves the peer hanging for half a minute
(libzmq 4.3.5 keeps the connection open), so whoever may be known in a moment is not answered until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

VERSION = b"1.0"


class KeyList:
    """The public keys of all hosts and seats of a cluster; several names may have one key."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._holders: Counter[bytes] = Counter()

    def set(self, name: str, key: bytes) -> None:
        """`key`: 32 bytes, or b"" for none."""
        self.drop(name)
        if key:
            self._keys[name] = key
            self._holders[key] += 1

    def drop(self, name: str) -> None:
        key = self._keys.pop(name, None)
        if key is not None:
            self._holders[key] -= 1
            if not self._holders[key]:
                del self._holders[key]

    def __contains__(self, key: bytes) -> bool:
        return key in self._holders


class Verdict(Enum):
    HEARD = (b"200", b"OK")
    STRANGER = (b"400", b"not a key of this cluster")
    WAIT = (b"", b"")
    """Not answered yet."""


@dataclass(frozen=True, slots=True)
class Knock:
    """One request. `way`: frames that lead the answer back; `domain`: whose socket it is about; `address`: an IP
    address; `key`: 32 bytes, b"" for who has shown none."""

    way: tuple[bytes, ...]
    id: bytes
    domain: str
    address: str
    key: bytes

    def answer(self, verdict: Verdict) -> list[bytes]:
        """Version, request id, status code, status text, user id, metadata."""
        return [*self.way, VERSION, self.id, *verdict.value, b"", b""]


def parse(parts: Sequence[bytes]) -> Knock | None:
    """The frames of a request as a ROUTER gets them; None for what is no request of this version."""
    if b"" not in parts:
        return None
    start = parts.index(b"") + 1
    way, rest = tuple(parts[:start]), parts[start:]
    if len(rest) < 6 or rest[0] != VERSION:
        return None
    _, id, domain, address, _, mechanism, *credentials = rest
    key = credentials[0] if mechanism == b"CURVE" and len(credentials) == 1 and len(credentials[0]) == 32 else b""
    return Knock(way, id, domain.decode(errors="replace"), address.decode(errors="replace"), key)


def judge(key: bytes, keys: KeyList, behind: bool) -> Verdict:
    """`behind`: there is a newer list than this one, which has not come yet."""
    if key in keys:
        return Verdict.HEARD
    return Verdict.WAIT if behind else Verdict.STRANGER
