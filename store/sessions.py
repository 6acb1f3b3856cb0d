"""Which operations of which client have happened, so that each happens once (Raft thesis 6.3).

Pure. Must not know what the operations are. Only clients that write are here, and of each only the latest.
"""

from __future__ import annotations

from collections.abc import Iterable

WINDOW = 1024
"""Serials remembered one by one per client; older ones count as over."""
CLIENTS = 1000
"""Clients remembered; then the one that came first is forgotten."""

SessionRow = tuple[str, int, list[int]]
"""(client, every serial up to this one is over, those above it that have happened)."""


class Session:
    """Which operations of one client have happened: all up to `floor`, and `seen` above it."""

    __slots__ = ("floor", "seen")

    def __init__(self, floor: int, seen: set[int]) -> None:
        self.floor = floor
        self.seen = seen

    def first_time(self, serial: int) -> bool:
        seen = self.seen
        if serial in seen or serial <= self.floor:
            return False
        seen.add(serial)
        if len(seen) >= 2 * WINDOW:
            keep = sorted(seen)
            self.floor = keep[-WINDOW - 1]
            self.seen = set(keep[-WINDOW:])
        return True

    def happened(self, serial: int) -> bool:
        return serial <= self.floor or serial in self.seen


class Sessions:
    def __init__(self) -> None:
        self._by_client: dict[str, Session] = {}

    def of(self, client: str) -> Session:
        """Made if it is new; then another one may be forgotten."""
        session = self._by_client.get(client)
        if session is None:
            session = self._by_client[client] = Session(0, set())
            if len(self._by_client) > CLIENTS:
                del self._by_client[next(iter(self._by_client))]
        return session

    def happened(self, client: str, serial: int) -> bool:
        session = self._by_client.get(client)
        return session is not None and session.happened(serial)

    def may_have_happened(self, client: str, serial: int) -> bool:
        """False: it certainly has not. There is no telling once clients have been forgotten."""
        return len(self._by_client) >= CLIENTS or self.happened(client, serial)

    def taken(self) -> list[tuple[str, int, set[int]]]:
        """A copy, to be sorted and written later: see `rows`."""
        return [(client, session.floor, session.seen.copy()) for client, session in self._by_client.items()]

    def load(self, rows: Iterable[SessionRow]) -> None:
        self._by_client = {client: Session(floor, set(seen)) for client, floor, seen in rows}
