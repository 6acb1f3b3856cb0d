"""Where an apiserver shows the faults that its host says it has: requests that are slow, refused, or answered wrongly.

Shell. Must not know where faults come from (`Host.faults`), nor which verbs there are. A cache that stands still and
events that are left out are in `feed.py` and `hub.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cluster.errors import StatusError
from cluster.rpc import Request
from cluster.world.host import HARMLESS, Host

REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


async def harmed(
    host: Host, request: Request, kind: str, work: Callable[[], Awaitable[Any]], *, opens: bool = False
) -> Any:
    """What `work` answers, or what a fault makes of it. `opens`: it is a stream, which is refused before it begins. An
    error that leaves it open whether the request was carried out comes after it was, or instead."""
    harm = host.faults.request(request.src, request.kind.partition(".")[2], kind)
    if harm is HARMLESS:
        return await work()
    if harm.seconds:
        await asyncio.sleep(harm.seconds)
    if not harm.code:
        return await work()
    if harm.done and not opens:
        await work()
    raise StatusError(REASONS[harm.code], f"a fault of {host.name}", {"injected": True})
