"""In which seed each planted bug was last found, and what the healthy code once failed at.

`launch.py zoo -o json` finds bugs anew. A seed goes stale when components send their messages in another order; then
the seeds from 0 on find the bug, or the hunt is run again and its result recorded here.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.store.bugs.found import FOUND as STORE
from tests.zoo.bugs.store import CHOICE

FOUND: Mapping[str, int] = {
    **{f"store-{name}": found[1] for name, found in STORE.items() if name in CHOICE},
    "lost-update": 1,
    "create-overwrites": 0,
    "status-overwrites-spec": 0,
    "bound-again": 0,
    "vanishing-pod": 0,
    "finalizers-ignored": 0,
    "namespace-goes-early": 0,
    "stale-list": 0,
    "watch-resumes-late": 0,
    "no-410": 0,
    "bookmark-ahead": 0,
    "delete-without-uid": 0,
    "gc-trusts-its-cache": 0,
    "gc-ignores-uid": 4,
    "foreground-does-not-wait": 0,
    "namespace-let-go": 0,
    "no-expectations": 0,
    "daemon-names-random": 1,
    "max-unavailable-ignored": 0,
    "unready-first-kept": 0,
    "endpoints-of-the-unready": 0,
    "endpoints-of-the-ended": 0,
    "evicts-everywhere": 0,
    "toleration-seconds-ignored": 0,
    "pods-of-the-silent-stay-ready": 0,
    "no-renew-deadline": 0,
    "woken-not-fenced": 2,
    "missed-deletions": 0,
    "goes-back-in-time": 0,
    "assumes-nothing": 0,
    "ending-pods-weigh-nothing": 0,
    "taints-ignored": 0,
    "not-ready-is-fine": 0,
    "selectors-ignored": 0,
    "ports-ignored": 0,
    "deleted-nodes-stay": 0,
    "failed-bind-forgotten": 1,
    "deletion-not-heeded": 0,
    "orphans-run-on": 2,
    "removal-not-heeded": 0,
    "restart-forgets-containers": 0,
    "address-given-twice": 1,
    "ready-before-its-probe": 0,
    "restart-policy-ignored": 0,
    "no-crash-backoff": 0,
    "status-by-name": 0,
    "status-not-written-again": 0,
    "endpoints-never-leave": 0,
    "unready-endpoints-served": 0,
    "relist-not-told": 1,
}
"""Bug to seed: the first one, counted from 0 (of the store: as its own proof has it)."""

ONCE: Mapping[tuple[str, int], str] = {
    ("namespaces", 0): "an apiserver that lagged made objects in a namespace that was going, and they outlived it",
    ("rollouts", 2): "a rollout counted pods that it had just given up, and left two of four where three must stay",
    (
        "rollouts",
        47,
    ): "the check's own fault: a Deployment that is made smaller while it rolls gives up pods in proportion",
    ("silences", 171): "a pod that was called ready between two silences of its node stayed a ready endpoint",
}
"""(story, seed) to what it showed in healthy code: mended since, and told again in every run of the tests."""
