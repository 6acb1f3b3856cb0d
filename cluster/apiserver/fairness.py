"""Who may be served now, who waits, and who is asked to come back: seats, shared fairly between users.

Pure. Must not wait or know the time: whoever is told to wait is told when its turn has come by `leave`.
Source: Kubernetes, "API Priority and Fairness", in small.

    Levels have seats of their own, so that no crowd of one keeps another out: system components are not kept waiting by
    users, and users not by strangers. system:masters are in no level: they are always served.
    Within a level, whoever holds the fewest seats is next; among equals, who was served longest ago.
    A request is as wide as the work it makes: a long list takes several seats.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cluster.apiserver.auth.rules import MASTERS, UNAUTHENTICATED, Who
from cluster.errors import StatusError

RETRY_AFTER = 1
"""Seconds."""
OBJECTS_PER_SEAT, WIDEST = 1000, 10
"""Of a list: one more seat for each so many objects, up to so many seats."""


@dataclass(frozen=True, slots=True)
class Level:
    """`seats`: requests at a time. `queue`: how many of one user may wait, `waiting`: of all."""

    name: str
    seats: int
    queue: int
    waiting: int

    def __post_init__(self) -> None:
        if not (self.seats >= 1 and self.queue >= 0 and self.waiting >= 0):
            raise ValueError(f"level {self.name}: {self.seats} seats, queue {self.queue}, waiting {self.waiting}")


SYSTEM = Level("system", 200, 100, 1000)
WORKLOAD = Level("workload", 200, 50, 500)
CATCH_ALL = Level("catch-all", 10, 10, 50)
LEVELS = (SYSTEM, WORKLOAD, CATCH_ALL)


def level_of(who: Who) -> str:
    """ "" for those whom nothing holds up."""
    if MASTERS in who.groups:
        return ""
    if "system:nodes" in who.groups or "system:serviceaccounts:kube-system" in who.groups:
        return SYSTEM.name
    if who.name.startswith(("system:kube-", "system:node:", "system:apiserver")):
        return SYSTEM.name
    return CATCH_ALL.name if UNAUTHENTICATED in who.groups or not who.groups else WORKLOAD.name


def width_of_list(objects: int) -> int:
    return min(WIDEST, 1 + objects // OBJECTS_PER_SEAT)


@dataclass(eq=False, slots=True)
class Ticket:
    """One request. `start` is called when its turn has come, if it has to wait."""

    level: str
    flow: str
    width: int
    start: Callable[[], None]
    running: bool = False


@dataclass(slots=True)
class _Flow:
    held: int = 0
    waiting: deque[Ticket] = field(default_factory=deque)
    served: int = 0
    """When it was served last, in turns of its level."""


class _Room:
    """One level: its seats, and who sits and waits."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.taken = 0
        self.waiting = 0
        self.turns = 0
        self.flows: dict[str, _Flow] = {}

    def arrive(self, ticket: Ticket) -> None:
        flow = self.flows.setdefault(ticket.flow, _Flow())
        if not self.waiting and self._fits(ticket):
            self._seat(ticket, flow)
            return
        if len(flow.waiting) >= self.level.queue or self.waiting >= self.level.waiting:
            self._tidy(ticket.flow)
            raise too_many()
        flow.waiting.append(ticket)
        self.waiting += 1

    def leave(self, ticket: Ticket) -> None:
        flow = self.flows[ticket.flow]
        if ticket.running:
            flow.held -= ticket.width
            self.taken -= ticket.width
        else:
            flow.waiting.remove(ticket)
            self.waiting -= 1
        ticket.running = False
        self._tidy(ticket.flow)
        self._next()

    def _next(self) -> None:
        while self.waiting:
            hungry = [flow for flow in self.flows.values() if flow.waiting]
            flow = min(hungry, key=lambda each: (each.held, each.served))
            ticket = flow.waiting[0]
            if not self._fits(ticket):
                return  # it keeps its turn: else the wide would never come to it
            flow.waiting.popleft()
            self.waiting -= 1
            self._seat(ticket, flow)
            ticket.start()

    def _fits(self, ticket: Ticket) -> bool:
        """One that is wider than the room is let in when the room is empty."""
        return self.taken + ticket.width <= self.level.seats or not self.taken

    def _seat(self, ticket: Ticket, flow: _Flow) -> None:
        self.turns += 1
        flow.served = self.turns
        flow.held += ticket.width
        self.taken += ticket.width
        ticket.running = True

    def _tidy(self, name: str) -> None:
        flow = self.flows[name]
        if not flow.held and not flow.waiting:
            del self.flows[name]


class Fairness:
    """All levels, and how many watches each user has."""

    def __init__(self, levels: Iterable[Level] = LEVELS, watches: int = 1000) -> None:
        """`watches`: that one user may have at a time."""
        self._rooms = {level.name: _Room(level) for level in levels}
        self._most_watches = watches
        self._watches: dict[str, int] = {}

    def arrive(self, who: Who, width: int, start: Callable[[], None]) -> Ticket | None:
        """None: it is served, whatever there is. Else a ticket, to be given back by `leave`: one that is `running` is
        served now, another waits for `start`. TooManyRequests when no more may wait."""
        name = level_of(who)
        if not name:
            return None
        ticket = Ticket(name, who.name, width, start)
        self._rooms[name].arrive(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """It is done, or does not want to wait any longer: whoever is next, starts."""
        self._rooms[ticket.level].leave(ticket)

    def watch(self, who: Who) -> bool:
        """One watch more; whether it counts, and is to be given back by `unwatch`. TooManyRequests."""
        if not level_of(who):
            return False
        count = self._watches.get(who.name, 0)
        if count >= self._most_watches:
            raise too_many(f"user {who.name} has {count} watches open: that is all that one may have")
        self._watches[who.name] = count + 1
        return True

    def unwatch(self, who: Who) -> None:
        left = self._watches[who.name] - 1
        if left:
            self._watches[who.name] = left
        else:
            del self._watches[who.name]


def too_many(why: str = "Too many requests, please try again later.") -> StatusError:
    return StatusError("TooManyRequests", why, {"retryAfterSeconds": RETRY_AFTER})
