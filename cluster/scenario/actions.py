"""What a timeline may do: the table of actions, their fields and in which world each can be done.

Pure. The reader checks files against this table, the JSON schema and the reference page are made from it, and
`cluster.experiments` has one function for each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.scenario.model import WORLDS, WorldName

FieldType = Literal[
    "target",
    "targets",
    "groups",
    "duration",
    "share",
    "number",
    "integer",
    "flag",
    "word",
    "words",
    "text",
    "condition",
    "object",
    "mapping",
    "bytes",
    "conditions",
    "objects",
    "workloads",
    "steps",
    "checks",
]
"""target: one Target; targets: a tuple of them (a union); groups: a tuple of tuples of Targets, with "rest" for
all machines that no other group names; duration: seconds; share: 0 to 1 ("30%"); words: fnmatch patterns or names;
object: an API object, the path of a manifest, or a list of them: a tuple of objects; bytes: a size or a rate
("1Mbit", "64KB"). The last five are parts of a scenario, never of an action."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action. `short`: it may be written as the action's whole value (`kill: leader:store`)."""

    type: FieldType
    doc: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    short: bool = False
    signed: bool = False
    """Of a duration: it may be negative."""


@dataclass(frozen=True, slots=True)
class Action:
    """`lasts`: it can be undone, so it takes `for`. `waits`: the next entry begins when it has ended."""

    doc: str
    group: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    lasts: bool = False
    waits: bool = False
    worlds: tuple[WorldName, ...] = WORLDS
    only_because: str = ""
    """Why not in both worlds."""


def _who(doc: str) -> Field:
    return Field("targets", doc, required=True, short=True)


_LINK: dict[str, Field] = {
    "from": Field("targets", "who sends; empty: anyone", ()),
    "to": Field("targets", "who receives; empty: anyone", ()),
    "both": Field("flag", "the other direction too", False),
    "kinds": Field("words", "only messages of these kinds (patterns such as raft.*, lease.renew)", ()),
}
_CORRELATION = Field("share", "how much each draw takes after the one before", 0.0)
SHAPES = ("isolate", "halves", "majorities-ring", "bridge", "minority-with-leader", "minority", "random")
DISTRIBUTIONS = ("constant", "uniform", "normal", "exponential")
DISK_WAYS = ("full", "write-error", "sync-error", "slow", "lie", "flip", "tear")
API_WAYS = ("slow", "overloaded", "stale", "error", "missed")

