"""A second, stupid key space: one whole dict per revision. The judge of store/mvcc."""

from __future__ import annotations

from collections.abc import Sequence

from store.mvcc.values import FOREVER, Compare, Delete, KeyValue, Op, Put

State = dict[bytes, KeyValue]


class Twin:
    def __init__(self) -> None:
        self.states: list[State] = [{}, {}]
        """By revision; revision 1 is the empty space."""
        self.compacted = 0

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    def range(self, key: bytes, end: bytes | None, revision: int) -> list[KeyValue]:
        state = self.states[revision or -1]
        return [state[k] for k in sorted(state) if inside(k, key, end)]

    def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> bool:
        before = self.states[-1]
        state = dict(before)
        revision = self.revision + 1
        succeeded = all(holds(before.get(c.key), c) for c in compares)
        changed = False
        for op in success if succeeded else failure:
            if isinstance(op, Put):
                old = state.get(op.key)
                state[op.key] = KeyValue(
                    op.key, op.value, old.create_revision if old else revision, revision, old.version + 1 if old else 1
                )
                changed = True
            elif isinstance(op, Delete):
                for key in [k for k in state if inside(k, op.key, op.end)]:
                    del state[key]
                    changed = True
        if changed:
            self.states.append(state)
        return succeeded

    def events(self, key: bytes, end: bytes | None, since: int) -> list[tuple[int, bytes, bytes | None]]:
        """(revision, key, value or None for deleted), sorted within a revision."""
        found: list[tuple[int, bytes, bytes | None]] = []
        for revision in range(max(since, 2), self.revision + 1):
            before, after = self.states[revision - 1], self.states[revision]
            for k in sorted(set(before) | set(after)):
                if before.get(k) != after.get(k) and inside(k, key, end):
                    found.append((revision, k, after[k].value if k in after else None))
        return found


def inside(key: bytes, start: bytes, end: bytes | None) -> bool:
    if end is None:
        return key == start
    return start <= key and (end == FOREVER or key < end)


def holds(kv: KeyValue | None, compare: Compare) -> bool:
    if compare.target == "value" and kv is None:
        return False
    facts: dict[str, int | bytes] = {
        "value": kv.value if kv else b"",
        "version": kv.version if kv else 0,
        "create": kv.create_revision if kv else 0,
        "mod": kv.mod_revision if kv else 0,
    }
    actual, operand = facts[compare.target], compare.operand
    relation = (actual > operand) - (actual < operand)  # type: ignore[operator]
    return {"=": relation == 0, "!=": relation != 0, "<": relation < 0, ">": relation > 0}[compare.op]
