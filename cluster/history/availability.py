"""Who was answered: the share of operations answered, refused and left without an answer, per side, kind and mode.

Must not judge what was answered, nor anything but by the bounds that it is given. Refused: it certainly did not happen;
without an answer: nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run
from cluster.history.spans import DURING, side_of, spans, within


@dataclass(frozen=True, slots=True)
class Share:
    """Counts of operations, and where they came from."""

    side: str
    kind: str
    mode: str
    tried: int
    answered: int
    refused: int
    unanswered: int


def shares(run: Run, operations: Iterable[Operation]) -> list[Share]:
    """One for each side, kind and mode; a side is that of the partition, else the site."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for o in operations:
        groups.setdefault((side_of(run, o) or o.site, o.kind, o.mode), []).append(o.outcome)
    return [
        Share(*group, len(found), found.count("ok"), found.count("fail"), found.count("unknown"))
        for group, found in sorted(groups.items())
    ]


def _judge(run: Run, options: Options) -> Finding:
    chosen = spans(run, options["during"])
    numbers = [n for n, o in enumerate(run.operations) if within(o.start, chosen) and _counts(run, o, options)]
    if not numbers:
        return saw_nothing("availability", "operations of that kind, there and then")
    operations = [run.operations[n] for n in numbers]
    answered = sum(o.outcome == "ok" for o in operations) / len(operations)
    figures = {
        "answered": answered,
        "refused": sum(o.outcome == "fail" for o in operations) / len(operations),
        "unanswered": sum(o.outcome == "unknown" for o in operations) / len(operations),
    }
    told = [_sentence(share) for share in shares(run, operations)]
    summary = (
        f"{answered:.1%} of {len(operations)} operations were answered, {figures['refused']:.1%} refused, "
        f"{figures['unanswered']:.1%} left without an answer"
    )
    least, most = options["atLeast"], options["atMost"]
    if least is None and most is None:
        return Finding("availability", "unknown", f"{summary}; no bound was given", len(operations), told, {}, figures)
    low, high = least is not None and answered < least, most is not None and answered > most
    if not low and not high:
        return Finding("availability", "ok", summary, len(operations), told, {}, figures)
    bound = f"fewer than {least:.1%}" if low else f"more than {most:.1%}"
    guilty = [n for n in numbers if (run.operations[n].outcome == "ok") is high][:50]
    told += _reasons(run, numbers) if low else []
    evidence = {"operations": guilty}
    return Finding("availability", "violated", f"{summary}: {bound}", len(operations), told, evidence, figures)


def _counts(run: Run, o: Operation, options: Options) -> bool:
    site, kind, mode = options["site"], options["kind"], options["mode"]
    there = not site or fnmatchcase(o.site, site) or side_of(run, o) == site
    return there and (not kind or o.kind == kind) and (not mode or o.mode == mode)


def _sentence(share: Share) -> str:
    what = f"{share.mode} {share.kind}".strip()
    where = f" ({share.side})" if share.side else ""
    return (
        f"{what}{where}: {share.answered} of {share.tried} answered, {share.refused} refused, {share.unanswered} left "
        "without an answer"
    )


def _reasons(run: Run, numbers: Sequence[int]) -> list[str]:
    """What the errors said, the most frequent first."""
    counts: dict[str, int] = {}
    for n in numbers:
        if run.operations[n].error:
            counts[run.operations[n].error] = counts.get(run.operations[n].error, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{count} times {error}" for error, count in ordered[:5]]


CHECKS: Mapping[str, Check] = {
    "availability": Check(
        "The share of operations that were answered is within its bounds.",
        _judge,
        ("operations",),
        {
            "site": Option("text", "only at sites like this, or on this side (majority, minority)", ""),
            "kind": Option("word", "only operations of this kind", ""),
            "mode": Option("word", "only reads of this mode", ""),
            "during": DURING,
            "atLeast": Option("share", "to be answered"),
            "atMost": Option("share", "that may be answered (0: a side that must refuse)"),
        },
    )
}
