"""The engine `etcd` against real servers: what `StoreClient` promises, and each way in which they can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from cluster.config import Etcd
from cluster.errors import StatusError
from cluster.world.host import Host
from cluster.world.scenario import eventually
from store.client import Event
from store.engines.etcd.client import EtcdClient
from store.engines.etcd.compaction import Round, compact_once
from store.mvcc.values import Compare, Delete, Put, PutResult, Range, RangeResult, Txn, TxnResult, prefix_end
from tests.proc.etcd_servers import Authority, EtcdServers, servers

pytestmark = pytest.mark.proc


class Links:
    """The cluster's network as the test wants it."""

    def __init__(self) -> None:
        self.cut: list[str] = []
        self.callbacks: list[Callable[[], None]] = []

    def connected(self, machine: str) -> bool:
        return machine not in self.cut

    def on_change(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def set(self, *cut: str) -> None:
        self.cut = list(cut)
        for callback in self.callbacks:
            callback()


def host(links: Links | None = None, machine: str = "desk") -> Host:
    nothing = cast(Any, None)
    return Host("test", machine, 1, nothing, Random(1), nothing, nothing, links or Links(), lambda event, data: None)


def play(config: Etcd, scenario: Callable[[EtcdClient], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        store = EtcdClient(options.pop("host", host()), config, **{"timeout": 5.0, **options})
        try:
            await scenario(store)
        finally:
            store.close()
            await asyncio.sleep(0)

    asyncio.run(main())


async def refused(call: Awaitable[object]) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await call
    return caught.value


async def outcome(call: Awaitable[object]) -> tuple[str, bool]:
    """(reason, definite); "" when it went well."""
    try:
        await call
    except StatusError as error:
        return error.reason, error.definite
    return "", True


async def settled(store: EtcdClient) -> str:
    """The leader, once all who answer agree."""
    found: list[str] = []

    async def agreed() -> bool:
        found.clear()
        for member in store.members:
            try:
                found.append((await store.status(member, timeout=0.5)).leader)
            except StatusError:
                continue
        return len(found) > len(store.members) // 2 and len(set(found)) == 1 and found[0] in store.members

    await eventually(agreed, within=15, what="one leader")
    return found[0]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    with servers(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@pytest.fixture(autouse=True)
def _all_run(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test may stop members of the shared cluster; the next one finds all of them."""
    yield
    if "three" in request.fixturenames:
        found: EtcdServers = request.getfixturevalue("three")
        for i, process in enumerate(found.processes):
            if process is None:
                found.start(i)
            else:
                found.resume(i)
        found.wait_healthy()


# ── reading and writing ──────────────────────────────────────────────────────────────────────────────────────


def test_ranges_can_be_sorted_and_filtered(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        end = prefix_end(b"sort/")
        first = await store.put(b"sort/c", b"1")
        await store.put(b"sort/a", b"3")
        last = await store.put(b"sort/b", b"2")

        async def keys(**terms: Any) -> bytes:
            return b"".join(kv.key[-1:] for kv in (await store.read(Range(b"sort/", end, **terms))).kvs)

        assert await keys() == b"abc"
        assert await keys(order="desc") == b"cba"
        assert await keys(order="asc", target="value") == b"cba"
        assert await keys(order="desc", target="mod", limit=2) == b"ba"
        assert await keys(min_mod=first.revision + 1) == b"ab"
        assert await keys(max_create=last.revision - 1) == b"ac"
        assert await keys(revision=first.revision) == b"c"
        assert (await refused(keys(order="up"))).reason == "BadRequest"

    play(three.config, scenario)


def test_transactions_nest_and_guard_ranges(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        inner = Txn([Compare(b"nest/a", "version", "=", 0)], [Put(b"nest/b", b"new")], [Range(b"nest/a")])
        done = await store.txn([], [Put(b"nest/a", b"1"), inner])
        (_, answer) = done.responses
        assert isinstance(answer, TxnResult)
        assert answer.succeeded, "its compares look at what was before"
        again = await store.txn([], [inner])
        (answer,) = again.responses
        assert isinstance(answer, TxnResult)
        assert (answer.succeeded, again.revision) == (False, done.revision)
        assert isinstance(answer.responses[0], RangeResult)
        assert answer.responses[0].kvs[0].value == b"1"
        all_new = Compare(b"nest/", "create", ">", done.revision - 1, prefix_end(b"nest/"))
        assert (await store.txn([all_new], [])).succeeded
        assert not (await store.txn([all_new._replace(operand=done.revision)], [])).succeeded
        kept = await store.txn([], [Put(b"nest/a", b"", prev=True, ignore_value=False), Delete(b"nest/b")])
        assert isinstance(kept.responses[0], PutResult)
        assert kept.responses[0].prev is not None
        assert (await refused(store.txn([], [Put(b"nest/none", b"", ignore_value=True)]))).reason == "BadRequest"
        assert (await refused(store.txn([Compare(b"k", "size", "=", 0)], []))).reason == "BadRequest"
        assert (await refused(store.txn([Compare(b"k", "mod", "=", b"")], []))).reason == "BadRequest"
        many = [Put(b"many/%d" % i, b"") for i in range(129)]
        assert (await refused(store.txn([], many))).reason == "BadRequest"

    play(three.config, scenario)


def test_values_larger_than_the_windows_pass_both_ways(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        value = bytes(range(256)) * 4096
        for i in range(8):
            await store.put(b"large/%d" % i, value)
        found = await store.range(b"large/", prefix_end(b"large/"), timeout=10)
        assert [kv.value == value for kv in found.kvs] == [True] * 8
        async with store.watch(b"large/", prefix_end(b"large/"), revision=found.kvs[0].mod_revision) as batches:
            seen = 0
            async for batch in batches:
                seen += len(batch.events)
                await asyncio.sleep(0.02)  # a slow reader holds the server back
                if seen == 8:
                    break
        await store.delete(b"large/", prefix_end(b"large/"))

    play(three.config, scenario)


def test_many_at_once_on_one_connection(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        await asyncio.gather(*(store.put(b"many/%03d" % i, b"%d" % i) for i in range(300)))
        found = await asyncio.gather(*(store.range(b"many/%03d" % i) for i in range(300)))
        assert [int(result.kvs[0].value) for result in found] == list(range(300))

    play(three.config, scenario, timeout=20.0)


# ── watching ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_never_runs_ahead_of_events(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        start = await store.revision()
        told: list[tuple[int, int]] = []
        events: list[Event] = []

        async def listen() -> None:
            async with store.watch(b"in/", prefix_end(b"in/"), revision=start + 1) as batches:
                async for batch in batches:
                    told.append((batch.revision, len(batch.events)))
                    events.extend(batch.events)

        task = asyncio.ensure_future(listen())
        last = 0
        for i in range(60):
            await store.put(b"in/k", b"%d" % i)
            last = (await store.put(b"out/k", b"%d" % i)).revision
        await eventually(lambda: bool(told) and told[-1][0] >= last, within=10, what="the last revision")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [e.kv.value for e in events] == [b"%d" % i for i in range(60)]
        revisions = [revision for revision, _ in told]
        assert revisions == sorted(set(revisions))
        assert any(not count for _, count in told), "keys elsewhere move the revision on"

    play(three.config, scenario)


def test_a_watch_without_progress_asks_for_its_range_only(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        async with store.watch(b"narrow", progress=False, prev=True) as batches:  # from the next revision on
            await store.put(b"elsewhere", b"")
            made = await store.put(b"narrow", b"1")
            gone = await store.delete(b"narrow")
            found = [await anext(batches), await anext(batches)]
        assert [batch.revision for batch in found] == [made.revision, gone.revision]
        assert found[1].events[0].deleted
        assert found[1].events[0].prev is not None
        assert found[1].events[0].prev.value == b"1"

    play(three.config, scenario)


def test_compaction_ends_watches_and_reads_of_the_past(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        first = await store.put(b"c", b"1")
        last = await store.put(b"c", b"2")
        await store.compact(last.revision)
        error = await refused(store.range(b"c", revision=first.revision))
        assert (error.reason, error.definite, error.details) == ("Compacted", True, {"compacted": last.revision})
        watch = store.watch(b"c", revision=first.revision)
        async with watch as batches:
            error = await refused(anext(batches))
        assert (error.reason, error.details) == ("Compacted", {"compacted": last.revision})
        assert (await refused(store.compact(last.revision))).reason == "Compacted"
        assert (await refused(store.compact(last.revision + 100))).reason == "FutureRevision"
        assert (await store.range(b"c", revision=last.revision)).kvs[0].value == b"2"

    play(three.config, scenario)


def test_a_watch_leaves_out_what_is_filtered(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        async with store.watch(b"filtered", filters=["noput"]) as batches:
            made = await store.put(b"filtered", b"1")
            gone = await store.delete(b"filtered")
            assert await anext(batches) == (made.revision, ())
            batch = await anext(batches)
        assert (batch.revision, [event.deleted for event in batch.events]) == (gone.revision, [True])
        with pytest.raises(ValueError, match="nothing"):
            store.watch(b"k", filters=["nothing"])

    play(three.config, scenario)


def test_leases(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        lease = await store.lease_grant(60, 4711)
        assert (lease.id, lease.granted) == (4711, 60)
        assert (await refused(store.lease_grant(60, 4711))).reason == "AlreadyExists"
        await store.put(b"leased/a", b"1", lease=lease.id)
        await store.put(b"leased/b", b"2", lease=lease.id)
        (kv,) = (await store.range(b"leased/a")).kvs
        assert kv.lease == lease.id
        assert (await store.txn([Compare(b"leased/a", "lease", "=", lease.id)], [])).succeeded
        found = await store.lease(lease.id, keys=True)
        assert (found.granted, sorted(found.keys)) == (60, [b"leased/a", b"leased/b"])
        assert await store.lease_keepalive(lease.id) == 60
        assert (lease.id, 60) in await store.leases()
        await store.txn([], [Put(b"leased/a", b"", ignore_value=True)])
        (kv,) = (await store.range(b"leased/a")).kvs
        assert (kv.value, kv.lease) == (b"1", 0), "the value was kept, the lease was not"
        assert await store.lease_revoke(lease.id) == 1
        assert [kv.key for kv in (await store.range(b"leased/", prefix_end(b"leased/"))).kvs] == [b"leased/a"]
        for call in (store.lease(4711), store.lease_revoke(4711), store.lease_keepalive(4711)):
            assert (await refused(call)).reason == "NotFound"
        assert (await refused(store.put(b"leased/a", b"", lease=4711))).reason == "NotFound"
        short = await store.lease_grant(1)
        await store.put(b"leased/short", b"", lease=short.id)

        async def gone() -> bool:
            return (await store.range(b"leased/short")).count == 0

        await eventually(gone, within=15, what="the end of the lease, and of its key")

    play(three.config, scenario)


def test_a_watch_that_is_given_up_while_it_opens_leaves_no_stream(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        await store.put(b"w", b"")
        still = 0
        three.pause(still)
        watch = store.watch(b"w", member=store.members[still])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), watch:
                pass
        with pytest.raises(StatusError, match="closed"):
            await anext(watch)

    play(three.config, scenario)


def test_of_all_apiservers_one_compacts(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        old = await store.put(b"old", b"1")
        await store.put(b"old", b"2")
        mine = yours = Round()
        mine, yours = await compact_once(store, mine), await compact_once(store, yours)
        assert mine.version == yours.version >= 1, "whoever was late knows what the other did"
        assert (await store.range(b"old", revision=old.revision)).count == 1, "not in the first round"
        await store.put(b"old", b"3")
        later = await compact_once(store, mine)
        assert (await compact_once(store, yours)).version == later.version
        error = await refused(store.range(b"old", revision=old.revision))
        assert (error.reason, error.details) == ("Compacted", {"compacted": mine.revision})
        assert (await compact_once(store, later)).version == later.version + 1

    play(three.config, scenario)


# ── members that fail ────────────────────────────────────────────────────────────────────────────────────────


def test_the_leader_is_killed_and_the_others_go_on(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        leader = store.members.index(await settled(store))
        await store.put(b"f", b"0")
        near = EtcdClient(host(), three.config, prefer=store.members[leader], timeout=5.0)
        watched: list[int] = []
        broken: list[StatusError] = []

        async def listen() -> None:
            try:
                async with near.watch(b"f", member=near.members[leader]) as batches:
                    async for batch in batches:
                        watched.append(batch.revision)
            except StatusError as error:
                broken.append(error)

        task = asyncio.ensure_future(listen())
        sure = await near.put(b"f", b"1")
        await eventually(lambda: watched == [sure.revision], within=5)
        three.crash(leader)
        await asyncio.wait_for(task, 5)
        assert [error.reason for error in broken] == ["StreamBroken"]
        outcomes = [await outcome(near.put(b"f", b"%d" % i, timeout=1.0)) for i in range(2, 40)]
        assert outcomes[-20:] == [("", True)] * 20, outcomes
        certain = ("", "NoQuorum", "ServiceUnavailable", "NotLeader")
        assert all(definite is (reason in certain) for reason, definite in outcomes), outcomes
        assert (await near.range(b"f")).kvs[0].value == b"39"
        assert (await near.status(await settled(near))).role == "leader"
        near.close()

    play(three.config, scenario)


def test_a_write_that_went_down_with_the_leader_is_given_up_early(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        leader = store.members.index(await settled(store))
        other = next(i for i in range(3) if i != leader)
        me = EtcdClient(host(), three.config, prefer=store.members[other], timeout=30.0)
        await me.put(b"d", b"0")
        three.pause(leader)
        loop = asyncio.get_running_loop()
        began = loop.time()
        error = await refused(me.put(b"d", b"1"))
        assert (error.reason, error.definite) == ("Dropped", False)
        assert loop.time() - began < 10, "etcd itself would have it wait for longer"
        assert (await me.put(b"d", b"2")).succeeded
        me.close()

    play(three.config, scenario)


def test_without_a_majority_writes_and_linearizable_reads_are_refused(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        leader = store.members.index(await settled(store))
        await store.put(b"q", b"0")
        alone = next(i for i in range(3) if i != leader)
        for i in range(3):
            if i != alone:
                three.crash(i)
        me = EtcdClient(host(), three.config, prefer=store.members[alone], timeout=1.0)

        async def no_leader() -> bool:
            return (await refused(me.put(b"q", b"1"))).reason == "NoQuorum"

        await eventually(no_leader, within=10, what="a refusal that is certain")
        error = await refused(me.put(b"q", b"2"))
        assert (error.reason, error.definite) == ("NoQuorum", True)
        assert (await refused(me.range(b"q"))).reason == "NoQuorum"
        assert (await me.range(b"q", read="serializable")).kvs[0].value == b"0"
        status = await me.status(me.members[alone])
        assert (status.role, status.leader) == ("candidate", "")
        me.close()

    play(three.config, scenario)


def test_a_member_that_stands_still_times_out_and_another_is_asked(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        leader = store.members.index(await settled(store))
        still = next(i for i in range(3) if i != leader)
        me = EtcdClient(host(), three.config, prefer=store.members[still], timeout=1.0)
        await me.put(b"s", b"0")
        three.pause(still)
        assert (await me.range(b"s")).kvs[0].value == b"0", "reads go elsewhere"
        me2 = EtcdClient(host(), three.config, prefer=store.members[still], timeout=0.5)
        error = await refused(me2.put(b"s", b"1"))
        assert (error.reason, error.definite) == ("ServiceUnavailable", True), "it could not even connect"
        assert (await me2.put(b"s", b"2")).succeeded
        three.resume(still)
        me.close()
        me2.close()

    play(three.config, scenario)


def test_a_write_that_was_sent_and_not_answered_is_indefinite(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        leader = store.members.index(await settled(store))
        still = next(i for i in range(3) if i != leader)
        me = EtcdClient(host(), three.config, prefer=store.members[still], timeout=0.6)
        await me.put(b"i", b"0")
        three.pause(still)
        error = await refused(me.put(b"i", b"1"))
        assert (error.reason, error.definite) == ("Timeout", False)
        three.resume(still)
        assert (await me.put(b"i", b"2")).succeeded, "by another member"
        me.close()

    play(three.config, scenario)


def test_members_hold_the_same_and_name_each_other(three: EtcdServers) -> None:
    async def scenario(store: EtcdClient) -> None:
        await settled(store)
        revision = (await store.put(b"h", b"1")).revision
        for member in store.members:  # each has applied it before its digest is asked for
            await store.range(b"h", member=member)
        digests = {await store.hash(member, revision) for member in store.members}
        assert len(digests) == 1
        roles = sorted([(await store.status(member)).role for member in store.members])
        assert roles == ["follower", "follower", "leader"]
        assert (await store.status("etcd-0")).size > 0
        assert (await refused(store.conflicts("etcd-0"))).reason == "MethodNotAllowed"
        assert (await refused(store.hash("etcd-0", revision + 1000))).reason == "FutureRevision"

    play(three.config, scenario)


# ── the cluster's network ────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_of_the_clusters_network_holds_for_etcd_too(three: EtcdServers) -> None:
    links = Links()
    config = replace(three.config, endpoints=tuple(f"master-{i}={url}" for i, url in enumerate(three.urls)))

    async def scenario(store: EtcdClient) -> None:
        await store.put(b"n", b"0")
        watch = store.watch(b"n", member="etcd-1")
        async with watch as batches:
            links.set("master-1")
            error = await refused(anext(batches))
        assert error.reason == "StreamBroken"
        assert (await store.put(b"n", b"1")).succeeded, "by another member"
        error = await refused(store.status("etcd-1"))
        assert (error.reason, error.definite) == ("ServiceUnavailable", True)
        assert "master-1" in error.message
        links.set("master-0", "master-1", "master-2")
        error = await refused(store.put(b"n", b"2", timeout=0.5))
        assert (error.reason, error.definite, error.retry) == ("ServiceUnavailable", True, True)
        links.set()
        assert (await store.range(b"n", member="etcd-1")).kvs[0].value == b"1"

    play(config, scenario, host=host(links, "master-1"))


# ── who we are ───────────────────────────────────────────────────────────────────────────────────────────────


def test_certificates(tmp_path: Path) -> None:
    with servers(tmp_path, 1, tls=True) as one:

        async def good(store: EtcdClient) -> None:
            assert (await store.put(b"k", b"v")).succeeded

        play(one.config, good)
        strangers = Authority(tmp_path / "other")
        cert, key = strangers.sign("client")

        def fails_with(config: Etcd, *words: str) -> None:
            async def bad(store: EtcdClient) -> None:
                error = await refused(store.put(b"k", b"w", timeout=2.0))
                assert (error.reason, error.definite) == ("Unauthorized", True), str(error)
                assert all(word in error.message for word in words), str(error)

            play(config, bad)

        fails_with(replace(one.config, cert=cert, key=key), "--etcd-cert")
        fails_with(replace(one.config, cert="", key=""), "--etcd-cert")
        fails_with(replace(one.config, cacert=strangers.cacert), "--etcd-cacert", "verify failed")

        async def plain(store: EtcdClient) -> None:
            error = await refused(store.put(b"k", b"w", timeout=2.0))
            assert (error.reason, error.definite) == ("ServiceUnavailable", True), str(error)

        play(Etcd((one.urls[0].replace("https", "http"),)), plain)


def test_passwords(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("sesame\n")
    wrong.write_text("simsalabim\n")
    (tmp_path / "m").mkdir()
    with servers(tmp_path / "m", 1, options=("--auth-token-ttl", "2")) as one:
        signed = replace(one.config, user="anna", password_file=str(right))

        async def early(store: EtcdClient) -> None:
            assert (await store.put(b"anna/k", b"1")).succeeded, "nobody asks who we are"
            one.enable_passwords("root", anna="sesame")
            await asyncio.sleep(0)
            assert (await store.put(b"anna/k", b"2")).succeeded, "somebody does now"

        play(signed, early)

        async def scenario(store: EtcdClient) -> None:
            assert (await store.range(b"anna/k")).kvs[0].value == b"2"
            error = await refused(store.put(b"bob/k", b"1"))
            assert (error.reason, error.definite) == ("Forbidden", True)
            watch = store.watch(b"anna/", prefix_end(b"anna/"))  # with progress it wants all keys
            async with watch as batches:
                assert (await refused(anext(batches))).reason == "Forbidden"
            await asyncio.sleep(3.5)  # longer than a token lives without being used
            assert (await store.put(b"anna/k", b"3")).succeeded, "with a new token"
            await asyncio.sleep(3.5)
            async with store.watch(b"anna/", prefix_end(b"anna/"), progress=False) as batches:
                await store.put(b"anna/k", b"4")
                assert (await anext(batches)).events[0].kv.value == b"4"

        play(signed, scenario)

        def fails_with(config: Etcd, word: str) -> None:
            async def bad(store: EtcdClient) -> None:
                error = await refused(store.range(b"anna/k"))
                assert (error.reason, error.definite) == ("Unauthorized", True), str(error)
                assert word in error.message
                assert "--etcd-user" in error.message

            play(config, bad)

        fails_with(replace(signed, password_file=str(wrong)), "authentication failed")
        fails_with(replace(signed, user="nobody"), "authentication failed")
        fails_with(one.config, "user name is empty")


def test_a_full_server_refuses_with_the_remedy(tmp_path: Path) -> None:
    with servers(tmp_path, 1, options=("--quota-backend-bytes", str(2 << 20))) as one:

        async def scenario(store: EtcdClient) -> None:
            error: StatusError | None = None
            for i in range(2000):  # etcd counts what its backend has committed, which it does ten times a second
                try:
                    await store.put(b"k%d" % i, b"x" * 100_000)
                except StatusError as refusal:
                    error = refusal
                    break
            assert error is not None
            assert (error.reason, error.definite, error.retry) == ("NoSpace", True, False)
            assert "alarm" in error.message
            assert (await store.range(b"k0")).count == 1, "reads go on"
            assert await store.alarm() == ("NOSPACE",)
            assert await store.alarm("clear") == ()
            assert await store.alarm("raise") == ("NOSPACE",)
            assert (await refused(store.alarm("ring"))).reason == "BadRequest"

        play(one.config, scenario)
