"""One request on its way: its arguments, how long it may take, whether anything was sent to the store yet.

Must not know verbs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster.apiserver import refusals
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.rest.identity import Who
from cluster.rpc import Request

SHARE = 0.9
"""Of the caller's patience: an answer has to get back while somebody still listens."""
LEAST = 0.001
"""Seconds that the store is given even if there is no time left: then it is the deadline that ends the work."""


@dataclass(slots=True)
class Call:
    """`deadline` is on the loop's clock. `wrote`: a write was sent, so that running out of time is indefinite."""

    args: Arguments
    deadline: float
    wrote: bool = False
    request: Request | None = None
    """None: of this apiserver's own, or of the second door's."""
    made: bool = False
    """An object was made by a request that also changes those that are there."""
    warnings: list[str] = field(default_factory=list)
    """What the caller should know though it went well."""
    who: Who | None = None
    """The user at the second door; None: whoever sent it over the bus, or this apiserver."""
    annotations: dict[str, str] = field(default_factory=dict)
    """What authorization and admission say of it to the audit log."""

    def warn(self, texts: Iterable[str]) -> None:
        """Each once, however often the work is done again."""
        self.warnings += [text for text in texts if text not in self.warnings]

    def left(self) -> float:
        """Seconds that the store may take: a little less than there are, because its own answer says more (that it
        refused, definitely) than our running out of time."""
        return max(LEAST, SHARE * (self.deadline - asyncio.get_running_loop().time()))


async def serve(request: Request, default_timeout: float, ready: Callable[[], bool], work: Work) -> Any:
    """What `work` answers, within SHARE of the caller's time; else Timeout that says whether it may have happened."""
    now = asyncio.get_running_loop().time()
    patience = request.deadline - now if request.deadline else default_timeout
    call = Call(Arguments(request.body), now + SHARE * patience, request=request)
    try:
        async with asyncio.timeout_at(call.deadline):
            return await work(call)
    except TimeoutError:
        if not call.wrote and not ready():
            raise refusals.not_ready() from None
        raise refusals.timed_out(written=call.wrote) from None


Work = Callable[[Call], Awaitable[Any]]
