"""What is looked up once all is healed and quiet: the replicas' hashes, what an eventual store lost, the keys' values.

Must not judge it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.errors import StatusError
from cluster.experiments.stage import Stage
from cluster.experiments.workloads.register import PREFIX
from store.client import prefix_end

AGREE = 20.0
"""Seconds that the healed replicas have to become equal."""
PAUSE = 0.1
ANSWER = 1.0


async def collect(stage: Stage) -> dict[str, Any]:
    """{"store": {member: {"revision", "hash"}}, "unanswered": {member: why}, "keys": {key: value}, "conflicts": [...]},
    the last of an eventual store. What could not be had is left out, and "problem" says why."""
    replicas, silent = await _replicas(stage)
    found: dict[str, Any] = {"store": replicas}
    if silent:
        found["unanswered"] = silent
    store = await stage.store()
    try:
        start = PREFIX.encode()
        listed = await store.range(start, prefix_end(start), timeout=ANSWER)
        found["keys"] = {kv.key.decode().removeprefix(PREFIX): _value(kv.value) for kv in listed.kvs}
    except StatusError as error:
        found["problem"] = f"the keys could not be read: {error}"
    if stage.spec.engine == "eventual":
        found["conflicts"] = await _conflicts(stage)
    return found


def _value(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text


async def _replicas(stage: Stage) -> tuple[dict[str, Any], dict[str, str]]:
    """As they are once they agree at one revision, else as they were last seen; and who did not answer, and why."""
    store = await stage.store()
    loop = asyncio.get_running_loop()
    end = loop.time() + AGREE
    while True:
        seen: dict[str, Any] = {}
        silent: dict[str, str] = {}
        try:
            revision = 0 if stage.spec.engine == "eventual" else await store.revision(timeout=ANSWER)
        except StatusError as error:
            silent = dict.fromkeys(stage.members, str(error))
        for member in () if silent else stage.members:
            try:
                at, digest = await store.hash(member, revision, timeout=ANSWER)
                seen[member] = {"revision": at, "hash": digest}
            except StatusError as error:
                silent[member] = str(error)
        hashes = {row["hash"] for row in seen.values()}
        if (not silent and len(hashes) == 1) or loop.time() >= end:
            return seen, silent
        await asyncio.sleep(PAUSE)


async def _conflicts(stage: Stage) -> list[dict[str, Any]]:
    store, found = await stage.store(), []
    for member in stage.members:
        try:
            seen = await store.conflicts(member, timeout=ANSWER)
        except StatusError:
            continue
        for lost in seen.lost:
            stamps = {"stamp": list(lost.stamp), "lost_to": list(lost.lost_to)}
            found.append(
                {"replica": member, "key": lost.key.decode().removeprefix(PREFIX), **stamps, "writes": lost.writes}
            )
    return found
