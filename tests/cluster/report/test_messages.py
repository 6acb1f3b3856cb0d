"""Messages put together from the journal's lines, and counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.history.record import Operation
from cluster.report import traffic
from cluster.report.messages import LOST_TRACK, match
from cluster.world.journal import Record
from tests.cluster.report.runs import cluster_run, store_run

SEND: Record = (1.0, 5, "a", 1, "send", "raft.append", "b", 7, 0, 100)
DELIVER: Record = (1.5, 8, "b", 2, "deliver", "raft.append", "a", 1, 7)


def test_a_send_and_its_delivery_are_one_message() -> None:
    (message,) = match([SEND, DELIVER])
    assert (message.sent, message.arrived, message.src, message.dst) == (1.0, 1.5, "a", "b")
    assert (message.boot, message.to_boot, message.id, message.size, message.fate) == (1, 2, 7, 100, "")
    assert (message.lamport, message.arrival_lamport, message.copy, message.told) == (5, 8, False, True)


def test_the_order_of_lines_does_not_matter() -> None:
    assert match([DELIVER, SEND]) == match([SEND, DELIVER])


def test_a_second_delivery_is_a_copy() -> None:
    again: Record = (1.7, 9, "b", 2, "deliver", "raft.append", "a", 1, 7)
    first, second = match([SEND, DELIVER, again])
    assert (first.copy, second.copy) == (False, True)
    assert traffic.traffic([first, second]).total == traffic.Count(1, 100, 1, 0, 1)


def test_the_same_number_of_another_boot_is_another_message() -> None:
    reborn: Record = (2.0, 3, "a", 2, "send", "raft.append", "b", 7, 0, 50)
    messages = match([SEND, DELIVER, reborn])
    assert [(m.boot, m.arrived, m.fate) for m in messages] == [(1, 1.5, ""), (2, None, LOST_TRACK)]


def test_a_rule_that_took_it_on_its_way_out_is_named() -> None:
    drop: Record = (1.0, 5, "a", 1, "drop", "raft.append", "b", 7, "f1")
    (message,) = match([SEND, drop])
    assert (message.fate, message.arrived, message.to_boot) == ("f1", 1.0, 0)


def test_a_receiver_that_was_down_or_cut_off_is_named() -> None:
    drop: Record = (1.4, 0, "b", 2, "drop", "raft.append", "a", 7, "host is down")
    (message,) = match([SEND, drop])
    assert (message.src, message.fate, message.arrived) == ("a", "host is down", 1.4)


def test_a_receivers_drop_means_the_newest_boot_that_had_sent_it_by_then() -> None:
    reborn: Record = (2.0, 3, "a", 2, "send", "raft.append", "b", 7, 0, 50)
    drop: Record = (1.4, 0, "b", 2, "drop", "raft.append", "a", 7, "f1")
    first, second = match([SEND, reborn, drop])
    assert (first.fate, second.fate) == ("f1", LOST_TRACK)


def test_a_delivery_without_its_senders_line_is_told_as_such() -> None:
    (message,) = match([DELIVER])
    assert (message.told, message.sent, message.arrived, message.src) == (False, 1.5, 1.5, "a")


def test_a_drop_without_its_senders_line_is_not_lost() -> None:
    drop: Record = (1.4, 0, "b", 2, "drop", "raft.append", "a", 7, "host is down")
    (message,) = match([drop])
    assert (message.told, message.src, message.dst, message.fate) == (False, "a", "b", "host is down")


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 10)), max_size=40))
def test_nothing_is_lost_or_made_up(plan: list[tuple[int, bool, float]]) -> None:
    records: list[Record] = []
    for id, (dst, arrives, time) in enumerate(plan):
        records.append((time, id, "a", 1, "send", "k", f"h{dst}", id, 0, 1))
        if arrives:
            records.append((time + 1, id + 1, f"h{dst}", 1, "deliver", "k", "a", 1, id))
    messages = match(records)
    assert sorted(m.id for m in messages) == list(range(len(plan)))
    assert sum(m.arrived is not None for m in messages) == sum(arrives for _, arrives, _ in plan)
    assert [m.sent for m in messages] == sorted(m.sent for m in messages)


def test_a_real_runs_lines_are_all_used() -> None:
    run = store_run()
    messages = match(run.records)
    counts = {event: sum(r[4] == event for r in run.records) for event in ("send", "deliver", "drop")}
    assert sum(not m.copy for m in messages) == counts["send"]
    assert sum(m.fate == "" for m in messages) == counts["deliver"]
    assert sum(m.fate != "" and m.arrived is not None for m in messages) == counts["drop"]
    assert all(m.told for m in messages)


def test_traffic_adds_up_by_kind_by_link_and_per_operation() -> None:
    run = store_run()
    found = traffic.traffic(match(run.records), run.operations)
    for counts in (found.kinds.values(), found.links.values(), found.families.values()):
        assert sum(c.sent for c in counts) == found.total.sent
        assert sum(c.bytes for c in counts) == found.total.bytes
    assert found.total.bytes == sum(r[9] for r in run.records if r[4] == "send")
    assert found.total.sent == found.total.delivered + found.total.dropped + _untracked(run.records)
    assert found.answered == sum(o.outcome == "ok" for o in run.operations) > 0
    assert found.per_operation(found.total.sent) == found.total.sent / found.answered
    assert found.why["f1"] > 0
    assert sum(found.why.values()) == found.total.dropped


def _untracked(records: tuple[Record, ...]) -> int:
    return sum(m.fate == LOST_TRACK for m in match(records))


def test_no_answered_operation_means_no_figure_per_operation() -> None:
    refused = Operation("c", 0, "read", "k", None, 0.0, 1.0, "fail")
    assert traffic.traffic(match([SEND]), [refused]).per_operation(5) is None


def test_kinds_belong_to_their_request_or_stream() -> None:
    assert traffic.base("pod.watch.items") == traffic.base("pod.watch.ping") == "pod.watch"
    assert traffic.base("store.txn.many.reply") == traffic.base("store.txn") == "store.txn"
    kinds = {traffic.family(m.kind) for m in match(cluster_run().records)}
    assert {"raft", "store", "pod", "node", "lease"} <= kinds
