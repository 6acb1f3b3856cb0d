"""Promises of Raft that the published raftos 0.2.6 breaks, each shown message by message on its untouched algorithm.

Each test is named for the promise and asserts that it is broken: should a release of raftos keep it, the test fails
and docs/engines.md must change.
"""

from __future__ import annotations

from tests.store.engines.raftosdesk import Desk, on_desk


def test_one_vote_in_a_term_is_broken_by_a_restart() -> None:
    """Raft paper, figure 2: votedFor is persistent. raftos clears it whenever a follower starts."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        desk.boot(1)
        await desk.elect(2, 1)
        assert desk.leaders() == [(0, 1), (2, 1)]

    on_desk(3, story)


def test_one_vote_in_a_term_is_broken_by_stepping_down() -> None:
    """No restart is needed: a candidate that gives up becomes a follower that has not voted, in the same term."""

    async def story(desk: Desk) -> None:
        desk.stand(0)
        desk.stand(2)
        desk.state(0).election_timer.callback()
        assert (desk.role(0), desk.term(0)) == ("follower", 1)
        await desk.vote(2, 0)
        await desk.newest(0, 1, "request_vote")
        await desk.newest(1, 0, "request_vote_response")
        assert desk.leaders() == [(2, 1)]
        assert desk.members[0].state.storage.voted_for == "store-2:1", "having voted for itself in the same term"

    on_desk(3, story)


def test_one_leader_in_a_term_is_broken_by_stepping_down() -> None:
    """A leader that has lost its majority steps down, votes for another one of its own term, and that one leads it."""

    async def story(desk: Desk) -> None:
        desk.stand(2)
        await desk.elect(0, 1)
        assert desk.leaders() == [(0, 1)]
        desk.state(0).step_down_timer.callback()
        await desk.vote(2, 0)
        assert desk.leaders() == [(2, 1)]

    on_desk(3, story)


def test_a_vote_of_an_older_term_counts_in_a_newer_one() -> None:
    """Raft paper 5.2: a candidate needs votes of the same term. raftos looks at no term in an answer."""

    async def story(desk: Desk) -> None:
        desk.stand(0)
        await desk.newest(0, 1, "request_vote")
        (late,) = await desk.sent(1, 0, "request_vote_response")
        desk.state(0).election_timer.callback()
        desk.stand(0)
        await desk.elect(2)
        desk.state(2).election_timer.callback()
        await desk.elect(2)
        assert desk.term(0) == desk.term(2) == 2
        desk.boot(1)
        await desk.vote(2, 1)
        await desk.hand(1, 0, late)
        assert desk.leaders() == [(0, 2), (2, 2)]

    on_desk(3, story)


def test_a_vote_that_the_network_repeats_counts_twice() -> None:
    async def story(desk: Desk) -> None:
        desk.stand(0)
        await desk.newest(0, 1, "request_vote")
        (vote,) = await desk.sent(1, 0, "request_vote_response")
        await desk.hand(1, 0, vote)
        assert desk.leaders() == []
        await desk.hand(1, 0, vote)
        assert desk.leaders() == [(0, 1)], "by two of five"
        await desk.elect(2, 3, 4)
        assert desk.leaders() == [(0, 1), (2, 1)]

    on_desk(5, story)


def test_a_majority_of_four_is_two() -> None:
    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        await desk.elect(2, 3)
        assert desk.leaders() == [(0, 1), (2, 1)]

    on_desk(4, story)


def test_a_majority_of_four_commits_on_both_sides() -> None:
    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        await desk.elect(2, 3)
        for leader, follower in ((0, 1), (2, 3)):
            await desk.append(leader, follower)
            write = desk.write(leader, "k", f"by {leader}")
            await desk.append(leader, follower)
            await desk.beat(leader, follower)
            assert write.done()
            write.result()
        assert (await desk.read(0, "k"))[0] == "by 0"
        assert (await desk.read(2, "k"))[0] == "by 2"

    on_desk(4, story)


def test_a_follower_in_a_newer_term_keeps_its_old_vote_and_gives_none() -> None:
    """Raft paper, figure 2: a newer term clears votedFor. So elections fail that could succeed."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        desk.stand(2)
        desk.state(2).election_timer.callback()
        desk.stand(2)
        assert desk.term(2) == 2
        await desk.newest(2, 1, "request_vote")
        assert desk.term(1) == 2
        assert desk.members[1].state.storage.voted_for == "store-0:1"
        assert await desk.sent(1, 2, "request_vote_response") == []

    on_desk(3, story)


def test_a_single_member_never_leads() -> None:
    async def story(desk: Desk) -> None:
        desk.stand(0)
        assert desk.leaders() == [], "it counts its votes when one arrives"

    on_desk(1, story)


