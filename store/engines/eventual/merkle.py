"""Which keys do two replicas hold differently? A tree of digests over the hashed key space finds them by descending
only where the digests differ.

Pure. Must not know what a digest is of. A node's digest is the exclusive or of those of the entries under it, so one
changed entry costs one step per level; an absent entry, or subtree, has digest 0 (Merkle 1987; Dynamo 4.7).

    nodes = tree.top()                             here
    replies = other.answer(nodes)                  there: nothing for nodes that are equal
    nodes, want, give = tree.compare(replies)      here: where to descend, and which keys the two hold differently
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

BITS, DEPTH = 4, 4
FAN = 1 << BITS
SMALL = 16
"""A subtree with at most so many entries is told entry by entry."""

Entry = tuple[bytes, int]
"""(key, digest of what it holds: 64 bits)."""


class Node(NamedTuple):
    """`prefix`: the first `level` digits of the hashes under it."""

    level: int
    prefix: int
    digest: int


class Reply(NamedTuple):
    """About one node that differs: the digests of its children, or (`children` empty) all its entries."""

    level: int
    prefix: int
    children: tuple[int, ...]
    entries: tuple[Entry, ...]


class Difference(NamedTuple):
    """`nodes` are still to be asked about. `want`: keys that the other holds and we lack or hold differently;
    `give`: the other way round. A key that both hold differently is in both."""

    nodes: list[Node]
    want: list[bytes]
    give: list[bytes]


def place(key: bytes) -> int:
    """The leaf of a key."""
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "big") >> (32 - BITS * DEPTH)


class Tree:
    def __init__(self) -> None:
        self._levels: list[dict[int, list[int]]] = [{} for _ in range(DEPTH + 1)]
        self._leaves: dict[int, dict[bytes, int]] = {}

    @property
    def root(self) -> int:
        return self._digest(0, 0)

    def __len__(self) -> int:
        return self._count(0, 0)

    def top(self) -> list[Node]:
        return [Node(0, 0, self.root)]

    def set(self, key: bytes, digest: int) -> None:
        """What `key` holds from now on; 0: nothing."""
        at = place(key)
        leaf = self._leaves.setdefault(at, {})
        old = leaf.get(key, 0)
        if digest:
            leaf[key] = digest
        elif old:
            del leaf[key]
        if not leaf:
            del self._leaves[at]
        change, more = old ^ digest, bool(digest) - bool(old)
        for level in range(DEPTH + 1):
            nodes, prefix = self._levels[level], at >> BITS * (DEPTH - level)
            node = nodes.setdefault(prefix, [0, 0])
            node[0] ^= change
            node[1] += more
            if not node[1]:
                del nodes[prefix]

    def _digest(self, level: int, prefix: int) -> int:
        node = self._levels[level].get(prefix)
        return node[0] if node else 0

    def _count(self, level: int, prefix: int) -> int:
        node = self._levels[level].get(prefix)
        return node[1] if node else 0

    def _children(self, level: int, prefix: int) -> tuple[int, ...]:
        return tuple(self._digest(level + 1, (prefix << BITS) + digit) for digit in range(FAN))

    def entries(self, level: int, prefix: int) -> Iterator[Entry]:
        """All under a node, by leaf and key."""
        if level == DEPTH:
            yield from sorted(self._leaves.get(prefix, {}).items())
            return
        for digit in range(FAN):
            child = (prefix << BITS) + digit
            if self._count(level + 1, child):
                yield from self.entries(level + 1, child)

    def answer(self, nodes: Iterable[Node]) -> list[Reply]:
        """About those of the other's nodes that differ from ours."""
        replies = []
        for level, prefix, digest in nodes:
            if digest == self._digest(level, prefix):
                continue
            if level == DEPTH or self._count(level, prefix) <= SMALL:
                replies.append(Reply(level, prefix, (), tuple(self.entries(level, prefix))))
            else:
                replies.append(Reply(level, prefix, self._children(level, prefix), ()))
        return replies

    def compare(self, replies: Iterable[Reply]) -> Difference:
        """What the other's replies say about us."""
        found = Difference([], [], [])
        for reply in replies:
            if not reply.children:
                mine, theirs = dict(self.entries(reply.level, reply.prefix)), dict(reply.entries)
                found.want.extend(key for key, digest in theirs.items() if mine.get(key) != digest)
                found.give.extend(key for key, digest in mine.items() if theirs.get(key) != digest)
                continue
            for digit, digest in enumerate(reply.children):
                level, prefix = reply.level + 1, (reply.prefix << BITS) + digit
                own = self._digest(level, prefix)
                if own == digest:
                    continue
                if digest:
                    found.nodes.append(Node(level, prefix, own))
                else:
                    found.give.extend(key for key, _ in self.entries(level, prefix))
        return found
