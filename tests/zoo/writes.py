"""Apiservers tell the journal what they write, and for whom: "write" notes as `cluster.history.run.Run` has them.

Must not change what they do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from cluster.api.meta import key_of, revision_of
from cluster.apiserver.component import Apiserver
from cluster.apiserver.verbs import Verbs
from cluster.rpc import Request
from tests.store.raft.bugs import Patch

ASKED: ContextVar[Request | None] = ContextVar("asked", default=None)


def install(patch: Patch) -> None:
    serve = Apiserver._serve

    async def served(self: Apiserver, kind: Any, work: Any, request: Request) -> Any:
        ASKED.set(request)
        return await serve(self, kind, work, request)

    patch.setattr(Apiserver, "_serve", served)
    patch.setattr(Verbs, "_modify", _noted(Verbs._modify, 2))
    patch.setattr(Verbs, "_create", _noted(Verbs._create, 2))


def _noted(write: Callable[..., Awaitable[Any]], call_at: int) -> Callable[..., Awaitable[Any]]:
    async def noted(self: Verbs, kind: Any, *args: Any) -> Any:
        call = next(a for a in args if hasattr(a, "wrote"))
        answer = await write(self, kind, *args)
        request = ASKED.get()
        if call.wrote and request is not None:
            data = {
                "kind": kind.kind,
                "key": key_of(answer),
                "revision": revision_of(answer),
                "verb": request.kind.partition(".")[2],
                "user": call.args.text("user"),
                "message": [request.src, request.boot, request.id],
            }
            self._host.note("write", data)
        return answer

    return noted
