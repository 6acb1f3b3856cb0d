"""create, update, patch, delete and the subresources: read, decide (registry, admission), write guarded, again if lost.

Shell. Must not hold rules: what becomes of an object is decided by pure functions of the object as it is.

An update starts from the cache, which may be old. So only a write that the store's guard let pass counts; a refusal
or "nothing to do" that was decided on a cached object is decided again on the store's own (GuaranteedUpdate).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cluster.api import managedfields, versions
from cluster.api.kinds import KINDS, Kind
from cluster.api.managedfields import Manager
from cluster.api.meta import Object, key_of, name_of, namespace_of, revision_of
from cluster.api.patch import apply
from cluster.apiserver import allocation, ephemeral, ownership, refusals, registry, subresources
from cluster.apiserver.admission import namespacelifecycle
from cluster.apiserver.admission.review import CONNECT, CREATE, DELETE, UPDATE, Review
from cluster.apiserver.admitting import Admission
from cluster.apiserver.arguments import well_formed
from cluster.apiserver.feed import Feed
from cluster.apiserver.reads import Reads
from cluster.apiserver.registry import Outcome
from cluster.apiserver.request import Call
from cluster.apiserver.serviceclaims import ServiceClaims
from cluster.apiserver.storage import Charge, Storage, Write
from cluster.apiserver.watchcache import Stored, WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host

NO_STRATEGY = (
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
    "application/merge-patch+json, application/apply-patch+yaml"
)
"""Who sends a strategic patch of a custom object: nothing is known of how its lists are merged."""
NAME_TRIES = 8
"""Draws for a generateName before the clash is reported."""

Asked = tuple[str, str]
"""(operation, subresource), as admission names them."""
Change = Callable[[Object], Outcome]
"""From an object as it is to what is to become of it. Called again when the object turns out to be another."""


class Verbs:
    def __init__(
        self,
        host: Host,
        storage: Storage,
        cache: WatchCache,
        feed: Feed,
        admission: Admission,
        settings: tuple[allocation.Ranges, bool],
    ) -> None:
        """`settings`: (the Services' ranges, whether writes are noted)."""
        self._host = host
        self._storage = storage
        self._cache = cache
        self._feed = feed
        self._admission = admission
        self._claims = ServiceClaims(host, cache, feed, settings[0])
        self._trace = settings[1]

    # ── verbs ────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, kind: Kind, call: Call) -> Object:
        given = ownership.given(kind, call)
        await self._feed.ready()
        for _ in range(NAME_TRIES):
            try:
                return await self._create(kind, given, call)
            except StatusError as error:
                generated = not given["metadata"].get("name") and given["metadata"].get("generateName")
                if error.reason != "AlreadyExists" or not generated:
                    raise
        raise refusals.already_exists(kind, str(given["metadata"]["generateName"]))

    async def update(self, kind: Kind, call: Call) -> Object:
        given = ownership.given(kind, call)
        return await self._modify(
            kind, _key(kind, given), call, lambda old: registry.prepare_update(kind, old, given), owned=""
        )

    async def update_status(self, kind: Kind, call: Call) -> Object:
        given = ownership.given(kind, call)
        return await self._modify(
            kind, _key(kind, given), call, lambda old: subresources.set_status(kind, old, given), owned="status"
        )

    async def finalize(self, kind: Kind, call: Call) -> Object:
        given = call.args.object(kind)
        change = partial(subresources.finalize, kind, given=given)
        return await self._modify(kind, _key(kind, given), call, change, asked=(UPDATE, "finalize"))

    async def update_scale(self, kind: Kind, call: Call) -> Object:
        given = call.args.object(kind, typed=False)
        key = _key(kind, given)
        obj = await self._modify(kind, key, call, lambda old: subresources.set_scale(kind, old, given), owned="scale")
        return subresources.scale_of(kind, obj)

    async def patch_scale(self, kind: Kind, call: Call) -> Object:
        """The patch is of the Scale that the object shows."""
        patch, type, key = call.args.any("patch"), call.args.text("type"), call.args.key(kind)

        def change(old: Object) -> Outcome:
            scale = apply(subresources.scale_of(kind, old), patch, "merge" if type == "strategic" else type)
            if not isinstance(scale.get("metadata"), dict) or _key(kind, scale) != key:
                raise refusals.bad_request("a patch may not change name or namespace")
            return subresources.set_scale(kind, old, scale)

        return subresources.scale_of(kind, await self._modify(kind, key, call, change, owned="scale"))

    async def patch(self, kind: Kind, call: Call) -> Object:
        if call.args.text("type") == "apply":
            return await self._apply(kind, call)
        return await self._patch(kind, call, lambda old, new: registry.prepare_update(kind, old, new))

    async def patch_status(self, kind: Kind, call: Call) -> Object:
        if call.args.text("type") == "apply":
            return await self._apply(kind, call, "status")
        return await self._patch(kind, call, lambda old, new: subresources.set_status(kind, old, new), owned="status")

    async def patch_ephemeral(self, kind: Kind, call: Call) -> Object:
        return await self._patch(kind, call, partial(ephemeral.replace, kind), owned=ephemeral.SUBRESOURCE)

    async def update_ephemeral(self, kind: Kind, call: Call) -> Object:
        given = ownership.given(kind, call)
        change = partial(ephemeral.replace, kind, given=given)
        return await self._modify(kind, _key(kind, given), call, change, owned=ephemeral.SUBRESOURCE)

    async def delete(self, kind: Kind, call: Call) -> Object:
        obj = await self.remove(kind, call.args.key(kind), call, delete_options(call))
        if kind.kind == "Namespace":
            # Whoever is told that a namespace is going is not to find this apiserver creating things in it.
            await self._feed.at_least(revision_of(obj))
        return obj

    async def delete_collection(self, kind: Kind, call: Call, reads: Reads) -> dict[str, Any]:
        options = delete_options(call)
        items = []
        for obj in await reads.selected(kind, call):
            try:
                items.append(await self.remove(kind, key_of(obj), call, options))
            except StatusError as error:
                if error.reason != "NotFound":
                    # Those before it are deleted already, whatever this one's error says of itself.
                    raise StatusError(error.reason, error.message, error.details, definite=not call.wrote) from None
        return {"items": items}

    async def bind(self, kind: Kind, call: Call) -> Object:
        node, uid, now = call.args.text("node"), call.args.text("uid"), self._host.clock.now()
        key = call.args.key(kind)
        change = partial(subresources.bind, kind, node=node, uid=uid, now=now)
        return await self._modify(kind, key, call, change, asked=(CREATE, "binding"))

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _create(self, kind: Kind, given: Object, call: Call, applied: Manager | None = None) -> Object:
        """`applied`: whose configuration `given` is."""
        obj = registry.prepare_create(kind, given, self._host.clock.now(), self._host.rng)
        within = await self._home(kind, obj, call)
        review = self._admission.review(versions.stored(kind), (CREATE, ""), call, obj)
        if review is not None:
            await self._admission.mutate(review, call)
            assert review.obj is not None
            obj = registry.requalified(kind, obj, review.obj)
        obj = registry.complete(kind, obj)
        if applied is not None:
            config = versions.in_version(given, applied.version)
            obj = managedfields.with_entries(obj, managedfields.owners(config, applied))
        else:
            obj = ownership.made(obj, call, ownership.manager(kind, call, self._host.clock.now()))
        if review is not None:
            review.obj = obj
            await self._admission.validate(review, call)
        async with self._admission.quotas.turn(review):
            return await self._write_new(kind, obj, call, within, review)

    async def _write_new(
        self, kind: Kind, obj: Object, call: Call, within: tuple[str, int], review: Review | None
    ) -> Object:
        key, taken, fresh = key_of(obj), set[str](), False
        quotas = self._admission.quotas
        while True:
            charges = await quotas.charges(review, call)
            try:
                outcome = self._claims.allocated(kind, Outcome(obj), None, taken)
            except StatusError:
                if fresh:
                    raise
                # No address is free, says the cache: it may not have heard yet of those given back.
                fresh = await self._claims.heard_all(call, taken)
                continue
            assert outcome.obj is not None
            if call.args.flag("dryRun"):
                if await self._storage.get(kind, key, call.left()) is not None:
                    raise refusals.already_exists(kind, name_of(obj))
                return outcome.obj
            call.wrote = True
            write = Write(kind, key, outcome.obj, 0, outcome.claims, within=within, charges=charges)
            written = await self._storage.commit(write, call.left())
            if written.revision:
                quotas.charged(charges, written.revision)
                if self._trace:
                    _note(self._host, write, written.revision, call)
                return Stored(outcome.obj, written.revision).obj
            call.wrote = False
            if written.current is not None:
                raise refusals.already_exists(kind, name_of(obj))
            if written.homeless:
                within = await self._home(kind, obj, call, live=True)
            if written.outdated:
                await quotas.refresh(namespace_of(obj), call.left())
            if written.homeless or written.outdated:
                continue
            self._claims.retake(obj, outcome.obj, written.taken, taken)

    async def _modify(
        self, kind: Kind, key: str, call: Call, change: Change, owned: str | None = None, asked: Asked = (UPDATE, "")
    ) -> Object:
        """Carry out `change` on the object at `key`; the object as it then is. `owned`: the subresource through which
        the caller comes to own what they change; None where nobody owns it (a deletion, a binding): then `asked` says
        what admission is told."""
        if owned is not None:
            change, asked = self._owning(kind, call, change, owned), (UPDATE, owned)
        await self._feed.ready()
        current, live, taken = self._cache.get(kind.key, key), False, set[str]()
        while True:
            try:
                if current is None:
                    raise refusals.not_found(kind, key.rpartition("/")[2])
                outcome, charges = await self._admitted(kind, asked, call, change(current.obj), current.obj)
                outcome = self._claims.allocated(kind, outcome, current.obj, taken)
            except StatusError:
                if live:
                    raise
                if kind.kind == "Service":
                    await self._claims.heard_all(call, taken)
                outcome = None
            if outcome is None or outcome.obj is None:
                if live and current is not None:
                    return current.obj
                current, live = await self._storage.get(kind, key, call.left()), True
                continue
            assert current is not None
            if call.args.flag("dryRun"):
                return _with_revision(outcome.obj, current.revision)
            write = Write(
                kind,
                key,
                None if outcome.remove else outcome.obj,
                current.revision,
                outcome.claims,
                outcome.releases,
                charges=charges,
            )
            call.wrote = True
            written = await self._storage.commit(write, call.left())
            if written.revision:
                self._admission.quotas.charged(charges, written.revision)
                if self._trace:
                    _note(self._host, write, written.revision, call)
                return Stored(outcome.obj, written.revision).obj
            call.wrote = False
            if written.outdated:
                await self._admission.quotas.refresh(namespace_of(current.obj), call.left())
            if written.taken:
                self._claims.retake(change(current.obj).obj or {}, outcome.obj, written.taken, taken)
            current, live = written.current, True

    async def _admitted(
        self, kind: Kind, asked: Asked, call: Call, outcome: Outcome, old: Object
    ) -> tuple[Outcome, tuple[Charge, ...]]:
        """What admission makes of a change, and what it charges. A refusal is a StatusError."""
        if outcome.obj is None:
            return outcome, ()
        new = None if asked[0] == DELETE else outcome.obj
        review = self._admission.review(versions.stored(kind), asked, call, new, old)
        if review is None:
            return outcome, ()
        await self._admission.mutate(review, call)
        if review.obj is not None and review.obj is not outcome.obj:
            outcome = subresources.again(kind, old, review.obj, asked[1]) or outcome
            if outcome.obj is None:
                return outcome, ()
            review.obj = outcome.obj
        await self._admission.validate(review, call)
        return outcome, await self._admission.quotas.charges(review, call)

    async def connect(self, kind: Kind, subresource: str, pod: Object, call: Call) -> None:
        """Whether somebody may talk to a pod (exec, attach, portforward); a StatusError if not."""
        review = self._admission.review(kind, (CONNECT, subresource), call, None, pod)
        if review is not None:
            await self._admission.mutate(review, call)
            await self._admission.validate(review, call)

    async def change_status(self, kind: Kind, key: str, call: Call, change: Change, owned: str | None = None) -> Object:
        """Carry out `change` of the status of the object at `key`, the server's own or one that comes through the
        subresource `owned`; the object as it then is."""
        return await self._modify(kind, key, call, change, owned, asked=(UPDATE, "status"))

    async def remove(self, kind: Kind, key: str, call: Call, options: registry.DeleteOptions) -> Object:
        """Delete the object at `key`, or begin to."""
        now = self._host.clock.now()
        change = partial(registry.prepare_delete, kind, options=options, now=now)
        return await self._modify(kind, key, call, change, asked=(DELETE, ""))

    def _owning(self, kind: Kind, call: Call, change: Change, subresource: str) -> Change:
        who = ownership.manager(kind, call, self._host.clock.now(), subresource)
        return lambda old: ownership.kept(old, change(old), who)

    async def _apply(self, kind: Kind, call: Call, subresource: str = "") -> Object:
        """Server-side apply: of an object that is not there, it makes one."""
        config = ownership.appliable(kind, well_formed(kind, call.args.any("patch")), subresource)
        if _key(kind, config) != call.args.key(kind):
            raise refusals.bad_request("name and namespace of what is applied are those on the URL")
        who = ownership.manager(kind, call, self._host.clock.now(), subresource)
        force = call.args.flag("force")
        await self._feed.ready()
        while True:
            try:
                return await self._modify(
                    kind, call.args.key(kind), call, lambda old: ownership.apply(kind, old, config, who, force=force)
                )
            except StatusError as error:
                if error.reason != "NotFound" or subresource:
                    raise
            try:
                made = await self._create(kind, versions.read(kind, config), call, who)
                call.made = True
                return made
            except StatusError as error:
                if error.reason != "AlreadyExists":  # else somebody was faster: then it is changed
                    raise

    async def _patch(
        self, kind: Kind, call: Call, prepare: Callable[[Object, Object], Outcome], owned: str = ""
    ) -> Object:
        patch, type = call.args.any("patch"), call.args.text("type")
        if kind.custom and type == "strategic":
            raise StatusError("UnsupportedMediaType", NO_STRATEGY)

        def change(old: Object) -> Outcome:
            patched = apply(versions.show(kind, old), patch, type)
            new = versions.read(kind, ownership.known(kind, well_formed(kind, patched), call, patch))
            if _key(kind, new) != key_of(old):
                raise refusals.bad_request("a patch may not change name or namespace")
            return prepare(old, new)

        return await self._modify(kind, call.args.key(kind), call, change, owned)

    async def _home(self, kind: Kind, obj: Object, call: Call, *, live: bool = False) -> tuple[str, int]:
        """The namespace that the object is to be in, and its version, which says that it takes new objects; a refusal
        if it does not. The cache may be behind: what it says is held against the store in the write's transaction."""
        name = namespace_of(obj)
        if not kind.namespaced:
            return "", 0
        stored = None if live else self._cache.get("Namespace", name)
        try:
            namespacelifecycle.check(kind, obj, stored.obj if stored else None)
        except StatusError:
            stored = await self._storage.get(KINDS["Namespace"], name, call.left())
            namespacelifecycle.check(kind, obj, stored.obj if stored else None)
        assert stored is not None  # else it was refused
        return name, stored.revision


def _note(host: Host, write: Write, revision: int, call: Call) -> None:
    """A write that happened, with the request that asked for it (its place among several in one message apart)."""
    asked = call.request
    message = [asked.src, asked.boot, asked.id] if asked is not None else [host.name, host.boot, 0]
    verb = asked.kind.partition(".")[2] if asked is not None else "create" if write.expected == 0 else "update"
    about = {"kind": write.kind.kind, "key": write.key, "revision": revision, "verb": verb}
    host.note("write", {**about, "user": message[0], "message": message})


def _key(kind: Kind, obj: Object) -> str:
    """Where an object that came with a request lives."""
    meta = obj["metadata"]
    if not meta.get("name"):
        raise refusals.bad_request("metadata.name is required")
    return f"{meta.get('namespace') or 'default'}/{meta['name']}" if kind.namespaced else str(meta["name"])


def _with_revision(obj: Object, revision: int) -> Object:
    return Stored(obj, revision).obj


def delete_options(call: Call) -> registry.DeleteOptions:
    """What a request to delete asks for."""
    args = call.args
    return registry.DeleteOptions(
        args.text("uid"), args.text("resourceVersion"), args.number("grace"), args.text("propagation")
    )
