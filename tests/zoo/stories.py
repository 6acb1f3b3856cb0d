"""The zoo's stories: who does what, what goes wrong meanwhile, and what is judged; all else comes from the seed.

Must not run anything. Each story is told to the healthy cluster too, and must find nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.history.checks import Ask
from tests.zoo.acts import api, owners, pods, trouble
from tests.zoo.stage import Act


@dataclass(frozen=True, slots=True)
class Story:
    """`shape`: of the cluster, as `ClusterSpec` has it. Acts last `seconds`; then all is mended, and `settle` seconds
    later it is judged."""

    name: str
    title: str
    shape: Mapping[str, Any]
    acts: tuple[Act, ...]
    checks: tuple[Ask, ...]
    seconds: float = 6.0
    settle: float = 2.0
    options: Mapping[str, Any] = field(default_factory=dict)


CONTROL: Mapping[str, Any] = {"masters": 3, "store": 1, "workers": 0}
"""Three apiservers and controllers on one member of the store, and no nodes: what is about the API needs no more."""
SMALL: Mapping[str, Any] = {"masters": 1, "workers": 2}
ZONES: Mapping[str, Any] = {"masters": 1, "workers": 3, "zones": ("a", "b", "c")}
FAILOVER: Mapping[str, Any] = {"masters": 2, "store": 1, "workers": 2}

_ALL = (
    Story(
        "registers",
        "Several change the same objects, each only what it has read; lists are read at apiservers that lag.",
        CONTROL,
        (api.registers, trouble.apiservers_lag, trouble.apiservers_crash),
        (Ask("linearizable"),),
    ),
    Story(
        "names",
        "Names that several want, finalizers that hold, statuses beside specs, pods that two bind.",
        CONTROL,
        (api.names, api.finalizers, api.statuses, api.bindings),
        (Ask("created-once"), Ask("finalizers-held"), Ask("status-apart"), Ask("bound-once")),
        seconds=3.0,
        settle=0.5,
    ),
    Story(
        "watching",
        "Watchers of objects that come and go; apiservers crash, and watchers lose touch.",
        CONTROL,
        (api.churn, api.watchers, trouble.apiservers_crash, trouble.desks_cut),
        (Ask("watch-tells-all"),),
        seconds=8.0,
    ),
    Story(
        "families",
        "Owners and dependents, deleted in every way, and made again; controllers hear late.",
        {**CONTROL, "masters": 2},
        (owners.families, owners.successors, trouble.managers_hear_late),
        (
            Ask("controllers-spare", {"kinds": ["ConfigMap", "ControllerRevision"]}),
            Ask("foreground-waits"),
            Ask("garbage-collected"),
            Ask("created-once"),
        ),
        seconds=5.0,
        settle=4.0,
    ),
    Story(
        "namespaces",
        "Namespaces are deleted while others still fill them; apiservers lag.",
        CONTROL,
        (owners.namespaces, trouble.apiservers_lag),
        (Ask("namespaces-emptied"),),
        seconds=6.0,
    ),
    Story(
        "leaders",
        "Who leads the controllers pauses in the middle of work, for about as long as its lease.",
        CONTROL,
        (owners.refused_sets, trouble.leaders_pause),
        (Ask("one-holder-per-lease"),),
        seconds=8.0,
    ),
    Story(
        "renewals",
        "Who leads the controllers cannot renew its lease, and can do all else.",
        CONTROL,
        (owners.sets, trouble.renewals_get_lost),
        (Ask("one-holder-per-lease"),),
        seconds=4.0,
    ),
    Story(
        "scaling",
        "ReplicaSets are scaled while the controllers hear late.",
        {**CONTROL, "masters": 1},
        (owners.sets, trouble.managers_hear_late),
        (Ask("replicas-not-exceeded"),),
        seconds=5.0,
        settle=1.0,
    ),
    Story(
        "rollouts",
        "A Deployment rolls again and again; nothing else takes pods away.",
        SMALL,
        (pods.rolling,),
        (Ask("rollout-available"), Ask("replicas-not-exceeded"), Ask("proxies-follow"), Ask("deletion-announced")),
        seconds=12.0,
    ),
    Story(
        "daemons",
        "DaemonSets come and go; controllers die between two writes, and answers get lost.",
        FAILOVER,
        (
            pods.daemons,
            trouble.managers_die_between_writes,
            trouble.managers_hear_of_pods_late,
            trouble.answers_get_lost,
        ),
        (Ask("daemonset-coverage"),),
        seconds=8.0,
    ),
    Story(
        "services",
        "Pods behind a Service, on nodes that are lost.",
        ZONES,
        (pods.served, trouble.a_node_is_cut_off),
        (Ask("proxies-follow", {"within": 2.0}), Ask("no-dead-endpoints", {"within": 2.0})),
        seconds=15.0,
        settle=6.0,
    ),
    Story(
        "silences",
        "Pods behind a Service, on nodes that fall silent for a few seconds.",
        ZONES,
        (pods.steady, trouble.a_node_is_cut_off),
        (Ask("proxies-follow", {"within": 2.0}), Ask("no-dead-endpoints", {"within": 2.0}), Ask("ready-again")),
        seconds=14.0,
        settle=7.0,
    ),
    Story(
        "caches",
        "Caches of objects that come and go; apiservers crash and stand still, and the caches lose touch.",
        CONTROL,
        (api.churn, api.caches, trouble.apiservers_crash, trouble.apiservers_stand_still, trouble.desks_cut),
        (Ask("caches-follow"),),
        seconds=8.0,
        settle=10.0,
    ),
    Story(
        "lists",
        "Proxies lose touch for a while, and meet apiservers that have forgotten what happened meanwhile.",
        {**CONTROL, "masters": 2, "workers": 2},
        (pods.served, trouble.proxies_cut, trouble.apiservers_crash),
        (Ask("proxies-follow", {"within": 11.0}),),
        seconds=8.0,
        settle=13.0,
    ),
    Story(
        "evictions",
        "A node is lost for longer than its pods tolerate.",
        ZONES,
        (pods.standing, trouble.a_node_is_cut_off),
        (Ask("evicted-by-the-rules"),),
        seconds=20.0,
    ),
    Story(
        "blackout",
        "All nodes of all zones are cut off at once.",
        ZONES,
        (pods.standing, trouble.all_nodes_are_cut_off),
        (Ask("evicted-by-the-rules"),),
        seconds=14.0,
        settle=1.0,
    ),
    Story(
        "puzzle",
        "Pods that do not all fit; nodes are tainted by an administrator, and cut off.",
        ZONES,
        (pods.puzzle, trouble.nodes_are_tainted, trouble.binds_fail),
        (
            Ask("no-overcommit"),
            Ask("taints-respected"),
            Ask("placed-as-asked"),
            Ask("ports-distinct"),
            Ask("bound-once"),
            Ask("scheduled-if-it-fits"),
        ),
        seconds=6.0,
        settle=9.0,
    ),
    Story(
        "departures",
        "Nodes leave for good and come again, while pods are to be placed.",
        ZONES,
        (pods.puzzle, trouble.nodes_leave),
        (Ask("bound-to-what-is"),),
        seconds=6.0,
        settle=0.5,
    ),
    Story(
        "outages",
        "Nodes are cut off, while pods are to be placed.",
        ZONES,
        (pods.puzzle, trouble.a_node_is_cut_off),
        (Ask("nothing-new-on-not-ready-nodes", {"slack": 0.5}), Ask("no-overcommit")),
        seconds=8.0,
        settle=0.5,
    ),
    Story(
        "pods",
        "Bare pods under few names, some forced away; kubelets crash and hear late.",
        SMALL,
        (pods.residents, pods.bare_pods, trouble.kubelets_crash, trouble.kubelets_lag),
        (
            Ask("one-incarnation"),
            Ask("addresses-distinct"),
            Ask("ended-with-their-pods"),
            Ask("deleted-pods-end"),
            Ask("own-status"),
        ),
        seconds=8.0,
        settle=7.0,
    ),
    Story(
        "gentle",
        "Bare pods that nobody forces away; kubelets crash.",
        SMALL,
        (pods.gentle_pods, trouble.kubelets_crash),
        (Ask("deletion-announced"), Ask("deleted-pods-end"), Ask("one-incarnation")),
        seconds=6.0,
        settle=7.0,
    ),
    Story(
        "pinned",
        "Pods of one name follow each other on one kubelet, forced away, heard of late.",
        {**SMALL, "workers": 1},
        (pods.pinned_pods, trouble.kubelets_lag),
        (Ask("own-status"), Ask("ended-with-their-pods")),
        seconds=6.0,
        settle=6.0,
    ),
    Story(
        "programs",
        "Programs that end, well or badly, under each restart policy; late probes; kubelets crash.",
        {**SMALL, "workers": 1},
        (pods.programs, trouble.kubelets_crash),
        (Ask("restart-policy"), Ask("crash-backoff"), Ask("ready-after-probe"), Ask("one-incarnation")),
        seconds=9.0,
        settle=1.0,
    ),
)
STORIES: Mapping[str, Story] = {story.name: story for story in _ALL}
