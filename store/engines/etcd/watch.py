"""A watch on etcd, with the promises of `StoreClient.watch`.

Must not choose the member. Progress: an empty batch must never run ahead of an event, and what etcd before 3.4.25 and
3.5.8 answers to a request for progress may (etcd-io/etcd#15220). So who wants progress watches all keys, and gets the
revisions of those outside of the range as empty batches: right with every version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from cluster.errors import StatusError
from cluster.world.host import Address
from store.engines.etcd import messages
from store.engines.etcd.channel import Duplex
from store.engines.etcd.refusals import UNAVAILABLE, UNKNOWN, Failure, status_error, wants_sign_in
from store.engines.etcd.transport import Transport
from store.mvcc.values import FOREVER, Event, WatchBatch, within

EVERYTHING = (b"\0", FOREVER)
FINAL = ("Forbidden", "Unauthorized", "BadRequest")
"""Reasons for which another watch would meet the same end."""


class Terms(NamedTuple):
    """What is watched: from `start` on (0: the next revision), with previous values, with progress, without the events
    that `filters` names (noput, nodelete)."""

    key: bytes
    end: bytes | None
    start: int
    prev: bool
    progress: bool
    filters: tuple[str, ...] = ()

    def wants(self, event: Event) -> bool:
        kind = "nodelete" if event.deleted else "noput"
        return kind not in self.filters and within(event.kv.key, self.key, self.end)


class EtcdWatch:
    """An async context manager and iterator of `WatchBatch`. `timeout`: seconds for the watch to be accepted."""

    def __init__(self, transport: Transport, at: int, terms: Terms, timeout: float) -> None:
        self.member: Address = transport.endpoints[at].name
        self.on_broken: Callable[[Address], None] | None = None
        self._transport = transport
        self._at = at
        self._terms = terms
        self._timeout = timeout
        self._stream: Duplex | None = None
        self._failure: StatusError | None = None
        self._told = max(0, terms.start - 1)
        """Revision of the last batch."""

    async def __aenter__(self) -> EtcdWatch:
        """Returns once etcd has accepted the watch: what is written from now on is in it. What went wrong instead is
        raised by the iteration."""
        try:
            async with asyncio.timeout(self._timeout):
                if not await self._open(again=self._transport.signed_in):
                    await self._open(again=False)
        except TimeoutError:
            self._failure = StatusError("StreamBroken", f"{self.member}: no watch within {self._timeout:g} s")
        except Failure as failure:
            self._failure = self._broken(failure)
        except StatusError as error:
            self._failure = error
        except asyncio.CancelledError:  # then nobody will leave what was not entered
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def __aiter__(self) -> EtcdWatch:
        return self

    async def __anext__(self) -> WatchBatch:
        try:
            if self._failure is not None:
                raise self._failure
            assert self._stream is not None, "not entered"
            while True:
                batch = self._batch(messages.watch_response(await self._stream.next()))
                if batch is not None:
                    return batch
        except Failure as failure:
            self._failure = self._broken(failure)
        except StatusError as error:
            self._failure = error
        if self.on_broken is not None and self._failure.reason != "Compacted":
            self.on_broken(self.member)
        raise self._failure

    async def _open(self, *, again: bool) -> bool:
        """False, if `again` is worth a try, with a new token: of an old one etcd says that permission is denied, or
        that the token is invalid, as the version pleases."""
        terms = self._terms
        key, end = EVERYTHING if terms.progress else (terms.key, terms.end)
        request = messages.watch_request(key, end, terms.start, prev=terms.prev, progress=terms.progress)
        self._stream = await self._transport.duplex(self._at, messages.WATCH, request, self._timeout, led=True)
        first = messages.watch_response(await self._stream.next())
        if not first.cancelled:
            return True
        error = self._cancelled(first)
        if again and error.reason in ("Forbidden", "Unauthorized"):
            self._stream.close()
            self._transport.forget_token()
            return False
        raise error

    def _batch(self, response: messages.WatchResponse) -> WatchBatch | None:
        """None: nothing new. StatusError when etcd has ended the watch."""
        if response.cancelled:
            raise self._cancelled(response)
        if not response.events:
            revision = 0 if response.created else response.revision
        else:  # the header's revision is the member's, and more may follow of what is up to it
            revision = response.events[-1].kv.mod_revision
        if revision <= self._told:
            return None
        events = tuple(event for event in response.events if self._terms.wants(event))
        if not events and not self._terms.progress:
            return None
        self._told = revision
        return WatchBatch(revision, events)

    def _cancelled(self, response: messages.WatchResponse) -> StatusError:
        if response.compacted:
            text = f"{self.member}: revision {self._told + 1} is compacted, the oldest is {response.compacted}"
            return StatusError("Compacted", text, {"compacted": response.compacted})
        return self._broken(Failure(UNKNOWN, response.why.rpartition(" desc = ")[2] or "etcd has ended the watch"))

    def _broken(self, failure: Failure) -> StatusError:
        if wants_sign_in(failure):
            self._transport.forget_token()  # the next watch comes with a new one
            failure = Failure(UNAVAILABLE, failure.message)
        error = status_error(failure, self.member, write=False)
        if error.reason in FINAL:
            return error
        return StatusError("StreamBroken", error.message)
