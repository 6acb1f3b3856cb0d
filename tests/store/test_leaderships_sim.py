"""A write names the leadership that it is addressed to, and no other one takes it: so what was refused stays refused,
whoever leads when a late copy of it arrives (docs/decisions.md)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import store.member
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Duplicate, Partition
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store import commands
from store.administrator import Administrator
from store.member import Member
from store.mvcc.rows import PUT
from store.requests import addressed
from tests.store.bugs import ALL
from tests.store.test_member_sim import play, refused, refused_or
from tests.store.workload import agree, leader, seat, start


def test_a_leader_takes_only_what_names_its_term() -> None:
    """Anything else is refused before anything is done, with what to name."""

    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat")
        rpc = Rpc(await world.join("near", "desk"))
        revision = (await store.put(b"k", b"1")).revision
        first = await leader(store)
        term = (await store.status(first)).term
        lease = (await store.lease_grant(100)).id
        bodies: dict[str, list[Any]] = {
            "store.put": [0, rpc.serial(), b"k", b"2", 0, 0],
            "store.delete": [0, rpc.serial(), b"k", None, False],
            "store.txn": [0, rpc.serial(), [], [[PUT, b"k", b"3", 0, 0]], []],
            "store.update": [0, rpc.serial(), b"k", revision, b"4", 0, True],
            "store.quota": [0, rpc.serial(), 1],
            "store.compact": [0, rpc.serial(), revision],
            "store.lease.grant": [0, rpc.serial(), 77, 100],
            "store.lease.revoke": [0, rpc.serial(), lease],
            "store.alarm": [0, rpc.serial(), "raise", "NOSPACE"],
            "store.member.add": [0, "store-9"],
            "store.member.promote": [0, first],
            "store.member.remove": [0, first],
            "store.member.replace": [0, first, first],
            "store.move-leader": [0, ""],
        }
        assert bodies.keys() >= commands.CODES.keys()
        for kind, body in bodies.items():
            for named in (0, term - 1, term + 1):
                error = await refused(rpc.call(first, kind, addressed(named, body), timeout=1.0))
                assert (error.reason, error.definite, error.retry) == ("NotLeader", True, True), kind
                assert error.details == {"leader": first, "term": term}
        mixed = [addressed(named, [0, rpc.serial(), b"k", b"4", 0, 0]) for named in (0, term, term + 1)]
        answers = await asyncio.gather(
            *[rpc.ask(first, "store.put", body, 1.0) for body in mixed], return_exceptions=True
        )
        assert [getattr(answer, "reason", answer) for answer in answers] == ["NotLeader", revision + 1, "NotLeader"]
        status = await store.status(first)
        assert (status.revision, status.compacted, status.quota) == (revision + 1, 0, 2 << 30)
        assert (status.alarms, status.term) == ((), term)
        assert [id for id, _ in await store.leases()] == [lease]
        assert len(status.members) == 3

    play(scenario)


def test_a_client_names_the_leadership_that_it_has_heard_of() -> None:
    """Its first write costs one refusal; none after a change that a follower, a status or a refusal told it of."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        first = await leader(store)
        before = puts(world)
        await store.put(b"k", b"2")
        assert puts(world) == before + 1
        newcomer = await seat(world, "newcomer", timeout=3.0)
        await newcomer.status(next(name for name in names if name != first))
        before = puts(world)
        await newcomer.put(b"k", b"3")
        assert puts(world) == before + 1, "a follower's status names the leadership"
        await Administrator(Rpc(await world.join("admin", "desk")), store.roster).move_leader()
        before = puts(world)
        await newcomer.put(b"k", b"4")
        assert puts(world) == before + 2, "the refusal of who led names the next one"

    def puts(world: SimWorld) -> int:
        return sum(r[4:6] == ("send", "store.put") for r in world.board.records)

    play(scenario)


