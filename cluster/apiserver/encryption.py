"""What an apiserver encrypts in the store, as configuration; and the bus's requests for whoever changes the keys.

Shell. Must not know ciphers (`cluster.pki.vault`), nor what objects mean.

    encryption.keys    {} -> {"resources": {resource: {"first": key, "sealed": {key: how many}}}, "known": [key]}
    encryption.reload  {} -> the keys as they stand in the file now: {"known": [key], "first": {resource: key}}
    encryption.reseal  {} -> {"resealed": n}: what is sealed with another key than the first, or not at all, is sealed
                       anew (in Kubernetes: kubectl get secrets -A -o json | kubectl replace -f -)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cluster.api.kinds import KINDS
from cluster.apiserver.storage import PAGE, Storage
from cluster.errors import StatusError, UsageError
from cluster.pki.vault import Sealed, Vault, parse, read, sealed_with
from cluster.rpc import Request, Rpc
from cluster.world.host import Host
from store.mvcc.values import Compare, KeyValue, Put, prefix_end


@dataclass(frozen=True, slots=True)
class Encryption:
    """`file`: an EncryptionConfiguration (YAML), outside of the store's folders; else `configuration`, the same as
    data, which keeps nothing secret from whoever reads the configuration."""

    file: str = ""
    configuration: dict[str, Any] | None = None


def vault_of(host: Host, encryption: Encryption | None) -> Vault | None:
    """UsageError that says what is wrong with the keys."""
    if encryption is None:
        return None
    # Nonces must never repeat under one key, and need not be secret: the host's dice differ for each of its boots.
    nonce = host.rng.randbytes
    if not encryption.file:
        return Vault(parse(encryption.configuration), nonce)
    return Vault(read(encryption.file), nonce, partial(read, encryption.file))


class Resealing:
    """`timeout`: seconds for each request to the store."""

    def __init__(self, storage: Storage, timeout: float) -> None:
        self._storage = storage
        self._timeout = timeout

    def register(self, rpc: Rpc, opened: Callable[[], Awaitable[object]]) -> None:
        for name, work in (("keys", self.keys), ("reload", self.reload), ("reseal", self.reseal)):
            rpc.serve(f"encryption.{name}", partial(self._serve, work, opened))

    async def _serve(
        self, work: Callable[[Vault], Awaitable[Any]], opened: Callable[[], Awaitable[object]], request: Request
    ) -> Any:
        vault = self._storage.vault
        if vault is None:
            raise StatusError("NotFound", "this cluster encrypts nothing: its apiservers have no `encryption`")
        await opened()
        return await work(vault)

    async def reload(self, vault: Vault) -> dict[str, Any]:
        try:
            vault.reload()
        except UsageError as error:
            raise StatusError("BadRequest", str(error)) from None
        return {"known": list(vault.keys.known), "first": dict(vault.keys.first)}

    async def keys(self, vault: Vault) -> dict[str, Any]:
        resources: dict[str, Any] = {}
        for resource, first in vault.keys.first.items():
            sealed: dict[str, int] = {}
            async for kv in self._values(resource):
                name = sealed_with(kv.value)
                sealed[name] = sealed.get(name, 0) + 1
            resources[resource] = {"first": first, "sealed": sealed}
        return {"resources": resources, "known": list(vault.keys.known)}

    async def reseal(self, vault: Vault) -> dict[str, int]:
        """One write each, none of which overtakes another's. InternalError for the first that does not open."""
        resealed = 0
        for resource, first in vault.keys.first.items():
            async for kv in self._values(resource):
                if sealed_with(kv.value) != first:
                    resealed += await self._renew(vault, resource, kv)
        return {"resealed": resealed}

    async def _renew(self, vault: Vault, resource: str, kv: KeyValue) -> int:
        try:
            value = vault.seal(resource, kv.key, vault.open(kv.key, kv.value))
        except Sealed as shut:
            name = kv.key.decode(errors="replace")
            raise StatusError("InternalError", f"{name} cannot be sealed anew: {shut}", definite=True) from None
        unchanged = Compare(kv.key, "mod", "=", kv.mod_revision)
        result = await self._storage.store.txn([unchanged], [Put(kv.key, value)], [], timeout=self._timeout)
        return int(result.succeeded)  # else somebody has just written it, and so sealed it anew

    async def _values(self, resource: str) -> AsyncIterator[KeyValue]:
        """All that is kept of a resource, as of one revision."""
        start, revision = prefix_of(resource), 0
        end = prefix_end(start)
        while True:
            page = await self._storage.store.range(start, end, revision=revision, limit=PAGE, timeout=self._timeout)
            revision = revision or page.revision
            for kv in page.kvs:
                yield kv
            if not page.more:
                return
            start = page.kvs[-1].key + b"\0"
            await asyncio.sleep(0)


def prefix_of(resource: str) -> bytes:
    """Of the keys of a resource ("secrets", "jobs.batch", "widgets.example.com") in the store."""
    for kind in KINDS.values():
        if kind.qualified == resource:
            return kind.prefix.encode()
    plural, _, group = resource.partition(".")
    return f"/registry/{group}/{plural}/".encode()
