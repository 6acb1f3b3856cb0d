"""Who the members are, as one client learns it."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.sim import SimWorld
from store.roster import LOOK, MemberStatus, Roster
from tests.store.test_member_sim import play, refused
from tests.store.workload import leader, seat, start, unless

OLD = ("store-0", "store-1", "store-2")


def status(commit: int, *members: str, role: str = "follower", term: int = 1, leader: str = "") -> MemberStatus:
    return MemberStatus("store-0", role, term, leader, commit, commit, commit, 0, members)


def roster_of(world_roster: Roster) -> tuple[tuple[str, ...], str]:
    return world_roster.members, world_roster.members[world_roster.watched]


def test_news_of_the_members_is_learned_and_what_is_older_is_not() -> None:
    async def scenario(world: SimWorld) -> None:
        roster = Roster(Rpc(await world.join("seat", "desk")), OLD, "store-1")
        roster.learn(status(10, "store-2", "store-1", "store-3"))
        assert roster_of(roster) == (("store-1", "store-2", "store-3"), "store-1")
        roster.learn(status(9, *OLD))
        assert roster_of(roster)[0] == ("store-1", "store-2", "store-3"), "what is committed never goes back"
        roster.learn(status(11, "store-2", "store-3"))
        assert roster_of(roster) == (("store-2", "store-3"), "store-2")
        roster.learn(status(12, "store-2", "store-1"))
        assert roster_of(roster)[0] == ("store-2", "store-1")
        roster.learn(status(13))
        assert roster_of(roster)[0] == ("store-2", "store-1"), "who knows nobody yet says nothing"

    play(scenario)


def test_a_client_of_one_replica_stays_with_it() -> None:
    async def scenario(world: SimWorld) -> None:
        roster = Roster(Rpc(await world.join("seat", "desk")), ("store-1",), None)
        roster.learn(status(10, *OLD, role="replica"))
        assert roster.members == ("store-1",)

    play(scenario)


def test_a_client_that_knew_one_member_finds_the_others_before_it_needs_them() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat")
        await store.put(b"k", b"")
        first = await leader(store)
        one = await seat(world, "one", timeout=3.0)
        one.roster.members, one.roster._next = (first,), 0
        one.roster.watched = one.roster._near = 0
        await one.put(b"k", b"1")
        await asyncio.sleep(LOOK + 0.1)
        await one.put(b"k", b"2")
        await asyncio.sleep(0.1)
        assert set(one.members) == set(OLD)
        await world.crash(first)
        while True:
            try:
                await one.put(b"k", b"3")
                break
            except StatusError as error:
                unless(error, "Timeout")

    play(scenario)


def test_a_member_that_was_asked_and_has_gone_meanwhile_is_no_trouble() -> None:
    async def scenario(world: SimWorld) -> None:
        roster = Roster(Rpc(await world.join("seat", "desk")), ("ghost-0", "ghost-1"), None)
        asking = asyncio.ensure_future(roster.leading("store.range", [], 1.0, write=False))
        await asyncio.sleep(0.1)
        roster.learn(status(5, "ghost-2"))
        assert (await refused(asking)).reason in ("Timeout", "NoQuorum")
        assert roster.members == ("ghost-2",)

    play(scenario)


def test_news_of_who_leads_is_learned_and_what_is_older_is_not() -> None:
    async def scenario(world: SimWorld) -> None:
        roster = Roster(Rpc(await world.join("seat", "desk")), OLD, None)
        roster.learn(status(1, *OLD, term=4, leader="store-1"))
        assert (roster._leader, roster._term) == ("store-1", 4)
        roster.learn(status(1, *OLD, term=3, leader="store-2"))
        assert (roster._leader, roster._term) == ("store-1", 4), "that leadership is over"
        roster.learn(status(1, *OLD, term=9))
        assert (roster._leader, roster._term) == ("store-1", 4), "nobody is known to lead in that term"
        roster.learn(status(1, *OLD, term=5, leader="store-2"))
        assert (roster._leader, roster._term) == ("store-2", 5)
        roster.learn(status(1, *OLD, term=6, leader="stranger"))
        assert roster._leader == "store-2"

    play(scenario)


def test_of_a_refusal_the_leadership_that_it_names_is_asked_next() -> None:
    """Without a term (an heir's, or the engine raftos's) the member is asked, and what is named is taken by nobody who
    does not lead in it."""

    async def scenario(world: SimWorld) -> None:
        roster = Roster(Rpc(await world.join("seat", "desk")), OLD, None)
        body = [0]

        def refused_by(target: str, write: bool = True, **details: Any) -> bool:
            return roster._again(StatusError("NotLeader", "no", details), target, body, write)

        assert refused_by("store-0", leader="store-1", term=3)
        assert (roster._leader, roster._term) == ("store-1", 3)
        body[0] = 3
        assert refused_by("store-1", leader="store-1", term=5)
        assert (roster._leader, roster._term) == ("store-1", 5), "it leads in a later term than was named"
        body[0] = 5
        assert refused_by("store-1", leader="store-2")
        assert (roster._leader, roster._term) == ("store-2", 5)
        assert refused_by("store-2", leader="store-1", term=4)
        assert (roster._leader, roster._next) == ("", 0), "that is over; the next one is asked"
        assert refused_by("store-0", leader=7, term="x")
        assert roster._leader == ""
        assert not roster._again(StatusError("NoSpace", "full"), "store-1", body, True)

    play(scenario)