def test_what_was_refused_by_an_earlier_boot_of_the_leader_does_not_happen() -> None:
    """A member that does not lead refuses a write, loses power, comes back and wins: now the second copy arrives, and
    nobody remembers the first (seeds 464, 541, 908, 1051 and 2221 of the proof, before writes named their term)."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        old = await leader(store)
        term = (await store.status(old)).term
        heir, behind = (name for name in names if name != old)
        await world.fault(Partition(src=(behind,), dst=(old, heir), id="cut"))
        await store.put(b"k", b"2")
        rpc = Rpc(await world.join("twice", "desk"))
        await world.fault(Duplicate(src=("twice",), kinds=("store.put",), probability=1.0, spread=8.0, id="twice"))
        for named in (0, term):
            body = [named, rpc.serial(), b"k", b"refused", 0, 0]
            error = await refused(rpc.call(heir, "store.put", body, timeout=0.5))
            assert (error.reason, error.details) == ("NotLeader", {"leader": old, "term": term})
        await world.crash(old)
        await world.restart(heir)
        assert copies(world, heir) == 0
        await world.heal("cut")
        while await refused_or(store.put(b"other", b"")):
            pass
        assert await leader(store) == heir
        await eventually(lambda: copies(world, heir) == 2, within=9)
        assert await leader(store) == heir
        assert (await store.range(b"k")).kvs[0].value == b"2"

    def copies(world: SimWorld, name: str) -> int:
        """Met by its second boot."""
        return sum(r[2:7] == (name, 2, "deliver", "store.put", "twice") for r in world.board.records)

    play(scenario)


def test_what_was_refused_within_a_leadership_stays_refused_in_it() -> None:
    """There is too much to do, or leadership is being handed over: the copy comes when that is over."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3, max_pending=1)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        first = await leader(store)
        term = (await store.status(first)).term
        rpc = Rpc(await world.join("twice", "desk"))
        await world.fault(Duplicate(src=("twice",), kinds=("store.put",), probability=1.0, spread=3.0, id="twice"))
        slow = await world.fault(Delay(kinds=("raft.append-reply",), seconds=0.15))
        bodies = [[term, rpc.serial(), b"k", b"%d" % number, 0, 0] for number in range(2, 5)]
        calls = [asyncio.ensure_future(rpc.call(first, "store.put", body, timeout=1.0)) for body in bodies]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        reasons = sorted(str(getattr(outcome, "reason", outcome)) for outcome in outcomes)
        assert reasons == ["3", "TooManyRequests", "TooManyRequests"]
        await world.heal(slow)
        await asyncio.sleep(0.1)
        other = next(name for name in names if name != first)
        await world.crash(other)  # it is to take over, and will not
        moving = asyncio.ensure_future(rpc.call(first, "store.move-leader", [term, other], timeout=2.0))
        await asyncio.sleep(0.01)
        body = [term, rpc.serial(), b"k", b"5", 0, 0]
        error = await refused(rpc.call(first, "store.put", body, timeout=1.0))
        assert (error.reason, error.definite, error.details) == ("NotLeader", True, {"leader": other})
        assert (await refused(moving)).reason == "Conflict"
        await asyncio.sleep(4)
        assert (await store.status(first)).term == term
        assert sum(r[4:7] == ("deliver", "store.put", "twice") for r in world.board.records) == 8
        assert (await store.range(b"k")).kvs[0].version == 2

    play(scenario)


def test_a_write_that_was_taken_is_not_handed_to_the_next_leadership(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its arrival and the end of the turn its member may have lost one leadership and won another."""

    class Hurried(Member):
        def _feed(self) -> None:
            for proposal in self._proposals:
                if proposal.operations[0][3:5] == [b"k", b"2"]:
                    proposal.term -= 1
            super()._feed()

    async def scenario(world: SimWorld) -> None:
        await start(world, 1, max_pending=1)
        store = await seat(world, "seat", 1, timeout=1.0)
        await store.put(b"k", b"1")
        rpc = Rpc(await world.join("near", "desk"))
        term = (await store.status("store-0")).term
        body = [term, rpc.serial(), b"k", b"2", 0, 0]
        error = await refused(rpc.call("store-0", "store.put", body, timeout=1.0))
        assert (error.reason, error.details) == ("NotLeader", {"leader": "store-0", "term": term})
        assert (await store.put(b"k", b"3")).revision == 3, "and it is counted no more"

    monkeypatch.setattr(store.member, "Member", Hurried)
    play(scenario)


def test_what_an_earlier_boot_has_taken_is_not_refused_for_certain() -> None:
    """The first copy was taken and its answer is lost; the second one meets a boot that has forgotten it."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        first = await leader(store)
        term = (await store.status(first)).term
        rpc = Rpc(await world.join("twice", "desk"))
        await world.fault(Duplicate(src=("twice",), kinds=("store.put",), probability=1.0, spread=3.0, id="twice"))
        await world.fault(Partition(src=(first,), dst=("twice",), both=False, id="deaf"))
        serial = rpc.serial()
        asked = asyncio.ensure_future(rpc.call(first, "store.put", [term, serial, b"k", b"2", 0, 0], timeout=9.0))
        await eventually(lambda: copies(world, first) == 1, within=1)
        await asyncio.sleep(0.05)
        await world.restart(first)
        await world.heal("deaf")
        error = await refused(asked)
        assert (error.reason, error.definite) == ("Dropped", False)
        assert (await store.range(b"k")).kvs[0].value == b"2"
        at = await leader(store)
        assert await rpc.call(at, "store.happened", ["twice", serial], timeout=1.0) is True
        assert await rpc.call(at, "store.happened", ["twice", serial + 1], timeout=1.0) is False
        assert await rpc.call(at, "store.happened", ["nobody", 1], timeout=1.0) is False
        follower = next(name for name in names if name != at)
        refusal = await refused(rpc.call(follower, "store.happened", ["twice", serial], timeout=1.0))
        assert refusal.reason == "NotLeader"

    def copies(world: SimWorld, name: str) -> int:
        return sum(r[2:3] + r[4:7] == (name, "deliver", "store.put", "twice") for r in world.board.records)

    play(scenario)


def test_a_write_to_a_leader_that_was_restarted_is_made_once() -> None:
    """It may have taken another copy, for all that it knows; today's leader knows that it has not."""

    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        first = await leader(store)
        await world.restart(first)
        assert (await store.put(b"k", b"2")).revision == 3
        assert [r[4] for r in world.board.records if r[5:6] == ("store.happened",)].count("send") >= 1
        await agree(store)

    play(scenario)


def test_without_the_rule_the_copy_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    ALL["any-term-taken"].install(monkeypatch)
    with pytest.raises(AssertionError):
        test_what_was_refused_by_an_earlier_boot_of_the_leader_does_not_happen()
