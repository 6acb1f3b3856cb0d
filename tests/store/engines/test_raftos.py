"""The engine `raftos` in the simulator: what it does keep, and which promises of a store the published raftos 0.2.6
breaks. Those tests are named for the promise and assert that it is broken (docs/engines.md has the list)."""

from __future__ import annotations

import asyncio
from statistics import median

import pytest

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Duplicate, Partition, Reorder
from cluster.world.sim import SimWorld
from store.client import Compare, Delete, DeleteResult, Put, Range, StoreClient, prefix_end
from store.engines.raftos.member import Member
from store.mvcc.values import Txn
from store.requests import put_request
from tests.store.engines.raftosworld import NEMESES, Members, Tale, leader, names, play, refused, seat, start, statuses

# ── what it keeps ────────────────────────────────────────────────────────────────────────────────────────────


def test_one_seed_is_one_run() -> None:
    first, second = (Tale(3, "all", seconds=15.0).run() for _ in range(2))
    assert first.digest == second.digest
    assert first.history() == second.history()
    assert Tale(4, "all", seconds=15.0).run().digest != first.digest


def test_left_alone_it_is_linearizable(seed: int) -> None:
    """One leader, no failures, and one write at a time."""
    tale = Tale(seed, "", seconds=10.0, clients=1).run()
    assert (tale.verdict, tale.leaders, tale.diverged, tale.stuck) == ("ok", [], False, False), tale.message
    assert all(operation.outcome == "ok" for operation in tale.history())


def test_the_store_s_requests() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        first = await store.put(b"a/1", b"1")
        made = await store.txn(
            [Compare(b"a/2", "version", "=", 0)], [Put(b"a/2", b"2"), Put(b"a/1", b"new", prev=True)], []
        )
        assert (first.revision, made.revision, made.succeeded) == (2, 3, True)
        found = await store.range(b"a/", prefix_end(b"a/"))
        assert [(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version) for kv in found.kvs] == [
            (b"a/1", b"new", 2, 3, 2),
            (b"a/2", b"2", 3, 3, 1),
        ]
        lost = await store.txn([Compare(b"a/1", "mod", "=", 2)], [Delete(b"a/1")])
        assert (lost.succeeded, lost.revision) == (False, 3)
        gone = await store.delete(b"a/", prefix_end(b"a/"), prev=True)
        (answer,) = gone.responses
        assert isinstance(answer, DeleteResult)
        assert (answer.deleted, [kv.key for kv in answer.prev]) == (2, [b"a/1", b"a/2"])
        assert (await store.range(b"\0", b"\0")).kvs == ()
        assert (await refused(store.range(b"a/1", revision=2))).reason == "Compacted"
        assert (await refused(store.range(b"a/1", revision=99))).reason == "FutureRevision"
        assert (await refused(store.compact(2))).reason == "MethodNotAllowed"
        nested = await store.txn([], [Put(b"n", b"1"), Txn([Compare(b"n", "version", "=", 0)], [Put(b"m", b"2")])])
        assert nested.succeeded
        both = (await store.read(Range(b"m", b"o", order="desc"))).kvs
        assert [(kv.key, kv.mod_revision) for kv in both] == [(b"n", nested.revision), (b"m", nested.revision)]
        assert (await refused(store.lease_grant(10))).reason == "MethodNotAllowed"
        assert (await refused(store.put(b"k", b"", lease=7))).reason == "NotFound"
        assert (await refused(store.put(b"", b""))).reason == "BadRequest"
        assert (await refused(store.put(b"k", b"x" * (3 << 19)))).reason == "TooLarge"
        big = b"x" * 1_000_000
        await store.put(b"big", big)
        assert (await store.range(b"big")).kvs[0].value == big, "the limit of a datagram is UDP's, not the bus's"
        await asyncio.sleep(1.0)
        assert len({(await store.hash(name))[1] for name in names()}) == 1

    play(story)


def test_a_watch_tells_everything_once_and_in_order_and_again_after_a_restart() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        led = await leader(store)
        other = next(name for name in names() if name != led)

        async def listen(many: int) -> list[tuple[int, bytes, bytes | None]]:
            told = []
            async with store.watch(b"w", revision=2, prev=True, member=other) as batches:
                async for batch in batches:
                    told += [(e.kv.mod_revision, e.kv.value, e.prev.value if e.prev else None) for e in batch.events]
                    if len(told) >= many:
                        return told
            raise AssertionError("the watch ended")

        first = asyncio.ensure_future(listen(5))
        for i in range(5):
            await store.put(b"w", b"%d" % i)
            await store.put(b"elsewhere", b"")
        expected = [(2 + 2 * i, b"%d" % i, b"%d" % (i - 1) if i else None) for i in range(5)]
        assert await first == expected
        await asyncio.sleep(6.0)  # all is written back
        await world.restart(other)
        await asyncio.sleep(1.0)
        assert await listen(5) == expected

    play(story)


