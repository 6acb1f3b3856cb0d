"""Clients of the REST door that list, watch and write while processes are killed under them, and remember what they
were told: what was acknowledged, and what each watch saw.

Must not know who is killed. A client that loses its connection comes again, as client-go does: a watch from the last
revision that it saw, a write as the next one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
AGAIN = 0.1
LONGEST = 60.0
"""Seconds for one write; then nobody knows whether it happened."""
BROKEN = (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError)


@dataclass(slots=True)
class Seen:
    """What one watch saw: (object, revision, value) in order. `relisted`: revisions up to which a list stands in for
    the events that it could not have any more."""

    events: list[tuple[str, int, str]] = field(default_factory=list)
    lists: list[dict[str, tuple[int, str]]] = field(default_factory=list)
    relisted: list[int] = field(default_factory=list)
    revision: int = 0
    breaks: int = 0


@dataclass(slots=True)
class Writes:
    """Of one object: what was acknowledged, revision to value, and all that was tried."""

    name: str
    acknowledged: dict[int, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    failed: int = 0
    refusals: list[str] = field(default_factory=list)


def connection(config: Path, folder: Path) -> tuple[str, ssl.SSLContext]:
    """The server of a kubeconfig's current context, and who comes in there."""
    found = yaml.safe_load(config.read_text())
    cluster = found["clusters"][0]["cluster"]
    user = found["users"][0]["user"]
    files = {}
    for name, text in (
        ("ca", cluster["certificate-authority-data"]),
        ("crt", user["client-certificate-data"]),
        ("key", user["client-key-data"]),
    ):
        files[name] = folder / f"client.{name}"
        files[name].write_bytes(base64.b64decode(text))
    tls = ssl.create_default_context(cafile=str(files["ca"]))
    tls.load_cert_chain(files["crt"], files["key"])
    return cluster["server"], tls


class Client:
    """Writes one object again and again, and watches all objects of its group."""

    def __init__(self, session: aiohttp.ClientSession, number: int, groups: int) -> None:
        self.group = number % groups
        self.writes = Writes(f"c{number}")
        self.seen = Seen()
        self._session = session

    async def write(self, done: asyncio.Event, pause: float) -> None:
        """Until it is done: the object is made, then changed."""
        number = 0
        while not done.is_set():
            number += 1
            value = str(number)
            self.writes.tried.append(value)
            try:
                async with asyncio.timeout(LONGEST):
                    obj = await self._write(value)
                if obj is not None:
                    self.writes.acknowledged[int(obj["metadata"]["resourceVersion"])] = value
            except BROKEN:
                self.writes.failed += 1
                await asyncio.sleep(AGAIN)
            await asyncio.sleep(pause)

    async def _write(self, value: str) -> dict[str, Any] | None:
        """None: it was refused in so many words."""
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.writes.name, "labels": {"group": str(self.group)}},
            "data": {"n": value},
        }
        patch = {"Content-Type": "application/merge-patch+json"}
        place = f"{CONFIGMAPS}/{self.writes.name}"
        async with self._session.patch(place, json={"data": {"n": value}}, headers=patch) as answer:
            if answer.status == 200:
                found: dict[str, Any] = await answer.json()
                return found
            if answer.status != 404:
                self.writes.refusals.append(f"{answer.status}: {(await answer.text())[:200]}")
                return None
        async with self._session.post(CONFIGMAPS, json=body) as answer:
            made: dict[str, Any] | None = await answer.json() if answer.status == 201 else None
            return made

    async def watch(self) -> None:
        """For ever."""
        listed = False
        while True:
            try:
                if not listed:
                    await self._list()
                    listed = True
                listed = await self._follow()
            except BROKEN:
                self.seen.breaks += 1
            await asyncio.sleep(AGAIN)

    async def _list(self) -> None:
        query = {"labelSelector": f"group={self.group}"}
        async with asyncio.timeout(LONGEST), self._session.get(CONFIGMAPS, params=query) as answer:
            answer.raise_for_status()
            found = await answer.json()
        revision = int(found["metadata"]["resourceVersion"])
        self.seen.lists.append({o["metadata"]["name"]: (_revision(o), o["data"]["n"]) for o in found["items"]})
        self.seen.relisted.append(revision)
        self.seen.revision = revision

    async def _follow(self) -> bool:
        """One watch, to its end. False: its revision is too old, list again."""
        query = {"labelSelector": f"group={self.group}", "watch": "1", "allowWatchBookmarks": "true"}
        query["resourceVersion"] = str(self.seen.revision)
        async with self._session.get(CONFIGMAPS, params=query) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                event = json.loads(line)
                obj = event["object"]
                if event["type"] == "ERROR":
                    return bool(obj.get("code") != 410)
                if event["type"] != "BOOKMARK":
                    self.seen.events.append((obj["metadata"]["name"], _revision(obj), obj["data"]["n"]))
                self.seen.revision = max(self.seen.revision, _revision(obj))
        return True


def _revision(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


def wrong_with(client: Client, all_of: list[Client]) -> list[str]:
    """What its watch saw that it must not have, or has not seen: in words; [] if it was told the truth."""
    seen, found = client.seen, []
    mates = {other.writes.name: other.writes for other in all_of if other.group == client.group}
    revisions = [revision for _, revision, _ in seen.events]
    for before, after in zip(revisions, revisions[1:], strict=False):
        if after <= before:
            found.append(f"it went back from revision {before} to {after}")
    told = {(name, revision): value for name, revision, value in seen.events}
    for (name, revision), value in told.items():
        if name not in mates:
            found.append(f"{name} is of another group")
        elif value not in mates[name].tried:
            found.append(f"{name} never was {value}")
        elif mates[name].acknowledged.get(revision, value) != value:
            found.append(f"{name} at {revision} was acknowledged as {mates[name].acknowledged[revision]}, not {value}")
    newest = max(seen.relisted, default=0)
    for name, writes in mates.items():
        for revision, value in writes.acknowledged.items():
            if revision > newest and (name, revision) not in told:
                found.append(f"it skipped {name} = {value} at revision {revision}")
    return found
