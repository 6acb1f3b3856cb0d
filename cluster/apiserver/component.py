"""The apiserver: verbs on objects over the bus, watches, and the cache that both stand on.

Shell: wires the parts together and registers the verbs. Must not hold rules.
Served kinds: see `cluster.client.client`; besides them `apiserver.ready`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import new_uid, parse_time
from cluster.api.versions import served
from cluster.apiserver.admitting import Admission, Caller, unreachable
from cluster.apiserver.allkinds import AllKinds
from cluster.apiserver.allocation import Ranges
from cluster.apiserver.approvals import Approvals
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.audit import policy_of
from cluster.apiserver.auditlog import AuditLog
from cluster.apiserver.auth.access import Access
from cluster.apiserver.bootstrap import bootstrap
from cluster.apiserver.busaudit import audited
from cluster.apiserver.customs import UNKNOWN, Customs, in_stored_version
from cluster.apiserver.definitions import Definitions
from cluster.apiserver.encryption import Encryption, Resealing, vault_of
from cluster.apiserver.eviction import Evictions
from cluster.apiserver.fairness import Fairness
from cluster.apiserver.faults import harmed
from cluster.apiserver.feed import Feed
from cluster.apiserver.hub import Hub
from cluster.apiserver.livekinds import LiveKinds
from cluster.apiserver.measures import Measures
from cluster.apiserver.reads import Reader, Reads
from cluster.apiserver.request import Call, serve
from cluster.apiserver.storage import Storage
from cluster.apiserver.verbs import Verbs
from cluster.apiserver.watchcache import WatchCache
from cluster.config import Etcd, Timing
from cluster.errors import StatusError, UsageError
from cluster.rpc import Request, Rpc, Sender
from cluster.world.host import Address, Host
from store.engines import engine

if TYPE_CHECKING:
    from cluster.apiserver.auth.gate import Gate
    from cluster.apiserver.auth.roles import Roles

Work = Callable[[Kind, Call], Awaitable[Any]]
CUSTOM_VERBS = ("get", "list", "table", "create", "update", "patch", "delete", "delete-collection", "update-status",
                "patch-status", "get-scale", "update-scale", "patch-scale")  # fmt: skip
"""What may be done with objects of a kind that was defined at run time."""
ANY = Kind("Object", "", "", "objects", "object")
"""What requests are for that are for all kinds."""


@dataclass(frozen=True, slots=True)
class Https:
    """Where the second door listens, and with which certificate. Files are PEM. Real processes only."""

    address: str
    port: int = 6443
    cert: str = ""
    key: str = ""
    client_ca: str = ""
    """Whose signature a client's certificate must have."""