def test_strangers_and_garbage_are_refused() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        rpc = Rpc(await world.join("stranger", "desk"))
        body = {"type": "request_vote", "term": 99, "candidate_id": "x", "last_log_index": 9, "last_log_term": 9}
        error = await refused(rpc.call("store-0", "raftos.request_vote", body, timeout=1.0))
        assert error.reason == "Forbidden"
        error = await refused(rpc.call("store-0", "store.txn", {"no": "txn"}, timeout=1.0))
        assert error.reason == "BadRequest"
        assert {status.term for status in await statuses(store)} < {1, 2}

    play(story)


# ── what it breaks ───────────────────────────────────────────────────────────────────────────────────────────


def test_concurrent_writes_are_answered_is_broken() -> None:
    """One future for all: of N writes at once one is answered, and the others are applied and wait for ever."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        results = await asyncio.gather(
            *(store.put(b"k%d" % i, b"", timeout=10.0) for i in range(16)), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, StatusError)]
        assert len(failures) == 15
        assert {(failure.reason, failure.definite) for failure in failures} == {("Timeout", False)}
        assert (await store.range(b"k", prefix_end(b"k"), count_only=True)).count == 16

    play(story)


def seconds_per_write(**options: object) -> float:
    found: list[float] = []

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        led = await leader(store)
        if options.get("without"):
            await world.crash(next(name for name in names() if name != led))
        await store.put(b"k", b"")
        began = world.time()
        for i in range(20):
            await store.put(b"k", b"%d" % i)
        found.append((world.time() - began) / 20)

    play(story, prepare=options.get("prepare"))
    return found[0]


def test_a_write_costs_a_round_trip_but_with_a_member_down_a_heartbeat() -> None:
    """A commit is applied when the next message comes in: that is the other follower's answer, if there is one."""
    assert seconds_per_write() < 0.01
    assert seconds_per_write(without=1) == pytest.approx(0.3, abs=0.02)


def test_without_python_3_7_s_asyncio_each_write_costs_a_heartbeat() -> None:
    """`except asyncio.futures.InvalidStateError` raises AttributeError since Python 3.8: a follower lets fall the
    message on which it applies something. This, not the algorithm, is the 3.6 writes/s of an unadapted raftos."""

    def published(member: Member) -> None:
        member.library.state.asyncio = asyncio

    assert seconds_per_write(prepare=published) == pytest.approx(0.3, abs=0.05)


def failover(seed: int) -> float:
    found: list[float] = []

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await asyncio.sleep(2.0)
        led = await leader(store)
        began = world.time()
        await world.crash(led)
        await leader(store, within=600.0, but=led)
        found.append(world.time() - began)

    play(story, seed=seed)
    return found[0]


def test_a_new_leader_soon_is_broken() -> None:
    """Old votes are kept into new terms, a candidate that fails waits out a second timeout as a follower, and a vote
    given does not put off the own candidacy; the timeouts are 1.5 to 4.5 s."""
    times = sorted(failover(seed) for seed in range(15))
    assert median(times) > 4.5, times
    assert times[0] > 1.2


def test_an_acknowledged_write_is_read_is_broken_on_a_new_leader() -> None:
    """It knows less of what is committed than the old one did, and there is no entry of its own term to tell."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"1")
        await asyncio.sleep(1.0)
        led = await leader(store)
        await store.put(b"k", b"2")
        await world.crash(led)
        await leader(store, but=led)
        for _ in range(10):
            assert (await store.range(b"k")).kvs[0].value == b"1"
            await asyncio.sleep(1.0)

    play(story)


def test_writes_go_on_after_a_failover_is_broken() -> None:
    """The last write before the crash is in the log of the new leader, of an older term and not known as committed:
    nothing behind it is ever committed. The store takes no write until it is wiped."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"1")
        led = await leader(store)
        await store.put(b"k", b"2")
        await world.crash(led)
        await leader(store, but=led)
        for i in range(3):
            assert (await refused(store.put(b"k", b"%d" % i, timeout=5.0))).reason == "Timeout"
        await world.restart(led)
        await asyncio.sleep(30.0)
        await leader(store)
        assert (await refused(store.put(b"k", b"9", timeout=20.0))).reason in ("Timeout", "NoQuorum")

    play(story, writeback=0.05)


def test_writes_go_on_after_a_restart_of_all_is_broken() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"1")
        await asyncio.sleep(5.0)
        for name in names():
            await world.crash(name)
        for name in names():
            await world.restart(name)
        await leader(store)
        assert (await store.range(b"k")).kvs[0].value == b"1", "the registers are on the disk"
        assert (await refused(store.put(b"k", b"2", timeout=30.0))).reason in ("Timeout", "NoQuorum")
        assert {status.commit for status in await statuses(store)} == {0}

    play(story, writeback=0.05)


