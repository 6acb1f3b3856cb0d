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
    (?P<open>\#\{|[\[({])|(?P<close>[\])}])|
    (?P<string>"(?:[^"\\]|\\.)*")|
    (?P<int>[+-]?\d+N?)(?=[\s,;\])}\[({"]|$)|
    (?P<discard>\#_)|
    (?P<symbolic>\#\#(?:Inf|-Inf|NaN))|
    (?P<tag>\#[A-Za-z][^\s,;\])}\[({"]*)|
    (?P<char>\\(?:newline|space|tab|return|u[0-9a-fA-F]{4}|\S))|
    (?P<word>[^\s,;\[\](){}"#\\]+[^\s,;\[\](){}"]*)|
    (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_WORDS = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}


def read_all(text: str, place: str = "edn") -> Iterator[tuple[Any, int]]:
    """Every element at the top, with the offset at which it begins. Vectors and lists are tuples, sets frozensets, maps
    dicts (with tuples of pairs where a map is a key), tagged elements their bare value. UsageError names the line."""
    reader = _Reader(text, place)
    while True:
        reader.skip()
        at = reader.at
        value = reader.element()
        if value is _END:
            return
        if value is _CLOSE:
            raise reader.error(f"a {reader.closed!r} that closes nothing", at)
        if value is not _NOTHING:
            yield value, at


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


_END, _NOTHING, _CLOSE = object(), object(), object()
_SPACE = re.compile(r"[\s,]*(?:;[^\n]*[\s,]*)*")


class _Reader:
    def __init__(self, text: str, place: str) -> None:
        self.text = text
        self.place = place
        self.at = 0
        self.closed = ""

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def element(self) -> Any:
        """One element; `_END`, `_CLOSE` (then `closed` says which) or `_NOTHING` (a discarded one) if there is none."""
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise self.error("not EDN", self.at)
        began, self.at = self.at, match.end()
        kind = match.lastgroup
        token = match[kind] if kind else ""
        if kind == "int":
            return int(token.rstrip("N"))
        if kind == "word":
            return _word(token)
        if kind == "open":
            return self._collection(token, match.start(kind))
        if kind == "close":
            self.closed = token
            return _CLOSE
        if kind == "string":
            return _string(token)
        if kind == "end":
            return _END
        return self._rare(str(kind), token, began)

    def _rare(self, kind: str, token: str, began: int) -> Any:
        if kind == "discard":
            self._after(token, began)
            return _NOTHING
        if kind == "tag":
            return self._after(token, began)
        if kind == "symbolic":
            return _SYMBOLIC[token]
        name = token[1:]
        return _CHARS.get(name) or (chr(int(name[1:], 16)) if len(name) == 5 else name)

    def _after(self, token: str, began: int) -> Any:
        """The element that a tag or a discard is about."""
        value = _NOTHING
        while value is _NOTHING:
            value = self.element()
        if value is _END or value is _CLOSE:
            raise self.error(f"nothing after {token}", began)
        return value

    def _collection(self, opening: str, began: int) -> Any:
        items: list[Any] = []
        while True:
            value = self.element()
            if value is _CLOSE:
                break
            if value is _END:
                raise self.error(f"a {opening!r} that is never closed: the file is cut off", began)
            if value is not _NOTHING:
                items.append(value)
        if self.closed != _CLOSES[opening]:
            raise self.error(f"{self.closed!r} where {_CLOSES[opening]!r} closes {opening!r}", self.at - 1)
        if opening == "{":
            if len(items) % 2:
                raise self.error("a map with a key that has no value", began)
            return {_hashable(k): v for k, v in zip(items[::2], items[1::2], strict=True)}
        return frozenset(map(_hashable, items)) if opening == "#{" else tuple(items)

    def error(self, text: str, offset: int) -> UsageError:
        line = line_of(self.text, offset)
        return UsageError(text, place=f"{self.place}:{line}", remedy="whole EDN elements, as Jepsen's history.edn has")


def _word(token: str) -> Any:
    if token[0] == ":":
        return Keyword(token[1:])
    if token in _WORDS:
        return _WORDS[token]
    if token[0].isdigit() or (token[0] in "+-." and len(token) > 1):
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
