"""EDN as Jepsen writes it, read and written: maps, vectors, lists, sets, keywords, strings, numbers, tagged elements.

Must not know what an operation is, and must not open files. Source: github.com/edn-format/edn. A reader of our own
because the one library there is reads 5,000 operations a second, and a history may have a million.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from cluster.errors import UsageError


class Keyword(str):
    """ ":read" as "read": equal to the plain string, and written as a keyword again."""

    __slots__ = ()


class Symbol(str):
    """A bare word."""

    __slots__ = ()


_TOKEN = re.compile(
    r"""[\s,]*(?:;[^\n]*[\s,]*)*(?:
    (:?[^\s,;\[\](){}"#\\]+[^\s,;\[\](){}"]*)|
    ([\])}])|
    (\#\{|[\[({])|
    ("(?:[^"\\]|\\.)*")|
    ($)|
    (\#_)|
    (\#\#(?:Inf|-Inf|NaN)|\#[A-Za-z][^\s,;\])}\[({"]*)|
    (\\(?:newline|space|tab|return|u[0-9a-fA-F]{4}|\S))
    )""",
    re.VERBOSE | re.DOTALL,
)
WORD, CLOSE, OPEN, STRING, END, DISCARD, TAG, CHAR = range(1, 9)
_CLOSES = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_WORDS = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}


def read_all(text: str, place: str = "edn") -> Iterator[tuple[Any, int]]:
    """Every element at the top, with the offset at which it begins. Vectors and lists are tuples, sets frozensets, maps
    dicts (with tuples of pairs where a map is a key), tagged elements their bare value. UsageError names the line."""
    match, lost = _TOKEN.match, _Lost(text, place)
    known: dict[str, Any] = dict(_WORDS)
    stack: list[tuple[str, int, list[Any]]] = []
    """Opening, its offset, what stood beside it so far."""
    items: list[Any] = []
    at = 0
    while True:
        found = match(text, at)
        if found is None:
            raise lost.error("not EDN", _SPACE.match(text, at).end())  # type: ignore[union-attr]
        kind, began, at = found.lastindex, found.start(found.lastindex or 0), found.end()
        if kind == WORD:
            token = found[WORD]
            value = known.get(token, _UNKNOWN)
            if value is _UNKNOWN:
                value = _word(token)
                if token[0] == ":":
                    known[token] = value
            items.append(value)
        elif kind == OPEN:
            stack.append((found[OPEN], began, items))
            items = []
            continue
        elif kind == CLOSE:
            if not stack:
                raise lost.error(f"a {found[CLOSE]!r} that closes nothing", began)
            opening, began, outer = stack.pop()
            outer.append(_collection(lost, opening, (began, at - 1), found[CLOSE], items))
            items = outer
        elif kind == END:
            if stack:
                raise lost.error(f"a {stack[-1][0]!r} that is never closed: the file is cut off", stack[-1][1])
            _no_mark(lost, items, began)
            return
        else:
            items.append(_rare(int(kind or 0), found[0], found[kind or 0]))
        if len(items) > 1 and items[-2].__class__ is _Mark:
            _marked(items)
        if not stack and items and items[-1].__class__ is not _Mark:
            yield items.pop(), began


class _Lost:
    """Where it is wrong, and how to say so."""

    def __init__(self, text: str, place: str) -> None:
        self.text, self.place = text, place

    def error(self, text: str, offset: int) -> UsageError:
        where = f"{self.place}:{line_of(self.text, offset)}"
        return UsageError(text, place=where, remedy="whole EDN elements, as Jepsen's history.edn has")


class _Mark(str):
    """A tag, or "#_": it is about the element after it."""

    __slots__ = ()


_UNKNOWN = object()
_SPACE = re.compile(r"[\s,]*(?:;[^\n]*[\s,]*)*")


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _rare(kind: int, whole: str, token: str) -> Any:
    if kind == STRING:
        return _string(token)
    if kind == CHAR:
        name = token[1:]
        return _CHARS.get(name) or (chr(int(name[1:], 16)) if len(name) == 5 else name)
    return _SYMBOLIC[token] if token in _SYMBOLIC else _Mark(token)


def _marked(items: list[Any]) -> None:
    """What a tag is about stays, what is discarded goes; of several in a row the last counts first."""
    while len(items) > 1 and items[-2].__class__ is _Mark and items[-1].__class__ is not _Mark:
        value, mark = items.pop(), items.pop()
        if mark == "#_":
            return
        items.append(value)


def _no_mark(lost: _Lost, items: list[Any], at: int) -> None:
    if items and items[-1].__class__ is _Mark:
        raise lost.error(f"nothing after {items[-1]}", at)


def _collection(lost: _Lost, opening: str, where: tuple[int, int], closing: str, items: list[Any]) -> Any:
    began, ended = where
    _no_mark(lost, items, ended)
    if closing != _CLOSES[opening]:
        raise lost.error(f"{closing!r} where {_CLOSES[opening]!r} closes {opening!r}", ended)
    if opening == "{":
        if len(items) % 2:
            raise lost.error("a map with a key that has no value", began)
        keys = items[::2]
        if any(key.__class__ is dict or key.__class__ is tuple for key in keys):
            keys = [_hashable(key) for key in keys]
        return dict(zip(keys, items[1::2], strict=True))
    return frozenset(map(_hashable, items)) if opening == "#{" else tuple(items)


def _word(token: str) -> Any:
    if token[0] == ":":
        return Keyword(token[1:])
    if token[0].isdigit() or (token[0] in "+-." and len(token) > 1):
        try:
            return int(token.rstrip("N"))
        except ValueError:
            pass
        try:
            return float(Fraction(token)) if "/" in token else float(token.rstrip("M"))
        except ValueError:
            return Symbol(token)
    return Symbol(token)


def _string(token: str) -> str:
    body = token[1:-1]
    if "\\" not in body:
        return body
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescaped, body, flags=re.DOTALL)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if code[0] == "u" and len(code) == 5 else _ESCAPES.get(code, code)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(((k, _hashable(v)) for k, v in value.items()), key=repr))
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else value


def write(value: Any) -> str:
    """One element. Strings that are `Keyword` become keywords; tuples and lists vectors."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Keyword):
        return f":{value}"
    if isinstance(value, Symbol):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_escaped(c) for c in value) + '"'
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "##Inf" if value > 0 else "##-Inf"
    if isinstance(value, bytes):
        return write(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write(k)} {write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, frozenset | set):
        return "#{" + " ".join(sorted(map(write, value))) + "}"
    if isinstance(value, tuple | list):
        return "[" + " ".join(map(write, value)) + "]"
    return repr(value)


def _escaped(c: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}.get(c, c)