def test_a_late_message_takes_acknowledged_entries_away() -> None:
    """Raft paper 5.3: only what conflicts is deleted. raftos cuts the log behind each message's own entry, so one that
    was delayed or repeated removes what was acknowledged since, and with the leader the write is gone."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        await desk.append(0, 1)
        first = desk.write(0, "k", "1")
        late = (await desk.sent(0, 1, "append_entries"))[-1]
        await desk.append(0, 1)
        await desk.beat(0, 1)
        second = desk.write(0, "k", "2")
        await desk.append(0, 1)
        await desk.beat(0, 1)
        assert first.done()
        assert second.done()
        assert [command["k"][0] for _, command in desk.log(1)] == ["1", "2"], "on a majority, and acknowledged"
        await desk.hand(0, 1, late)
        assert [command["k"][0] for _, command in desk.log(1)] == ["1"]
        desk.close()
        desk.boot(1)
        desk.boot(2)
        await desk.elect(1, 2)
        assert desk.role(1) == "leader"
        assert [command["k"][0] for _, command in desk.log(1)] == ["1"], "the leader of the next term lacks it"

    on_desk(3, story)


def test_of_two_writes_at_once_the_later_is_acknowledged_before_it_is_committed() -> None:
    """One future for all: the next entry that is applied answers whoever wrote last, the others wait for ever."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        await desk.append(0, 1)
        first = desk.write(0, "k", "1")
        second = desk.write(0, "k", "2")
        await desk.append(0, 1)
        await desk.newest(0, 1, "append_entries")
        await desk.newest(1, 0, "append_entries_response")
        log = desk.members[0].state.log
        assert second.done()
        assert (log.last_log_index, log.last_applied) == (2, 1), "the second entry is not applied"
        assert not first.done(), "and the first is, but its writer is not told"
        second.result()
        await desk.beat(0, 1)
        await desk.beat(0, 1)
        assert (log.commit_index, log.last_applied) == (2, 2)
        assert not first.done()
        first.cancel()

    on_desk(3, story)


def test_an_older_term_s_entry_stops_all_commits() -> None:
    """Raft paper 5.4.2: older entries are committed with the first of the own term. raftos stops counting at the first
    uncommitted entry of an older term, so nothing behind it is ever committed while that leader leads."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        for follower in (1, 2):
            await desk.append(0, follower)
        write = desk.write(0, "k", "1")
        for follower in (1, 2):
            await desk.append(0, follower)
        assert write.done(), "acknowledged; the followers do not know it yet"
        desk.boot(1)
        desk.boot(2)
        await desk.elect(1, 2)
        assert desk.leaders()[-1][0] == 1
        later = desk.write(1, "k", "2")
        for _ in range(20):
            await desk.beat(1, 2)
        assert desk.log(1) == desk.log(2), "everybody has everything"
        assert not later.done()
        assert desk.members[1].state.log.commit_index == 0
        later.cancel()

    on_desk(3, story)


def test_after_a_restart_of_all_no_write_is_ever_acknowledged() -> None:
    """The commit index is not stored (that is Raft), and nothing of an older term is committed (that is the fault)."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        for follower in (1, 2):
            await desk.append(0, follower)
        write = desk.write(0, "k", "1")
        for _ in range(2):
            for follower in (1, 2):
                await desk.append(0, follower)
            desk.state(0).heartbeat()
        write.result()
        for i in range(3):
            desk.boot(i)
        await desk.elect(0, 1, 2)
        again = desk.write(0, "k", "2")
        for _ in range(20):
            await desk.beat(0, 1, 2)
        assert desk.log(0) == desk.log(1) == desk.log(2)
        assert not again.done()
        assert [desk.members[i].state.log.commit_index for i in range(3)] == [0, 0, 0]
        again.cancel()

    on_desk(3, story)


def test_a_deposed_leader_s_heartbeat_goes_out_in_the_newer_term() -> None:
    """It is built a turn later than it is decided on, from the term as it is by then."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        desk.stand(2)
        (*_, request) = await desk.sent(2, 0, "request_vote")
        member = desk.members[0]
        before = len(await desk.sent(0, 1, "append_entries"))
        desk.state(0).heartbeat()
        member.node.protocol.datagram_received(request, ("store-2", 1))
        assert (desk.role(0), desk.term(0)) == ("follower", 2)
        after = await desk.sent(0, 1, "append_entries")
        assert len(after) == before + 1
        assert b"\xa4term\x02" in after[-1], "it says that store-0 leads term 2"
        await desk.hand(0, 1, after[-1])
        assert desk.members[1].leader_name() == "store-0"

    on_desk(3, story)


def test_who_waits_for_a_leader_waits_for_ever_unless_he_came_last() -> None:
    async def story(desk: Desk) -> None:
        reads = [desk.read(0, "k"), desk.read(0, "k")]
        await desk.sent(0, 1, "")
        await desk.elect(0, 1)
        assert [read.done() for read in reads] == [False, True]
        assert isinstance(reads[1].exception(), KeyError)
        reads[0].cancel()

    on_desk(3, story)


def test_a_leader_that_is_told_of_a_newer_term_gives_it_no_vote() -> None:
    """The request goes to the object of the role that has just ended, and is lost: elections take another round."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        desk.stand(2)
        desk.state(2).election_timer.callback()
        desk.stand(2)
        await desk.newest(2, 0, "request_vote")
        assert (desk.role(0), desk.term(0), desk.members[0].state.storage.voted_for) == ("follower", 2, None)
        assert await desk.sent(0, 2, "request_vote_response") == []

    on_desk(3, story)


def test_a_refusal_lacks_what_its_reader_reads() -> None:
    """A message of an older term is refused without `request_id`; its sender steps down and then raises KeyError."""

    async def story(desk: Desk) -> None:
        await desk.elect(0, 1)
        desk.stand(2)
        desk.state(2).election_timer.callback()
        desk.stand(2)
        await desk.newest(0, 2, "append_entries")
        await desk.newest(2, 0, "append_entries_response")
        assert (desk.role(0), desk.term(0)) == ("follower", 2)
        assert desk.failures() == ["KeyError: 'request_id'"]

    on_desk(3, story)
