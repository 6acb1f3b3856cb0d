"""Scenarios by chance: every action with any of its fields, for what must hold of all scenarios.

Must not make what the reader would refuse: a target that the cluster does not have, a name that is taken.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cluster.scenario.actions import ACTIONS, Field
from cluster.scenario.condition import parse as condition
from cluster.scenario.forms import READS, STORE_OPTIONS, WORKLOADS
from cluster.scenario.model import CheckSpec, Scenario, Shape, SteadyState, Step, Workload
from cluster.scenario.places import ON_MEMBERS, ON_WORKERS, OVERLAPPING, SHAPES
from cluster.scenario.subjects import SUBJECTS
from cluster.scenario.target import parse as target

MASTERS, WORKERS, ZONES = 5, 6, ("a", "b")
TARGETS = (
    "store-1", "worker-2", "master-0", "kubelet-3", "masters", "workers", "members", "all", "zone:a", "kind:apiserver",
    "leader:store", "follower:store", "followers:store", "leader:scheduler", "holder:kube-scheduler", "node-of:web-0",
    "nodes-of:kube-system/app=dns+tier=x", "label:disk=ssd", "apiserver-of:kubelet-2", "store-of:apiserver-1",
    "minority-with-leader", "one of members", "2 of workers", "37.5% of zone:b", "up to 40% of workers",
    "some of masters", "minority of members", "majority of members", "members except leader:store",
    "machine of leader:store", "store-0, store-2",
)  # fmt: skip
EXAMPLES = [spec.example for name, subject in SUBJECTS.items() for spec in subject.predicates.values()]
CONDITIONS = tuple(text for text in EXAMPLES if "clerks" not in text)
"""But for what names a workload: a story draws those of its own."""
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(lambda w: f"x{w}")
TEXTS = st.one_of(
    WORDS, st.sampled_from(["yes", "1:30", "null", "~", "# not a comment", "a: b", "- c", "two\nlines", "'", "ü"])
)
SECONDS = st.one_of(
    st.sampled_from([0.001, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 90.0, 3600.0, 5400.0]),
    st.floats(1e-4, 1e5, allow_nan=False).map(lambda x: round(x, 6)),
)
SHARES = st.one_of(st.sampled_from([0.0, 0.3, 0.29, 1.0]), st.floats(0, 1, allow_nan=False))


def _targets(action: str, name: str) -> st.SearchStrategy[Any]:
    if action in ON_WORKERS:
        words: tuple[str, ...] = ("worker-1", "workers", "zone:a", "one of workers", "node-of:web-0")
    elif action in ON_MEMBERS:
        words = ("store-1", "members", "leader:store", "one of members")
    elif action == "api":
        words = ("apiserver-0", "kind:apiserver", "apiserver-of:kubelet-1")
    else:
        words = TARGETS
    return st.lists(st.sampled_from(words), min_size=1, max_size=2, unique=True).map(
        lambda found: tuple(target(word) for word in found)
    )


GROUPS = (
    st.permutations(["store-0", "store-1", "worker-1", "rest"])
    .map(lambda words: ((target(words[0]), target(words[1])), (target(words[2]),), (target(words[3]),)))
    .filter(lambda groups: all(len(group) == 1 or "rest" not in [t.text for t in group] for group in groups))
)


def _value(action: str, name: str, spec: Field) -> st.SearchStrategy[Any]:
    if (action, name) == ("delete", "amount"):
        return st.sampled_from(["one", "2", "50%", "up to 40%"])
    if (action, name) == ("api", "code"):
        return st.sampled_from([429, 500, 503, 504])
    if name == "object" and spec.type == "text":
        return WORDS.map(lambda word: f"deployment/{word}")
    signed = st.one_of(SECONDS, SECONDS.map(lambda x: -x))
    simple: dict[str, st.SearchStrategy[Any]] = {
        "duration": signed if spec.signed else SECONDS,
        "share": SHARES,
        "number": st.floats(0.01, 100, allow_nan=False),
        "integer": st.integers(1, 9),
        "flag": st.booleans(),
        "word": st.sampled_from(spec.choices) if spec.choices else WORDS,
        "words": st.lists(st.sampled_from(["raft.*", "lease.renew", "pod.bind"]), min_size=1, unique=True).map(tuple),
        "text": TEXTS,
        "condition": st.sampled_from(CONDITIONS).map(condition),
        "object": st.just(
            ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "yes"}},)
        ),
        "mapping": st.just({"spec": {"replicas": 2, "list": [1, None, True, "x"]}}),
        "bytes": st.one_of(st.integers(1, 10**9).map(float), st.floats(1, 1e6, allow_nan=False)),
        "groups": GROUPS,
    }
    return _targets(action, name) if spec.type == "targets" else simple[spec.type]


@st.composite
def _args(draw: st.DrawFn, action: str) -> dict[str, Any]:
    table = ACTIONS[action].fields
    args = {
        name: draw(_value(action, name, spec)) if spec.required or draw(st.booleans()) else spec.default
        for name, spec in table.items()
    }
    if action == "partition":
        shape = draw(st.sampled_from(["", *SHAPES]))
        args |= {"shape": shape, "between": () if shape else draw(GROUPS), "of": (target("members"),) if shape else ()}
        args["oneWay"] = args["oneWay"] and shape not in OVERLAPPING
    if action == "delete":
        args |= {"name": "web-0", "labels": ""} if draw(st.booleans()) else {"name": "", "labels": "app=web"}
    if action == "heal":
        args["name"] = ""
    return args


@st.composite
def steps(draw: st.DrawFn, nested: bool = True) -> Step:
    names = [name for name in ACTIONS if nested or name not in ("parallel", "sequence")]
    action = draw(st.sampled_from(names))
    values: dict[str, Any] = {}
    if draw(st.booleans()):
        values["after"] = draw(SECONDS)
    if ACTIONS[action].lasts and draw(st.booleans()):
        values["lasting"] = draw(SECONDS)
    if draw(st.booleans()):
        values |= {"when": condition(draw(st.sampled_from(CONDITIONS))), "within": draw(SECONDS)}
    if draw(st.booleans()):
        values |= {"every": draw(SECONDS), "repeat": draw(st.integers(1, 5)), "chance": draw(SHARES)}
    if action in ("parallel", "sequence"):
        inside = tuple(draw(st.lists(steps(nested=False), min_size=1, max_size=3)))
        return Step("", action, {}, steps=inside, **values)
    return Step("", action, draw(_args(action)), **values)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    kind = draw(st.sampled_from(list(WORKLOADS)))
    options = {
        name: draw(_value("", name, spec)) for name, spec in WORKLOADS[kind].options.items() if draw(st.booleans())
    }
    at = draw(st.sampled_from([(), (target("masters"),), (target("master-0"), target("worker-1"))]))
    return Workload(
        "", kind, "", draw(st.integers(1, 9)), draw(st.floats(0.1, 50)), draw(st.integers(1, 5)),
        draw(st.sampled_from(READS)), at, draw(SECONDS), options,
    )  # fmt: skip


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    options = draw(st.dictionaries(st.sampled_from(STORE_OPTIONS), st.integers(1, 1000), max_size=2))
    objects = ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},) if draw(st.booleans()) else ()
    steady = [text for text in CONDITIONS if not text.startswith("operations")]
    conditions = tuple(condition(text) for text in draw(st.lists(st.sampled_from(steady), max_size=3)))
    check = CheckSpec(
        "", "one-leader-per-term", {"some": 1, "list": ["a"]} if draw(st.booleans()) else {},
        draw(st.sampled_from(["ok", "violated", "unknown"])), draw(st.sampled_from(["", "because", "yes"])),
    )  # fmt: skip
    return Scenario(
        "",
        draw(WORDS),
        draw(WORDS),
        draw(st.sampled_from(["", "one line", "two\nlines", "a: b"])),
        draw(st.sampled_from([("sim", "proc"), ("proc",)])),
        draw(st.integers(0, 10**9)),
        Shape(masters=MASTERS, workers=WORKERS, zones=ZONES, objects=objects, options=options),
        tuple(draw(st.lists(workloads(), max_size=2))),
        SteadyState(conditions, draw(SECONDS), draw(SECONDS)) if conditions else SteadyState(),
        tuple(draw(st.lists(steps(), max_size=6))),
        1e8,
        draw(SECONDS),
        (check,),
    )
