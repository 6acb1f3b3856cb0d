"""Which member to ask next, and what may be tried again: reads until their deadline, writes hardly ever.

Must not know what is asked. A write is sent again only when it is certain that no attempt had an effect, and worth it;
a write without an answer raises Timeout, indefinite; or Dropped, as soon as etcd is seen in a later term than when it
was sent: a proposal that was on its way to the old leader is lost, and etcd would let its client wait for it in vain.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cluster.errors import StatusError
from store.engines.etcd.messages import STATUS, header_of, status_of
from store.engines.etcd.refusals import Failure, status_error
from store.engines.etcd.transport import Transport

READ_ATTEMPT = 0.25
"""Seconds after which a read is tried on another member; twice as long each round."""
PAUSE, LONGEST_PAUSE = 0.01, 0.16
"""Seconds between rounds in which no member could serve; doubles."""
SUSPICION = 0.3
"""Seconds without an answer to a write after which the members are asked for their term, and how often."""
HOMESICK = 5.0
"""Seconds away from the near member after which a read tries it again."""


@dataclass(slots=True)
class _Flight:
    """A write under way. `before`: the last answer before it was sent. `term`: its (0: the first that is heard of)."""

    patience: asyncio.Timeout
    before: bytes
    term: int = 0
    later: int = 0
    """The term that ended the waiting."""


class Roster:
    """`near`: the member for serializable reads, and the first to be asked; a number as in `transport.endpoints`."""

    def __init__(self, transport: Transport, near: int) -> None:
        self.near = near
        self._at = near
        self._left = 0.0
        """When the near member was left."""
        self._answer = b""
        """The last answer to a write: its header has the term."""
        self._suspects: list[_Flight] = []
        self._prober: asyncio.Task[None] | None = None
        self._transport = transport
        self._names = tuple(e.name for e in transport.endpoints)

    async def first(self, method: str, body: bytes, within: float) -> bytes:
        """The first answer of a stream of answers, from whoever last served; what is asked has no lasting effect."""
        at = self._at
        try:
            async with asyncio.timeout(within):
                stream = await self._transport.duplex(at, method, body, within)
                try:
                    return await stream.next()
                finally:
                    stream.close()
        except TimeoutError:
            raise StatusError("Timeout", f"{self._names[at]}: no answer within {within:g} s", definite=True) from None
        except Failure as failure:
            raise status_error(failure, self._names[at], write=False) from None

    async def ask(self, at: int, method: str, body: bytes, within: float, *, led: bool = False) -> bytes:
        """One member, once, about what has no effect."""
        try:
            return await self._transport.unary(at, method, body, within, led=led)
        except Failure as failure:
            raise status_error(failure, self._names[at], write=False) from None

    async def read(self, method: str, body: bytes, within: float, serializable: bool) -> bytes:
        """The nearest member for a serializable read, else the one that last served; then the others."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        at = self.near if serializable or self._homesick(loop.time()) else self._at
        attempt, pause, tries = READ_ATTEMPT, PAUSE, 0
        while True:
            left = deadline - loop.time()
            patience = left if len(self._names) == 1 else min(left, attempt)
            try:
                answer = await self._transport.unary(at, method, body, patience, led=not serializable)
            except Failure as failure:
                error = status_error(failure, self._names[at], write=False)
            else:
                if not serializable and at != self._at:
                    self._at, self._left = at, loop.time()
                return answer
            if not (error.retry or error.reason == "Timeout") or loop.time() >= deadline:
                raise error
            at = (at + 1) % len(self._names)
            tries += 1
            if tries % len(self._names) == 0:
                await self._rest(pause, deadline, error)
                pause, attempt = min(2 * pause, LONGEST_PAUSE), 2 * attempt

    async def write(self, method: str, body: bytes, within: float) -> bytes:
        """Sent again only after an answer that is definite and worth a retry."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        pause, tries = PAUSE, 0
        while True:
            at = self._at
            left = deadline - loop.time()
            try:
                return await self._attempt(at, method, body, left)
            except Failure as failure:
                error = status_error(failure, self._names[at], write=True)
            if self._at == at and (error.retry or not error.definite):
                self._at, self._left = (at + 1) % len(self._names), loop.time()
            if not (error.definite and error.retry) or loop.time() >= deadline:
                raise error
            tries += 1
            if tries % len(self._names) == 0:
                await self._rest(pause, deadline, error)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _homesick(self, now: float) -> bool:
        """Is it time to try the near member again? Asked once, then not for a while."""
        if self._at == self.near or now - self._left < HOMESICK:
            return False
        self._left = now
        return True

    async def _attempt(self, at: int, method: str, body: bytes, within: float) -> bytes:
        """One write, once. StatusError Dropped, indefinite, when etcd has gone on without answering it."""
        loop = asyncio.get_running_loop()
        flight: _Flight | None = None
        try:
            async with asyncio.timeout(None) as patience:
                flight = _Flight(patience, self._answer)
                timer = loop.call_later(SUSPICION, self._suspect, flight)
                try:
                    answer = await self._transport.unary(at, method, body, within, led=True)
                finally:
                    timer.cancel()
                    if flight in self._suspects:
                        self._suspects.remove(flight)
        except TimeoutError:
            later = flight.later if flight else 0
            text = f"{self._names[at]} has not answered, and etcd is in term {later} now; it may have happened"
            raise StatusError("Dropped", text) from None
        self._answer = answer
        return answer

    def _suspect(self, flight: _Flight) -> None:
        flight.term = header_of(flight.before).term
        self._suspects.append(flight)
        if self._prober is None or self._prober.done():
            self._prober = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        """While writes wait for an answer: has a later leader been elected?"""
        while self._suspects:
            suspects = list(self._suspects)
            asked = [self._transport.unary(at, STATUS, b"", SUSPICION) for at in range(len(self._names))]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            found = [status_of(answer) for answer in answers if isinstance(answer, bytes)]
            term = max((status.term for status in found if status.leader), default=0)
            for flight in suspects:
                flight.term = flight.term or term
                if term > flight.term and flight in self._suspects:
                    flight.later = term
                    self._suspects.remove(flight)
                    flight.patience.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(SUSPICION)

    async def _rest(self, pause: float, deadline: float, error: StatusError) -> None:
        """All members were asked in vain. Raises `error`, a definite one, when there is no time for another round."""
        left = deadline - asyncio.get_running_loop().time()
        if left <= pause:
            raise error
        await asyncio.sleep(pause)
