"""Admission carried out: plugins in order, and in between what takes time: an account's look-up, webhooks, quotas.

Shell. Must not decide anything: what is admitted is said by the pure modules of cluster/apiserver/admission.

Order (Kubernetes): plugins that change, mutating webhooks, then the object's own defaults and validation (`Verbs`),
then plugins that only look, policies, validating webhooks, and last the quotas, so that nothing is charged in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from cluster.api.defaults import default
from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import name_of, namespace_of
from cluster.apiserver.admission import policies, serviceaccount, webhooks
from cluster.apiserver.admission.chain import Chain
from cluster.apiserver.admission.review import CREATE, NOBODY, Object, Plugin, Review, Sources
from cluster.apiserver.admission.webhooks import MUTATING, VALIDATING, Hook, Place
from cluster.apiserver.auth.bususers import user_of_host
from cluster.apiserver.auth.rules import Who
from cluster.apiserver.quotas import Quotas
from cluster.apiserver.request import Call
from cluster.apiserver.storage import Storage
from cluster.apiserver.watchcache import Selection, WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host

Caller = Callable[[Place, Object, float], Awaitable[Any]]
"""(place, body, seconds) -> the answer's JSON. ValueError that says why there is none."""
LOOKS, PAUSE = 10, 0.1
"""How often, and after how many seconds again, a new namespace's default account is looked for."""


async def unreachable(place: Place, body: Object, seconds: float) -> Any:
    """Where there is no network but the bus."""
    raise ValueError(f'failed to call webhook: Post "{place.url}": dial tcp: connect: network is unreachable')


class Admission:
    """`settings`: (tolerationSeconds for pods, names of plugins that are off)."""

    def __init__(
        self,
        host: Host,
        storage: Storage,
        cache: WatchCache,
        settings: tuple[int, Iterable[str]],
        caller: Caller = unreachable,
    ) -> None:
        self._host = host
        self._storage = storage
        self._cache = cache
        self._caller = caller
        seconds, disabled = settings[0], tuple(settings[1])
        self._chain = Chain(Sources(seconds, self._find, self._all, self._within), disabled=disabled)
        self._accounts = serviceaccount.PLUGIN.name not in disabled
        self.quotas = Quotas(storage, cache)

    def join(self, plugins: Iterable[Plugin]) -> None:
        """Plugins that need more than objects: those that ask the authorizers."""
        self._chain = self._chain.joined(plugins)

    def review(
        self, kind: Kind, what: tuple[str, str], call: Call, obj: Object | None, old: Object | None = None
    ) -> Review | None:
        """`what`: (operation, subresource). None when nobody looks at such requests: that is found out by look-ups."""
        operation, subresource = what
        if not (self._chain.concerns(kind.key, operation, subresource) or self._asked()):
            return None
        about = obj if obj is not None else old or {"metadata": {}}
        namespace = namespace_of(about) if kind.namespaced else ""
        return Review(
            kind,
            operation,
            obj,
            old,
            namespace,
            name_of(about),
            subresource,
            user_of(call),
            call.args.flag("dryRun"),
            annotations=call.annotations,
            warnings=call.warnings,
        )

    def _asked(self) -> bool:
        """Whether anybody has quotas, policies or webhooks at all."""
        return bool(
            self._any("ResourceQuota") or self._any(policies.BINDING) or self._any(MUTATING) or self._any(VALIDATING)
        )

    async def mutate(self, review: Review, call: Call) -> None:
        """Changes review.obj."""
        self._chain.mutate(review)
        if self._accounts and review.kind.key == "Pod" and review.operation == CREATE and not review.subresource:
            await self._account(review, call)
        if self._any(MUTATING):
            await self._mutating(review, call)

    async def validate(self, review: Review, call: Call) -> None:
        self._chain.validate(review)
        if self._any(policies.BINDING):
            policies.validate(review, self._chain.sources)
        if self._any(VALIDATING):
            hooks = [*webhooks.concerned(review, self._chain.sources, VALIDATING)]
            answers = await asyncio.gather(*(self._ask(hook, review, call) for hook in hooks), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer

    # ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _account(self, review: Review, call: Call) -> None:
        name = review.spec().get("serviceAccountName")
        if type(name) is not str or self._find("ServiceAccount", f"{review.namespace}/{name}") is not None:
            return
        for look in range(LOOKS if name == serviceaccount.DEFAULT else 1):
            if look:
                await asyncio.sleep(PAUSE)
            key = f"{review.namespace}/{name}"
            if await self._storage.get(KINDS["ServiceAccount"], key, call.left()) is not None:
                return
        raise serviceaccount.missing(review, name)

    # ── webhooks ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _mutating(self, review: Review, call: Call) -> None:
        hooks = [*webhooks.concerned(review, self._chain.sources, MUTATING)]
        if not hooks:
            return
        if review.operation == CREATE and review.obj is not None:
            review.obj = _filled(review.obj)
        first = review.obj
        seen: list[tuple[Hook, Object | None]] = []
        for hook in hooks:
            await self._ask(hook, review, call)
            seen.append((hook, review.obj))
        if review.obj is first:
            return
        self._chain.mutate(review)
        for hook, then in seen:
            if hook.again and review.obj != then:  # others have changed it since: it may look once more
                await self._ask(hook, review, call)

    async def _ask(self, hook: Hook, review: Review, call: Call) -> None:
        uid, body = webhooks.question(review, self._host.rng)
        try:
            place = webhooks.place_of(hook, self._chain.sources)
            answer = await self._caller(place, body, min(hook.timeout, call.left()))
            webhooks.understood(hook, uid, answer, review)
        except ValueError as error:
            if not hook.ignores:
                raise webhooks.failed(hook, str(error)) from None
            word = "mutating" if hook.mutating else "validating"
            review.annotations[f"failed-open.{word}.webhook.admission.k8s.io/{hook.name}"] = str(error)[:500]

    # ── what plugins may look at ─────────────────────────────────────────────────────────────────────────────

    def _any(self, kind: str) -> bool:
        return kind in KINDS and bool(self._cache.objects(kind))

    def _known(self, kind: str) -> bool:
        return kind in KINDS or kind in self._cache.kinds()

    def _find(self, kind: str, key: str) -> Object | None:
        stored = self._cache.get(kind, key) if self._known(kind) else None
        return stored.obj if stored else None

    def _all(self, kind: str) -> list[Object]:
        return [stored.obj for stored in self._cache.objects(kind)] if self._known(kind) else []

    def _within(self, kind: str, namespace: str) -> Sequence[Object]:
        if not self._known(kind) or not self._cache.objects(kind):
            return ()
        return [stored.obj for stored in self._cache.list(kind, Selection(namespace))]


def _filled(obj: Object) -> Object:
    """With defaults, as webhooks are to see it; what is malformed is left to validation."""
    try:
        return default(obj)
    except (TypeError, ValueError, AttributeError, KeyError, StatusError):
        return obj


def user_of(call: Call) -> Who:
    """Who asks: the user at the second door, the component on the bus, or the apiserver itself."""
    if call.who is not None:
        return call.who
    return user_of_host(call.request.src) if call.request is not None else NOBODY
