"""Snapshot files: whole or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.snapshot import SnapshotError, seal, snapshot_name, unseal


@given(st.binary(), st.binary())
def test_what_was_sealed_comes_back(meta: bytes, state: bytes) -> None:
    assert unseal("snapshot/1", seal(meta, state)) == (meta, state)


def test_any_damage_is_refused_by_name() -> None:
    data = seal(b"meta", b"state")
    for at in range(len(data)):
        with pytest.raises(SnapshotError, match="snapshot/7"):
            unseal("snapshot/7", data[:at])
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises(SnapshotError, match="snapshot/7"):
            unseal("snapshot/7", bytes(damaged))


def test_names_sort_by_index() -> None:
    assert snapshot_name(9) < snapshot_name(10) < snapshot_name(10**12)