ACTIONS: Mapping[str, Action] = {
    # ── network ──
    "partition": Action(
        "Cut links: between groups, or in one of the classic shapes over a set.",
        "network",
        {
            "between": Field("groups", "groups that cannot reach each other; others reach all", (), short=True),
            "shape": Field("word", "instead of groups", "", choices=SHAPES),
            "of": Field("targets", "the set that the shape divides (the store's members)", ()),
            "oneWay": Field("flag", "only from the first group to the others", False),
            "kinds": _LINK["kinds"],
        },
        lasts=True,
    ),
    "isolate": Action(
        "Cut machines or hosts off from everybody else.",
        "network",
        {
            "targets": _who("whom"),
            "direction": Field("word", "which of their messages are lost", "both", choices=("both", "in", "out")),
            "kinds": _LINK["kinds"],
        },
        lasts=True,
    ),
    "delay": Action(
        "Messages come later.",
        "network",
        {
            **_LINK,
            "by": Field("duration", "how much", required=True, short=True),
            "jitter": Field("duration", "deviation (normal), half width (uniform)", 0.0),
            "distribution": Field("word", "of the delay", "constant", choices=DISTRIBUTIONS),
            "correlation": _CORRELATION,
        },
        lasts=True,
    ),
    "loss": Action(
        "Messages are lost.",
        "network",
        {**_LINK, "probability": Field("share", "of each", 1.0, short=True), "correlation": _CORRELATION},
        lasts=True,
    ),
    "duplicate": Action(
        "Messages arrive twice.",
        "network",
        {
            **_LINK,
            "probability": Field("share", "of each", 1.0, short=True),
            "spread": Field("duration", "the copy comes up to so much later", 0.05),
            "correlation": _CORRELATION,
        },
        lasts=True,
    ),
    "reorder": Action(
        "Messages overtake each other.",
        "network",
        {
            **_LINK,
            "probability": Field("share", "of each to be held back", 0.5, short=True),
            "window": Field("duration", "for up to so long", 0.05),
            "correlation": _CORRELATION,
        },
        lasts=True,
    ),
    "corrupt": Action(
        "Messages arrive damaged, and are dropped by their receiver's checksum.",
        "network",
        {**_LINK, "probability": Field("share", "of each", 1.0, short=True), "correlation": _CORRELATION},
        lasts=True,
    ),
    "bandwidth": Action(
        "A link carries so many bytes a second; the rest queues.",
        "network",
        {
            **_LINK,
            "rate": Field("bytes", "a second", required=True, short=True),
            "queue": Field("duration", "what waits longer is lost", 1.0),
        },
        lasts=True,
    ),
    "dropNth": Action(
        "The n-th message of each link is lost.",
        "network",
        {
            **_LINK,
            "n": Field("integer", "from 1", required=True, short=True),
            "thenEvery": Field("integer", "and each so-many-th after it", 0),
        },
        lasts=True,
    ),
    # ── processes ──
    "kill": Action(
        "SIGKILL. Stays dead until restarted; with `for`, restarts then.",
        "process",
        {
            "targets": _who("hosts, or machines: all hosts of it"),
            "disk": Field("word", "what the next boot finds", "keep", choices=("keep", "wipe")),
        },
        lasts=True,
    ),
    "pause": Action("SIGSTOP, and SIGCONT at the end.", "process", {"targets": _who("hosts")}, lasts=True),
    "resume": Action("SIGCONT.", "process", {"targets": _who("hosts")}),
    "restart": Action(
        "Kill and boot.",
        "process",
        {
            "targets": _who("hosts"),
            "disk": Field("word", "what the next boot finds", "keep", choices=("keep", "wipe")),
        },
    ),
    "crashLoop": Action(
        "Kill it again each time it is up.",
        "process",
        {"targets": _who("hosts"), "up": Field("duration", "how long each boot lives", 1.0)},
        lasts=True,
    ),
    "killAfter": Action(
        "Kill a host right after it has sent its n-th message of a kind: between two writes of a controller.",
        "process",
        {
            "targets": _who("hosts"),
            "kinds": Field("words", "which messages count", required=True),
            "n": Field("integer", "from 1", 1),
            "restart": Field("duration", "boots again so much later (0: stays dead)", 1.0),
        },
        lasts=True,
    ),
    # ── machines ──
    "poweroff": Action(
        "Every host and container of a machine ends at once; power returns with `for`.",
        "machine",
        {"targets": _who("machines")},
        lasts=True,
    ),
    "poweron": Action("A machine's hosts boot.", "machine", {"targets": _who("machines")}),
    "join": Action("Workers join.", "machine", {"workers": Field("integer", "how many", 1, short=True)}),
    "leave": Action("Workers are gone for good.", "machine", {"targets": _who("worker machines")}),
    "cordon": Action("Nothing new is scheduled there.", "machine", {"targets": _who("workers")}, lasts=True),
    "drain": Action("Cordon, then evict its pods.", "machine", {"targets": _who("workers")}, lasts=True),
    # ── clocks ──
    "clockJump": Action(
        "A machine's wall clock is off by so much.",
        "clock",
        {"targets": _who("machines"), "by": Field("duration", "may be negative", required=True, signed=True)},
        lasts=True,
    ),
    "clockDrift": Action(
        "A machine's clocks, what it measures with as well, run so many times as fast.",
        "clock",
        {"targets": _who("machines"), "rate": Field("number", "1.0 is true time", required=True)},
        lasts=True,
    ),
    "clockStrobe": Action(
        "The wall clock jumps forth and back.",
        "clock",
        {
            "targets": _who("machines"),
            "by": Field("duration", "how far", required=True, signed=True),
            "period": Field("duration", "of one forth and back", 0.2),
        },
        lasts=True,
    ),
    # ── disks ──
    "disk": Action(
        "A disk misbehaves.",
        "disk",
        {
            "targets": _who("hosts, or machines: the disks of all hosts of it"),
            "way": Field("word", "how", required=True, choices=DISK_WAYS),
            "probability": Field("share", "of each sync", 1.0),
            "by": Field("duration", "slow: so much", 0.05),
            "files": Field("words", "only these (patterns such as wal/*)", ()),
        },
        lasts=True,
    ),
    "loseUnsynced": Action(
        "The disk acknowledges what it has not kept, and then the power goes: kill with what was not synced lost.",
        "disk",
        {"targets": _who("hosts"), "restart": Field("duration", "boots again so much later", 1.0)},
        lasts=True,
    ),
    # ── membership of the store ──
    "grow": Action("A member joins the store.", "membership", {"members": Field("integer", "how many", 1, short=True)}),
    "shrink": Action("Members leave the store.", "membership", {"targets": _who("members")}),
    "replaceMember": Action("A new member takes the place of another.", "membership", {"targets": _who("one member")}),
    "moveLeader": Action(
        "The store's leader hands over.", "membership", {"to": Field("targets", "a member; empty: any", (), short=True)}
    ),
    # ── the API ──
    "api": Action(
        "An apiserver misbehaves: `slow`, `overloaded` (429), `error` (a code), `stale` (its watch cache stands still "
        "and serves the past), `missed` (events are left out of its watches).",
        "api",
        {
            "targets": Field("targets", "apiservers; empty: all", ()),
            "way": Field("word", "how", required=True, choices=API_WAYS, short=True),
            "probability": Field("share", "of each request (or event)", 1.0),
            "by": Field("duration", "slow: so much", 0.5),
            "code": Field("integer", "error: 429, 500, 503 or 504", 500),
            "verbs": Field("words", "only these: get, list, watch, create, update, patch, delete", ()),
            "kinds": Field("words", "only objects of these kinds", ()),
            "users": Field("words", "only requests of these hosts", ()),
        },
        lasts=True,
    ),
    # ── objects ──
    "apply": Action(
        "Create or change objects.", "objects", {"object": Field("object", "what", required=True, short=True)}
    ),
    "delete": Action(
        "Delete objects.",
        "objects",
        {
            "kind": Field("word", "of what", required=True),
            "name": Field("text", "of one; or", ""),
            "labels": Field("text", "of all with these labels, as app=nginx", ""),
            "amount": Field("text", "of those with the labels: all, one, 2, 50%, up to 40%, some", "all"),
            "namespace": Field("text", "", "default"),
            "grace": Field("duration", "seconds to end in; -1: as the object says", -1.0, signed=True),
        },
    ),
    "scale": Action(
        "Change a number of replicas.",
        "objects",
        {
            "object": Field("text", "as deployment/nginx", required=True),
            "replicas": Field("integer", "how many", required=True),
            "namespace": Field("text", "", "default"),
        },
    ),
    "patch": Action(
        "A strategic merge patch.",
        "objects",
        {
            "object": Field("text", "as deployment/nginx", required=True),
            "patch": Field("mapping", "what", required=True),
            "namespace": Field("text", "", "default"),
        },
    ),
    "setImage": Action(
        "A new image, and so a rollout.",
        "objects",
        {
            "object": Field("text", "as deployment/nginx", required=True),
            "container": Field("text", "which; empty: the first", ""),
            "image": Field("text", "as nginx:1.27", required=True),
            "namespace": Field("text", "", "default"),
        },
    ),
    # ── the story itself ──
    "wait": Action(
        "Let time pass.", "control", {"for": Field("duration", "how long", required=True, short=True)}, waits=True
    ),
    "await": Action(
        "Wait until something holds: it must, within `within`, or the run is violated.",
        "control",
        {
            "condition": Field("condition", "what", required=True, short=True),
            "expect": Field("word", "`never`: it must not come to hold in that time", "yes", choices=("yes", "never")),
        },
        waits=True,
    ),
    "heal": Action(
        "Undo a fault by the `name` of its entry; empty: all.", "control", {"name": Field("text", "", "", short=True)}
    ),
    "parallel": Action("All at the same time.", "control", {}, waits=True),
    "sequence": Action("One after the other.", "control", {}, waits=True),
    "say": Action("A line in the report.", "control", {"text": Field("text", "what", required=True, short=True)}),
}