def test_an_old_leader_does_not_answer_reads_is_broken() -> None:
    """A read asks no majority, and any answer to any heartbeat keeps a leader in office, however late: here answers
    take 20 s, and cut off from the others it goes on reading what they have overwritten."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"1")
        await asyncio.sleep(1.0)
        led = await leader(store)
        others = tuple(name for name in names() if name != led)
        for step in range(1, 23):  # later and later, so that there is never a time without any
            seconds = 0.9 * step
            rule = Delay(src=others, dst=(led,), kinds=("raftos.append_entries_response",), seconds=seconds, id="late")
            await world.fault(rule)
            await asyncio.sleep(1.0)
            await world.heal("late")
        cut = ("raftos.append_entries", "raftos.request_vote")
        await world.fault(Partition(src=(led,), dst=others, kinds=cut))
        new = await leader(store, but=led)
        rpc = Rpc(await world.join("there", "desk"))
        await rpc.call(new, "store.put", put_request(rpc.serial(), b"k", b"2"), timeout=3.0)
        assert (await store.status(led)).role == "leader"
        assert (await store.range(b"k", member=led)).kvs[0].value == b"1"

    play(story)


def test_each_request_happens_once_is_broken() -> None:
    """The log knows no clients: what the network repeats is written twice."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await world.fault(Duplicate(src=("seat",), spread=2.0))
        await store.put(b"k", b"1")
        await asyncio.sleep(3.0)
        assert (await store.range(b"k")).kvs[0].version == 2

    play(story)


def test_an_acknowledged_write_survives_a_loss_of_power_is_broken() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"1")
        for name in names():
            world.platter(name).crash(lose_all=True)
            await world.crash(name)
        for name in names():
            await world.restart(name)
        await leader(store)
        assert (await store.range(b"k")).kvs == ()

    play(story)


def test_a_member_that_was_away_does_not_disturb_is_broken() -> None:
    """No pre-vote: while it is cut off its term grows, and when it is back it deposes a healthy leader."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await asyncio.sleep(1.0)
        led = await leader(store)
        before = (await store.status(led)).term
        away = next(name for name in names() if name != led)
        await world.fault(Partition(src=(away,), dst=tuple(name for name in names() if name != away), id="cut"))
        await asyncio.sleep(60.0)
        assert (await store.status(led)).role == "leader"
        await world.heal("cut")
        await asyncio.sleep(5.0)
        assert (await store.status(led)).term > before + 5

    play(story)


def test_a_member_starts_from_its_own_log_is_broken_by_a_line_feed() -> None:
    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        await store.put(b"k", b"two\nlines")
        await asyncio.sleep(1.0)
        for name in names():
            await world.restart(name)
        await asyncio.sleep(1.0)
        assert [name for name in names() if world.running(name)] == []

    world = play(story, writeback=0.05)
    assert len(world.notes("refused-to-start")) == 3


def test_a_single_member_takes_writes_is_broken() -> None:
    with SimWorld(1) as world:

        async def main() -> None:
            start(world, 1)
            store = await seat(world, "seat", 1)
            await asyncio.sleep(120.0)
            assert (await store.status("store-0")).role != "leader"
            assert (await refused(store.put(b"k", b""))).reason == "NoQuorum"

        world.run(main())


def test_logs_only_grow_is_broken_by_messages_out_of_order() -> None:
    """A few seconds of overtaking messages. Each late one cuts the follower's log, each answer begins another chain of
    messages, and the chains cut off what the others have brought: what a majority had is on the leader alone, the
    follower's commit index has gone back, and the traffic grows with each heartbeat. It does not end."""

    async def story(world: SimWorld, members: Members, store: StoreClient) -> None:
        world.board.latency = (0.01, 0.03)
        led = await leader(store)
        for i in range(20):
            await store.put(b"k", b"%d" % i)
        await asyncio.sleep(1.0)
        logs = {name: members[name].state.log for name in names()}
        assert {(log.last_log_index, log.commit_index) for log in logs.values()} == {(20, 20)}
        await world.fault(Reorder(src=names(), dst=names(), probability=0.3, window=0.4, id="order"))
        for i in range(10):
            await store.put(b"k", b"%d" % i)
        await asyncio.sleep(0.5)
        await world.heal("order")
        rates = []
        for _ in range(3):
            before = world.board.delivered
            await asyncio.sleep(2.0)
            rates.append((world.board.delivered - before) / 2.0)
        assert logs[led].last_log_index == 30
        worst = min((log for name, log in logs.items() if name != led), key=lambda log: int(log.last_log_index))
        assert worst.last_log_index < 20 <= worst.last_applied, "what it had, and had applied, is gone from its log"
        assert worst.commit_index < 20, "and it has gone back on what is committed"
        assert rates[0] > 200, "where 14 a second are normal"
        assert rates[2] > rates[1] + 50 > rates[0] + 100, rates

    play(story)


def found(nemesis: str, clients: int = 3) -> Tale:
    """The first tale whose history is not linearizable."""
    for seed in range(8):
        tale = Tale(seed, nemesis, clients=clients).run()
        if tale.verdict == "illegal":
            assert "is not linearizable" in tale.message
            return tale
    raise AssertionError(f"{nemesis or 'nothing'}: none of 8 seeds")


@pytest.mark.parametrize("nemesis", ["", *sorted(NEMESES)])
def test_the_checker_finds_it(nemesis: str) -> None:
    """Three clients on one register, and one kind of trouble or none: within few seeds it is not linearizable."""
    found(nemesis)


def test_the_checker_finds_it_with_one_client() -> None:
    """Nothing is concurrent then: restarts alone do it, for a new leader reads what was overwritten."""
    found("restarts", clients=1)
