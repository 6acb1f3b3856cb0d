"""What comes in at the second door, and what goes out that is not a stream.

Must not know sockets, or what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.apiserver.auth.rules import ANONYMOUS, Who
from cluster.apiserver.rest import answers, statuses
from cluster.apiserver.rest.negotiation import JSON
from cluster.apiserver.rest.passage import Passage
from cluster.apiserver.rest.paths import Named
from cluster.errors import StatusError

MOST_WARNINGS, MOST_LETTERS = 20, 256
"""Of one answer; of one warning (Kubernetes: 4,096 letters in all, then 256 each)."""
_CONTROL = {code: "?" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}


@dataclass(slots=True)
class Http:
    """One request. `path` still percent-encoded; `query`: the first value of each parameter; names of `headers` in
    small letters. `who`: at first the user of the client's certificate, then whoever it turns out to be, or for whom
    it is made."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    who: Who = ANONYMOUS
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """All values of each parameter of the query."""
    uri: str = ""
    """The path with its query, as it came."""
    source: str = ""
    """The client's address."""
    passage: Passage | None = None
    named: Named | None = None
    """What the path names, once that is known."""


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterator[bytes] | None = None
    """The rest of a long body, made piece by piece while it goes out: others are served in between."""


def failed(error: StatusError) -> Answer:
    seconds = statuses.retry_after(error) if error.code in (429, 503) else 0
    headers = {"Retry-After": str(seconds)} if seconds else {}
    return Answer(statuses.code_of(error), answers.json_bytes(statuses.failure(error)), JSON, headers)


def warnings(texts: Sequence[str]) -> Mapping[str, str]:
    """As RFC 7234 has them; several in one header. They have the client's own words in them: no line may break."""
    short = [text[:MOST_LETTERS].translate(_CONTROL) for text in texts[:MOST_WARNINGS]]
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in short]
    return {"Warning": ", ".join(f'299 - "{text}"' for text in quoted)} if quoted else {}
