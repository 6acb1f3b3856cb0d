"""The reference tables of docs/scenarios.md, made from the tables that the reader reads by.

A page holds a table between two marks, `<!-- table: NAME -->` and `<!-- end -->`; `page` fills them. A test keeps the
page in step. Must not hold prose of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from cluster.errors import UsageError
from cluster.scenario.actions import ACTIONS, Field
from cluster.scenario.forms import CHECK, CLUSTER, STEADY, STEP, TOP, WORKLOAD, WORKLOADS
from cluster.scenario.model import WORLDS
from cluster.scenario.reading import Known
from cluster.scenario.subjects import SUBJECTS
from cluster.scenario.target import AMOUNTS, ROLES
from cluster.scenario.units import plain, say_duration, say_share, say_size

_MARK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str, known: Known) -> str:
    """The page with every table as it is now. UsageError for a mark that names no table."""

    def fill(match: re.Match[str]) -> str:
        name = match[2]
        if name == "checks":
            made = checks(known)
        elif name in TABLES:
            made = TABLES[name]()
        else:
            raise UsageError(f"there is no table {name!r}", remedy=f"one of {', '.join([*TABLES, 'checks'])}")
        return f"{match[1]}\n{made}\n{match[3]}"

    return _MARK.sub(fill, text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _default(spec: Field) -> str:
    value = spec.default
    if spec.required:
        return "required"
    if value is None or value == "" or value == () or value == {}:
        return ""
    writers: Mapping[str, Callable[[float], str]] = {"duration": say_duration, "share": say_share, "bytes": say_size}
    if spec.type in writers:
        return _code(writers[spec.type](value)) if value else ""
    if isinstance(value, bool):
        return _code("true") if value else ""
    if isinstance(value, tuple):
        return _code(", ".join(value))
    return _code(plain(value) if isinstance(value, float) else str(value))


def _type(spec: Field) -> str:
    return ", ".join(_code(choice) for choice in spec.choices) if spec.choices else spec.type


def _fields(specs: Mapping[str, Field]) -> str:
    rows = [[_code(name), _type(spec), _default(spec), spec.doc] for name, spec in specs.items()]
    return _table(["field", "type", "default", "meaning"], rows)


def _inline(specs: Mapping[str, Field]) -> str:
    """The fields of an action in one cell: the short form in bold."""
    said = []
    for name, spec in specs.items():
        shown = f"**{_code(name)}**" if spec.short else _code(name)
        notes = [_type(spec), "required" if spec.required else "", spec.doc]
        default = "" if spec.required else _default(spec)
        told = ", ".join(note for note in notes if note)
        said.append(f"{shown}: {told}{f' ({default})' if default else ''}")
    return "<br>".join(said)


def actions() -> str:
    """One table for each group."""
    made = []
    for group in dict.fromkeys(action.group for action in ACTIONS.values()):
        rows = []
        for name, action in ACTIONS.items():
            if action.group != group:
                continue
            marks = ["lasts"] if action.lasts else []
            marks += ["waits"] if action.waits else []
            if action.worlds != WORLDS:
                marks.append(f"{' and '.join(action.worlds)} only: {action.only_because}")
            rows.append([_code(name), action.doc, ", ".join(marks), _inline(action.fields)])
        made.append(f"**{group}**\n\n" + _table(["action", "what it does", "", "fields"], rows))
    return "\n".join(made)


def roles() -> str:
    rows = []
    for name, role in ROLES.items():
        form = f"{name}:{role.argument}" if role.argument and name != "name" else role.argument or name
        only = f" ({', '.join(role.choices)})" if role.choices else ""
        rows.append([_code(form), role.doc + only, role.gives, role.needs, _code(role.example)])
    return _table(["target", "who", "gives", "looked up from", "example"], rows)


def amounts() -> str:
    return _table(["amount", "how many"], [[_code(f"{name} of X"), doc] for name, doc in AMOUNTS.items()])


def subjects() -> str:
    rows = []
    for name, subject in SUBJECTS.items():
        head = _head(name)
        for predicate, spec in subject.predicates.items():
            takes = {"": "", "number": " OP NUMBER", "word": " WORD"}[spec.takes]
            rows.append([_code(f"{head} {predicate}{takes}"), spec.doc, _code(spec.example)])
    return _table(["condition", "holds when", "example"], rows)


def _head(name: str) -> str:
    subject = SUBJECTS[name]
    said = "" if name == "role" else name
    said += f" [{subject.name}]" if subject.optional else f" {subject.name}" if subject.name else ""
    return (said + (f" [on {subject.where}]" if subject.where else "")).strip()


def workloads() -> str:
    rows = [[_code(name), form.doc, _inline(form.options)] for name, form in WORKLOADS.items()]
    return _table(["type", "what its clients do", "options"], rows)


def checks(known: Known) -> str:
    rows = []
    for name, check in known.items():
        options = {key: Field(o.type, o.doc, o.default, choices=tuple(o.choices)) for key, o in check.options.items()}
        rows.append([_code(name), check.doc, ", ".join(check.looks_at), _inline(options)])
    return _table(["check", "what it looks for", "looks at", "options"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "top": lambda: _fields(TOP),
    "cluster": lambda: _fields(CLUSTER),
    "workload": lambda: _fields(WORKLOAD),
    "workloads": workloads,
    "steady": lambda: _fields(STEADY),
    "step": lambda: _fields(STEP),
    "check": lambda: _fields(CHECK),
    "actions": actions,
    "roles": roles,
    "amounts": amounts,
    "subjects": subjects,
}
