"""Who may come in: from a request's credentials to a user, the authorizers in order, and tokens given out.

Shell: reads the watch cache, and waits for it where what it knows may be too old to turn somebody away. Must not know
HTTP. Source: Kubernetes, "Controlling Access to the Kubernetes API": client certificate, bearer token, anonymous.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cluster.api.kinds import Kind
from cluster.apiserver.auth import authentication, tokenrequest, tokens
from cluster.apiserver.auth.access import Access
from cluster.apiserver.auth.nodes import NodeAuthorizer
from cluster.apiserver.auth.rbac import Rbac
from cluster.apiserver.auth.rules import ANONYMOUS, SUPERUSERS, Attributes, Authorizer, Grant, Rule, Who
from cluster.apiserver.auth.tokens import Rejected
from cluster.apiserver.refusals import bad_request, not_ready
from cluster.apiserver.request import Call
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError, UsageError
from cluster.pki.keyring import Keyring, NotOurs

Object = dict[str, Any]
ALWAYS = Grant("", (Rule(("get",), paths=("/healthz", "/livez", "/readyz")),))
"""Kubernetes: --authorization-always-allow-paths."""
SECOND_LOOK = 1.0
"""Seconds that a refusal may wait for news of the store."""
REMEMBERED = 4096
"""Tokens whose signatures were verified."""


class Gate:
    def __init__(
        self,
        access: Access,
        cache: WatchCache,
        fresh: Callable[[float], Awaitable[None]],
        now: Callable[[], float],
        serial: Callable[[], str],
    ) -> None:
        """`fresh(seconds)`: until the cache is as new as the store. `serial()`: a name that no other token has.
        UsageError for a file that cannot be read."""
        self.access = access
        self.keys = Keyring.read(access.signing_key)
        self._cache = cache
        self._fresh = fresh
        self._now = now
        self._serial = serial
        self._static = _static(access.token_file)
        self._verified: dict[str, Object] = {}
        self.rbac = Rbac(cache)
        self.authorizers: tuple[Authorizer, ...] = (SUPERUSERS, ALWAYS, NodeAuthorizer(cache), self.rbac)

    def may(self, who: Who, asked: Attributes) -> bool:
        return any(authorizer.allows(who, asked) for authorizer in self.authorizers)

    async def catch_up(self) -> None:
        """Until roles and bindings are as new as the store's. Who cannot ask it in time goes by what it knows."""
        with suppress(TimeoutError, StatusError):
            async with asyncio.timeout(SECOND_LOOK):
                await self._fresh(SECOND_LOOK)

    def rules(self, who: Who, namespace: str) -> Sequence[Rule]:
        """What may be passed on."""
        return [rule for authorizer in (SUPERUSERS, self.rbac) for rule in authorizer.rules(who, namespace)]

    # ── authentication ───────────────────────────────────────────────────────────────────────────────────────

    async def who(self, headers: Mapping[str, str], peer: Who, timeout: float) -> Who:
        """`peer`: the user of the client's certificate. Unauthorized for a token that is not good, wherever anonymous
        may go."""
        if peer is not ANONYMOUS:
            return peer
        token = authentication.bearer(headers)
        if token:
            try:
                return await self.user_of(token, (self.access.issuer,), timeout)
            except Rejected as error:
                raise StatusError("Unauthorized", f"Unauthorized: {error}") from None
        if not self.access.anonymous or headers.get("authorization"):
            raise StatusError("Unauthorized", "Unauthorized")
        return ANONYMOUS

    async def user_of(self, token: str, audiences: Sequence[str], timeout: float) -> Who:
        """Rejected, with the reason. Others than the cluster itself are meant by other audiences."""
        try:
            return self._user_of(token, audiences)
        except Rejected as error:
            if not error.newer:
                raise
        try:
            async with asyncio.timeout(timeout):
                await self._fresh(timeout)
        except TimeoutError:
            raise not_ready() from None
        return self._user_of(token, audiences)

    def _user_of(self, token: str, audiences: Sequence[str]) -> Who:
        known = self._static.get(token)
        if known is not None:
            return known
        now = self._now()
        if authentication.BOOTSTRAP.fullmatch(token):
            found = authentication.bootstrap_user(token, self.find, now)
            if found is None:
                raise Rejected("the bootstrap token is unknown, or not good any more", newer=True)
            return found
        return tokens.accepted(self._claims(token), self.access.issuer, audiences, self.find, now)

    def _claims(self, token: str) -> Object:
        claims = self._verified.get(token)
        if claims is None:
            try:
                claims = self.keys.verify(token)
            except NotOurs as error:
                raise Rejected(str(error)) from None
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified[token] = claims
        return claims

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────

    def means(self, token: str, audience: str) -> bool:
        """Whether a token that is good is meant for this audience too."""
        try:
            self._user_of(token, (audience,))
        except Rejected:
            return False
        return True

    async def request(self, kind: Kind, call: Call) -> Object:
        """What an account's `token` subresource answers: the TokenRequest with its token. NotFound, Invalid, Conflict,
        BadRequest."""
        body = call.args.any("object")
        if type(body) is not dict:
            raise bad_request("the body of the request is a TokenRequest")
        place = (call.args.namespace(kind), call.args.name())
        try:
            return self._issued(*place, body)
        except StatusError as error:
            if error.reason != "NotFound":
                raise
        await self._fresh(call.left())
        return self._issued(*place, body)

    def _issued(self, namespace: str, name: str, request: Object) -> Object:
        sa = self.find("ServiceAccount", f"{namespace}/{name}")
        asked = tokenrequest.read(request, sa, (namespace, name), self.find)
        issuer, audiences = self.access.issuer, asked.audiences or (self.access.issuer,)
        terms = tokens.Terms(issuer, audiences, asked.seconds, self._serial(), asked.bound, asked.node, asked.lasting)
        assert sa is not None  # else it was refused
        now = self._now()
        token = self.keys.sign(tokens.claims_of(sa, terms, now))
        return tokenrequest.answered(request, terms, now, token)

    def find(self, kind: str, key: str) -> Object | None:
        stored = self._cache.get(kind, key)
        return stored.obj if stored is not None else None


def _static(path: str) -> dict[str, Who]:
    if not path:
        return {}
    try:
        return authentication.static_tokens(Path(path).read_text(), path)
    except OSError as error:
        raise UsageError(f"the token file cannot be read: {error.strerror}", place=path) from None
