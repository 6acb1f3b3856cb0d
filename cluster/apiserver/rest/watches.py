"""A watch at the second door: events as they come, in the form that was asked for, until its time is over.

Shell. Must not know who may watch.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from cluster.api.kinds import Kind
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.reads import CATCH_UP, Reader, Reads
from cluster.apiserver.rest import answers, statuses
from cluster.apiserver.rest.flows import Write
from cluster.apiserver.rest.negotiation import Form
from cluster.apiserver.rest.requests import Ask
from cluster.errors import StatusError
from cluster.world.host import Host

WATCH_SECONDS = (1800.0, 3600.0)
"""A watch that names no time lasts between these, so that not all end at once."""


class Server(Protocol):
    host: Host
    reads: Reads

    async def opened(self) -> None: ...


async def watch(server: Server, kind: Kind, asked: Ask, how: tuple[Form, str], write: Write) -> None:
    """Ends cleanly after its time; an error is its last event (Kubernetes: HTTP 200 and one ERROR)."""
    codec = answers.codec_of(kind, *how, server.host.clock.now)
    seconds = asked.seconds or server.host.rng.uniform(*WATCH_SECONDS)

    def send(events: list[bytes]) -> None:
        if not (asked.bookmarks or asked.initial):  # kubectl would show them as objects
            events = [event for event in events if not event.startswith(answers.BOOKMARK)]
        if events:
            write(b"".join(events))

    try:
        async with asyncio.timeout(seconds):
            await server.opened()
            reader = Reader(send, codec, CATCH_UP, asked.initial)
            await server.reads.watch(kind, Arguments(asked.args), reader)
    except TimeoutError:
        return
    except StatusError as error:
        write(answers.json_event("ERROR", statuses.failure(error)))