@dataclass(frozen=True, slots=True)
class Config:
    store: tuple[Address, ...]
    """The store's members."""
    prefer: Address = ""
    """The member on this machine: watched first."""
    engine: str = "raft"
    etcd: Etcd | None = None
    """With engine etcd: where it is."""
    timing: Timing = field(default_factory=Timing)
    service_cidr: str = "127.77.240.0/20"
    """Services' addresses are drawn from here; the first is default/kubernetes."""
    first_node_port: int = 30000
    last_node_port: int = 32767
    window: int = 1000
    """Events kept per kind, for watches that resume and pages of older lists."""
    event_ttl: float = 3600.0
    """Seconds after which an Event that nothing was added to is deleted."""
    https: Https | None = None
    """The second door; None: there is only the bus."""
    advertise: str = ""
    """The address at which pods find the second door, behind the Service default/kubernetes; "" for none."""
    access: Access | None = None
    """Who may come in; None: whoever has a certificate, and roles count for nothing."""
    encryption: Encryption | None = None
    """What is encrypted in the store, and with which keys; None: nothing is."""
    audit: dict[str, Any] | None = None
    """The audit log's policy (audit.k8s.io/v1); None: there is no log."""
    disable_admission: tuple[str, ...] = ("ServiceAccount",)
    """Names of admission plugins that are off (Kubernetes: --disable-admission-plugins)."""
    trace: bool = False
    """Whether each write is noted in the journal, with the request that asked for it."""

    def __post_init__(self) -> None:
        try:
            room = IPv4Network(self.service_cidr).num_addresses
        except ValueError as error:
            raise UsageError(str(error), place="apiserver.service_cidr", remedy="for example 127.77.240.0/20") from None
        checks = (
            (bool(self.store), "store", "at least one member"),
            (self.window >= 1, "window", "at least 1"),
            (1 <= self.first_node_port <= self.last_node_port <= 65535, "first_node_port", "a range within 1 to 65535"),
            (room >= 8, "service_cidr", "at least 8 addresses"),
            (self.event_ttl > 0, "event_ttl", "more than 0 seconds"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="apiserver", remedy=right)


async def run(host: Host, config: Config) -> None:
    """For ever; with a door, until the process is told to end (SIGTERM)."""
    await Apiserver(host, config).run()


class Apiserver:
    def __init__(self, host: Host, config: Config, caller: Caller | None = None) -> None:
        """`caller`: who asks webhooks; None: the network, if there is any but the bus."""
        timing = config.timing
        self.config = config
        self.host = host
        self.rpc = Rpc(host, keepalive=timing.watch_keepalive)
        found = engine(config.engine, config.etcd)
        store = found.client(self.rpc, config.store, config.prefer or None, timing.request_timeout)
        self._upkeep = partial(found.upkeep, store)
        self.ranges = Ranges(IPv4Network(config.service_cidr), (config.first_node_port, config.last_node_port))
        storage = Storage(store, vault_of(host, config.encryption))
        self._resealing = Resealing(storage, timing.request_timeout)
        self.cache = WatchCache(KINDS, config.window)
        self.hub = Hub()
        self.feed = Feed(host, storage, self.cache, self.hub, patience=timing.request_timeout / 2, trace=config.trace)
        self.reads = Reads(host, storage, self.cache, self.hub, self.feed)
        self.measures = Measures(self.rpc, self.cache)
        members = config.store if config.engine == "raft" else ()
        self.reads.live = LiveKinds(self.rpc, self.cache, members, storage.revision, self._kinds).of
        settings = (max(1, round(timing.default_toleration)), config.disable_admission)
        self.admission = Admission(host, storage, self.cache, settings, caller or _caller(config))
        self.fairness = Fairness()
        self.audit = None if config.audit is None else AuditLog(host, policy_of(config.audit))
        self.gate, self.roles = self._authorization(storage)
        self._works: dict[tuple[str, str], dict[str, Work]] = {}
        self.closing = False
        """It has been told to end: nobody new is to come."""
        self._open = asyncio.Event()
        """Set once the cache is filled and the first objects are there: requests wait for it."""
        self._settled = asyncio.Event()
        """Set once the default roles are there too: before, nobody is turned away for want of one."""
        self.verbs = Verbs(host, storage, self.cache, self.feed, self.admission, (self.ranges, config.trace))
        self.evictions = Evictions(host, self.cache, self.feed, self.verbs)
        self.customs = Customs(self.cache)
        self.definitions = Definitions(host, self.cache, self.feed, self.verbs, timing.request_timeout)
        self.all_kinds = AllKinds(self.cache, self.hub, self.feed, self.verbs, self.customs.kind)

    def _authorization(self, storage: Storage) -> tuple[Gate | None, Roles | None]:
        if self.config.access is None:
            return None, None
        from cluster.apiserver.auth.gate import Gate  # signs and verifies: not loaded where nobody does
        from cluster.apiserver.auth.plugins import plugins
        from cluster.apiserver.auth.roles import Roles

        host = self.host
        gate = Gate(self.config.access, self.cache, self.feed.fresh, host.clock.now, lambda: new_uid(host.rng))
        self.admission.join(plugins(gate, self.config.disable_admission))
        return gate, Roles(host, storage, self.cache, self.feed, self.config.timing.request_timeout)

    async def run(self) -> None:
        self._register()
        async with asyncio.TaskGroup() as group:
            works = (
                self.feed.run(self.config.prefer),
                self._start(),
                self._bookmarks(),
                self._expire_events(),
                self._upkeep(),
                self.definitions.run(self.hub),
            )
            tasks = [group.create_task(work) for work in works]
            if self.audit is not None:
                tasks.append(group.create_task(self.audit.run()))
            if self.config.https is not None:
                await self._door(self.config.https)
                for task in tasks:
                    task.cancel()

    async def _start(self) -> None:
        await self.feed.ready()
        timeout = self.config.timing.request_timeout
        await bootstrap(self.verbs, self.cache, self.ranges, timeout, self.config.advertise)
        self._open.set()
        if self.roles is not None:
            await self.roles.run()
        self._settled.set()

    def checks(self) -> dict[str, bool]:
        """What readiness asks, by name."""
        checks = {"store": self.is_open(), "shutdown": not self.closing}
        return checks if self.roles is None else {**checks, "poststarthook/rbac/bootstrap-roles": self.roles.ready}

    async def _door(self, place: Https) -> None:
        from cluster.apiserver.rest.door import serve  # real by nature: not where there are no sockets

        await serve(self, place)

    async def opened(self) -> None:
        await self._open.wait()

    def is_open(self) -> bool:
        return self._open.is_set()

    async def settled(self) -> None:
        await self._settled.wait()

    def is_settled(self) -> bool:
        return self._settled.is_set()

    # ── serving ──────────────────────────────────────────────────────────────────────────────────────────────

    def _register(self) -> None:
        self.measures.register()
        self._resealing.register(self.rpc, self._open.wait)
        self.rpc.serve("apiserver.ready", partial(self._serve, KINDS["Namespace"], self._ready))
        for verb, of_all in (("list", self.all_kinds.list), ("purge", self.all_kinds.purge)):
            self.rpc.serve(f"object.{verb}", partial(self._serve, ANY, _of_any(of_all)))
        self.rpc.serve_stream("object.watch", self._watch_all)
        for verb in CUSTOM_VERBS:
            self.rpc.serve(f"custom.{verb}", partial(self._serve, ANY, partial(self._custom, verb)))
        self.rpc.serve_stream("custom.watch", self._watch_custom)
        for kind in KINDS.values():
            for verb, work in self.works_of(kind).items():
                self.rpc.serve(f"{kind.key.lower()}.{verb}", partial(self._serve, kind, work))
            self.rpc.serve_stream(f"{kind.key.lower()}.watch", partial(self._watch, kind))

    def _kinds(self) -> Iterable[Kind]:
        """Every version of every kind that is served."""
        return (*served(), *self.customs.served())

    def works_of(self, kind: Kind) -> dict[str, Work]:
        """What may be done with objects of a kind, by verb."""
        if kind.custom:
            return self._works_of(kind)  # another one whenever its definition has changed
        place = (kind.key, kind.version)
        found = self._works.get(place)
        if found is None:
            found = self._works[place] = self._works_of(kind)
        return found

    def _works_of(self, kind: Kind) -> dict[str, Work]:
        reads, verbs = self.reads, self.verbs
        works: dict[str, Work] = {
            "get": reads.get,
            "list": reads.list,
            "table": reads.table,
            "create": verbs.create,
            "update": verbs.update,
            "patch": verbs.patch,
            "delete": verbs.delete,
            "delete-collection": partial(verbs.delete_collection, reads=reads),
        }
        if kind.read_only:
            return {verb: works[verb] for verb in ("get", "list", "table")}
        if kind.status:
            works |= {"update-status": verbs.update_status, "patch-status": verbs.patch_status}
        if kind.scale:
            works |= {
                "get-scale": reads.get_scale,
                "update-scale": verbs.update_scale,
                "patch-scale": verbs.patch_scale,
            }
        if kind.custom:
            return {verb: in_stored_version(kind, work) for verb, work in works.items()}
        match kind.kind:
            case "Lease":
                works["renew"] = verbs.update
            case "Namespace":
                works["update-finalize"] = verbs.finalize
            case "CertificateSigningRequest":
                approvals = Approvals(verbs, self.host.clock.now)
                works |= {"update-approval": approvals.update, "patch-approval": approvals.patch}
            case "ServiceAccount":
                works["token"] = self._token if self.gate is None else self.gate.request
            case "Pod":
                works |= {"patch-ephemeral": verbs.patch_ephemeral, "update-ephemeral": verbs.update_ephemeral}
                works |= {"bind": verbs.bind, "evict": self.evictions.evict}
        return works

    async def _token(self, kind: Kind, call: Call) -> Any:
        raise StatusError("NotFound", "this cluster gives out no tokens: it has no key to sign them")

    async def _serve(self, kind: Kind, work: Work, request: Request) -> Any:
        timeout = self.config.timing.request_timeout

        async def once_open(call: Call) -> Any:
            await self._open.wait()
            return await harmed(self.host, request, kind.kind, partial(work, kind, call))

        if self.audit is None:
            return await serve(request, timeout, self._open.is_set, once_open)

        async def noting(annotations: dict[str, str]) -> Any:
            async def noted(call: Call) -> Any:
                call.annotations = annotations
                return await once_open(call)

            return await serve(request, timeout, self._open.is_set, noted)

        told = (self.customs.about(request.body) if kind is ANY else None) or kind
        return await audited(self.audit, told, request, self.host.clock.now(), noting)

    async def connect(self, kind: Kind, subresource: str, pod: dict[str, Any], call: Call) -> None:
        """Whether admission lets somebody talk to a pod."""
        await self.verbs.connect(kind, subresource, pod, call)

    async def _watch(self, kind: Kind, request: Request, sender: Sender) -> None:
        reader = Reader(sender.send, patience=self.config.timing.request_timeout, user=sender.to)
        work = partial(self.reads.watch, kind, Arguments(request.body), reader)
        await harmed(self.host, request, kind.kind, work, opens=True)

    async def _custom(self, verb: str, kind: Kind, call: Call) -> Any:
        """Of a kind that the request names, for it came while we ran."""
        kind = self.customs.named(call.args)
        work = self.works_of(kind).get(verb)
        if work is None:
            raise StatusError("NotFound", UNKNOWN)
        return await work(kind, call)

    async def _watch_custom(self, request: Request, sender: Sender) -> None:
        await self.feed.ready()
        await self._watch(self.customs.named(Arguments(request.body)), request, sender)

    async def _watch_all(self, request: Request, sender: Sender) -> None:
        reader = Reader(sender.send, patience=self.config.timing.request_timeout, user=sender.to)
        work = partial(self.all_kinds.watch, Arguments(request.body), reader)
        await harmed(self.host, request, ANY.key, work, opens=True)

    async def _ready(self, kind: Kind, call: Call) -> bool:
        await self.feed.ready()
        return True

    # ── by the clock ─────────────────────────────────────────────────────────────────────────────────────────

    async def _bookmarks(self) -> None:
        while True:
            await asyncio.sleep(self.config.timing.bookmark)
            self.hub.bookmark(self.cache.revision)

    async def _expire_events(self) -> None:
        """Every apiserver does it; a deletion that another has done already is none."""
        while True:
            await asyncio.sleep(self.config.event_ttl / 10)
            oldest = self.host.clock.now() - self.config.event_ttl
            for stored in list(self.cache.objects("Event")):
                if _last_seen(stored.obj) < oldest:
                    await self._forget(stored.obj)

    async def _forget(self, event: dict[str, Any]) -> None:
        meta = event["metadata"]
        body = {name: meta[name] for name in ("name", "namespace", "resourceVersion")}
        call = Call(Arguments(body), asyncio.get_running_loop().time() + self.config.timing.request_timeout)
        try:
            await self.verbs.delete(KINDS["Event"], call)
        except StatusError as error:
            if error.reason not in ("NotFound", "Conflict"):
                self.host.note("event-ttl", {"error": str(error)})


def _caller(config: Config) -> Caller:
    if config.https is None:
        return unreachable
    from cluster.apiserver.rest.hooks import Hooks  # real by nature, as the door is

    return Hooks().call


def _of_any(work: Callable[[Call], Awaitable[Any]]) -> Work:
    return lambda kind, call: work(call)


def _last_seen(event: dict[str, Any]) -> float:
    meta = event["metadata"]
    try:
        return parse_time(event.get("lastTimestamp") or event.get("eventTime") or meta["creationTimestamp"])
    except (TypeError, ValueError):
        return parse_time(meta["creationTimestamp"])
