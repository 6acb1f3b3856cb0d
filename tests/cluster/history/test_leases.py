"""Who acts as the leader, told from the apiservers' notes of the Leases that they wrote, and what the observer saw."""

from __future__ import annotations

from typing import Any

from tests.cluster.history.runs import note, obj, run, say, seen

NAME = "kube-controller-manager"


def wrote(time: float, who: str, revision: int, kind: str = "Lease", key: str = f"kube-system/{NAME}") -> Any:
    """An apiserver's note."""
    data = {
        "kind": kind,
        "key": key,
        "revision": revision,
        "verb": "update",
        "user": who,
        "message": [who, 1, revision],
    }
    return note(time, "apiserver-1", "write", data)


def lease(revision: int, holder: str) -> dict[str, Any]:
    found = obj("Lease", NAME, revision, spec={"holderIdentity": holder})
    found["metadata"]["namespace"] = "kube-system"
    return found


FIRST, SECOND = "controller-manager-0", "controller-manager-1"


def test_who_does_not_hold_the_lease_must_not_act() -> None:
    held = [wrote(1.0, FIRST, 1), wrote(5.0, SECOND, 9)]
    acts = [wrote(2.0, FIRST, 2, "Pod", "default/a"), wrote(6.0, SECOND, 10, "Pod", "default/b")]
    assert say("one-holder-per-lease", run(records=[*held, *acts])).said == "ok"
    late = say("one-holder-per-lease", run(records=[*held, *acts, wrote(7.0, FIRST, 11, "Pod", "default/c")]))
    assert late.said == "violated"
    assert f"{FIRST} acted as the leader at 7.000 s" in late.summary
    assert f"which {SECOND} has held since 5.000 s" in late.summary


def test_an_observer_that_hears_late_of_a_new_holder_accuses_nobody() -> None:
    """Its apiserver lost its power: master-lost, seed 1."""
    records = [wrote(1.0, FIRST, 1), wrote(5.0, SECOND, 9), wrote(5.5, SECOND, 10, "Pod", "default/a")]
    events = [seen(1.0, "ADDED", lease(1, FIRST)), seen(8.0, "MODIFIED", lease(9, SECOND))]
    assert say("one-holder-per-lease", run(records=records, events=events)).said == "ok"


def test_without_notes_of_leases_what_was_seen_counts() -> None:
    records = [wrote(5.5, SECOND, 10, "Pod", "default/a")]
    assert (
        say("one-holder-per-lease", run(records=records, events=[seen(1.0, "ADDED", lease(1, FIRST))])).said
        == "violated"
    )
    given_back = [seen(1.0, "ADDED", lease(1, FIRST)), seen(4.0, "MODIFIED", lease(8, ""))]
    assert say("one-holder-per-lease", run(records=records, events=given_back)).said == "ok"
