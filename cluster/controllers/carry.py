"""Carry out one plan against an apiserver: in order, stopped at the first failure, answers put into the cache.

Must not decide anything: what to do is in the plan, and what to do about a failure is the manager's.

What runs of creates (or deletes) of one kind there are, is done in batches of 1, 2, 4, ... at a time, so that a quota
that is full costs one refusal and not five hundred (Kubernetes: slow start).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.api import meta
from cluster.api.kinds import kind_key
from cluster.client.cache import Cache
from cluster.client.client import Client
from cluster.controllers.controller import Failure
from cluster.controllers.plan import (
    Action,
    Create,
    Delete,
    Emit,
    Object,
    Patch,
    Plan,
    Purge,
    Recount,
    Update,
    Verify,
    Write,
)
from cluster.errors import StatusError


class Stopped(Exception):
    """The plan was not carried out to its end. `error` None: a live look disagreed with the cache."""

    def __init__(self, failure: Failure, error: StatusError | None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.error = error


class Recorder(Protocol):
    """Who records Events."""

    def event(self, about: Object, type: str, reason: str, message: str) -> None: ...


@dataclass(slots=True)
class _Step:
    """One action with the Events that say it has been done."""

    action: Action
    events: list[Emit] = field(default_factory=list)


def steps(actions: Sequence[Action]) -> Iterator[list[_Step]]:
    """Actions as batches to be done side by side; a batch begins when the one before it is done."""
    rows: list[_Step] = []
    for action in actions:
        if isinstance(action, Emit) and rows:
            rows[-1].events.append(action)
        else:
            rows.append(_Step(action))
    at = 0
    size = 1
    while at < len(rows):
        first = _sort(rows[at].action)
        end = at + 1
        while first and end < len(rows) and end - at < size and _sort(rows[end].action) == first:
            end += 1
        yield rows[at:end]
        again = bool(first) and end < len(rows) and _sort(rows[end].action) == first
        size = 2 * size if again else 1
        at = end


def _sort(action: Action) -> str:
    """What may stand in one batch; "" for what stands alone."""
    if isinstance(action, Create):
        return f"create {action.obj['kind']}"
    return f"delete {action.kind}" if isinstance(action, Delete) else ""


class Carrier:
    """Carries plans out for one controller."""

    def __init__(self, client: Client, cache: Cache, recorder: Recorder) -> None:
        self._client = client
        self._cache = cache
        self._recorder = recorder

    async def carry_out(self, plan: Plan) -> None:
        """Returns when all of it is done; Stopped otherwise."""
        # An object that this plan has written itself is not somebody else's change.
        chain: dict[tuple[str, str], tuple[str, str]] = {}
        for batch in steps(plan.actions):
            if len(batch) == 1:
                await self._step(batch[0], chain)
                continue
            tasks = [asyncio.create_task(self._step(step, chain)) for step in batch]
            try:
                results = await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                for task in tasks:
                    task.cancel()
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _step(self, step: _Step, chain: dict[tuple[str, str], tuple[str, str]]) -> None:
        action = step.action
        if isinstance(action, Emit):
            self._emit(action)
        elif isinstance(action, Verify):
            await self._verify(action)
        elif isinstance(action, Purge):
            await self._purge(action)
        elif isinstance(action, Recount):
            await self._recount(action)
        else:
            await self._write(action, chain)
        for event in step.events:
            self._emit(event)

    def _emit(self, emit: Emit) -> None:
        self._recorder.event(emit.about, emit.type, emit.reason, emit.message)

    async def _write(self, action: Write, chain: dict[tuple[str, str], tuple[str, str]]) -> None:
        try:
            match action:
                case Create():
                    self._cache.written(await self._create(action.obj))
                case Update():
                    obj = _chained(action.obj, kind_key(action.obj), meta.key_of(action.obj), chain)
                    answer = await self._client.update(obj, subresource=action.subresource)
                    self._took(action.obj, answer, chain)
                case Patch():
                    place = f"{action.namespace}/{action.name}" if action.namespace else action.name
                    patch = _chained(action.patch, action.kind, place, chain)
                    where: Any = {"namespace": action.namespace, "subresource": action.subresource}
                    answer = await self._client.patch(action.kind, action.name, patch, **where)
                    self._took(action.patch, answer, chain)
                case Delete():
                    await self._delete(action)
        except StatusError as error:
            raise Stopped(_failure(action, error), error) from error

    async def _create(self, obj: Object) -> Object:
        """The object as it is stored. An error that leaves it open whether it was made is answered by looking: whoever
        made another instead, under another name, would have one too many."""
        try:
            return await self._client.create(obj)
        except StatusError as error:
            if error.definite:
                raise
            try:
                found = await self._client.get(kind_key(obj), meta.name_of(obj), meta.namespace_of(obj))
            except StatusError:
                raise error from None
            if meta.controller_of(found) != meta.controller_of(obj):
                raise
            return found

    def _took(self, sent: Object, answer: Object, chain: dict[tuple[str, str], tuple[str, str]]) -> None:
        self._cache.written(answer)
        place = (kind_key(answer), meta.key_of(answer))
        base = chain[place][0] if place in chain else _revision(sent)
        if base:
            chain[place] = (base, _revision(answer))

    async def _delete(self, action: Delete) -> None:
        options: Any = {"uid": action.uid, "grace": action.grace, "propagation": action.propagation}
        try:
            answer = await self._client.delete(action.kind, action.name, action.namespace, **options)
        except StatusError as error:
            if error.reason != "NotFound":
                raise
        else:
            self._cache.forgotten(answer)

    async def _verify(self, action: Verify) -> None:
        try:
            live: Object | None = await self._client.get(action.kind, action.name, action.namespace)
        except StatusError as error:
            if error.reason != "NotFound":
                failure = Failure("verify", action.kind, error.reason, error.message)
                raise Stopped(failure, error) from error
            live = None
        if live is not None:
            self._cache.written(live)
        if not _agrees(action, live):
            message = f"{action.kind} {action.namespace}/{action.name} is not {action.expect}: the cache lags"
            raise Stopped(Failure("verify", action.kind, "Conflict", message), None)

    async def _recount(self, action: Recount) -> None:
        try:
            obj = await self._client.get(action.kind, action.name, action.namespace)
            listed = [
                (kind, item)
                for kind in action.kinds(obj)
                for item in (await self._client.list(kind, action.namespace))["items"]
            ]
            status = action.status(obj, listed)
            if status != obj.get("status"):
                self._cache.written(await self._client.update({**obj, "status": status}, subresource="status"))
        except StatusError as error:
            if error.reason != "NotFound":
                raise Stopped(Failure("update", action.kind, error.reason, error.message), error) from error

    async def _purge(self, action: Purge) -> None:
        try:
            found = await self._client.purge(action.namespace)
        except StatusError as error:
            raise Stopped(Failure("delete", "", error.reason, error.message), error) from error
        if found:
            rest = ", ".join(f"{count} of {kind}" for kind, count in found.items())
            message = f"in {action.namespace} are on their way out: {rest}"
            raise Stopped(Failure("verify", "", "Conflict", message), None)


def _agrees(action: Verify, live: Object | None) -> bool:
    if action.expect == "gone":
        return live is None or meta.uid_of(live) != action.uid
    if action.expect == "alive":
        return live is not None and meta.uid_of(live) == action.uid and not meta.deleting(live)
    return ("" if live is None else _revision(live)) == action.resource_version


def _revision(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")


def _chained(obj: Object, kind: str, key: str, chain: dict[tuple[str, str], tuple[str, str]]) -> Object:
    """The object with the resourceVersion that this plan's earlier write of it gave it."""
    link = chain.get((kind, key))
    if link is None or _revision(obj) != link[0]:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": link[1]}}


def _failure(action: Write, error: StatusError) -> Failure:
    kind = kind_key(action.obj) if isinstance(action, Create | Update) else action.kind
    return Failure(type(action).__name__.lower(), kind, error.reason, error.message)
