"""Lists, pages and watches on the real store: snapshots, 410, resource versions, bookmarks, selector transitions."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.client.client import Client
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import config_map, pod
from tests.cluster.apiserver.real import Object, Real, on_real_store, pause, refused


class Seen:
    """What a watch told, as (type, name, resourceVersion); bookmarks apart. `error`: what it ended with."""

    def __init__(self, client: Client, kind: str, **options: Any) -> None:
        self.events: list[tuple[str, str, int]] = []
        self.objects: list[Object] = []
        self.bookmarks: list[int] = []
        self.error: StatusError | None = None
        self.task = asyncio.create_task(self._follow(client, kind, options))

    async def _follow(self, client: Client, kind: str, options: Any) -> None:
        try:
            async with client.watch(kind, "default", **options) as events:
                async for event in events:
                    meta = event["object"]["metadata"]
                    if event["type"] == "BOOKMARK":
                        self.bookmarks.append(int(meta["resourceVersion"]))
                    else:
                        self.events.append((event["type"], meta["name"], int(meta["resourceVersion"])))
                        self.objects.append(event["object"])
        except StatusError as error:
            self.error = error

    @property
    def told(self) -> list[tuple[str, str]]:
        return [event[:2] for event in self.events]


def names(answer: Object) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


def revision(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])


def test_pages_are_of_one_snapshot_whoever_serves_them() -> None:
    """While pages are turned, objects are changed, deleted and made; the second page comes from the other apiserver."""

    async def story(real: Real) -> None:
        one, two = await real.client("one", only=True), await real.client("two", first=1, only=True)
        for i in range(6):
            await one.create(config_map(f"c{i}", n="old"))
        first = await one.list("ConfigMap", "default", limit=2)
        assert names(first) == ["c0", "c1"]
        assert first["metadata"]["remainingItemCount"] == 4
        await one.delete("ConfigMap", "c3", "default")
        await one.create(config_map("c2a"))
        await one.patch("ConfigMap", "c4", {"data": {"n": "new"}}, namespace="default")
        await one.delete("ConfigMap", "c1", "default")
        second = await two.list("ConfigMap", "default", limit=2, continue_=first["metadata"]["continue"])
        third = await one.list("ConfigMap", "default", limit=2, continue_=second["metadata"]["continue"])
        assert names(second) + names(third) == ["c2", "c3", "c4", "c5"]
        assert [item["data"]["n"] for item in second["items"] + third["items"]] == ["old"] * 4
        assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
            first["metadata"]["resourceVersion"]
        }
        assert "continue" not in third["metadata"]
        assert names(await two.list("ConfigMap", "default")) == ["c0", "c2", "c2a", "c4", "c5"]
        # A watch from the pages' revision tells exactly what they do not show.
        seen = Seen(two, "ConfigMap", resource_version=first["metadata"]["resourceVersion"])
        await pause()
        assert seen.told == [("DELETED", "c3"), ("ADDED", "c2a"), ("MODIFIED", "c4"), ("DELETED", "c1")]

    on_real_store(story, apiservers=2)


def test_a_place_that_is_forgotten_is_gone() -> None:
    """410 for pages and watches from before the window; a fresh list and watch are fine."""

    async def story(real: Real) -> None:
        client = await real.client()
        for i in range(3):
            await client.create(config_map(f"c{i}"))
        page = await client.list("ConfigMap", "default", limit=1)
        for n in range(6):
            await client.patch("ConfigMap", "c0", {"data": {"n": str(n)}}, namespace="default")
        await pause()
        gone = await refused(
            client.list("ConfigMap", "default", limit=1, continue_=page["metadata"]["continue"]), "Expired"
        )
        assert gone.code == 410
        assert "The provided continue parameter is too old" in gone.message
        seen = Seen(client, "ConfigMap", resource_version=page["metadata"]["resourceVersion"])
        await pause()
        assert seen.error is not None
        assert (seen.error.reason, seen.error.code) == ("Expired", 410)
        assert "too old resource version" in seen.error.message
        again = await client.list("ConfigMap", "default")
        assert names(again) == ["c0", "c1", "c2"]
        fresh = Seen(client, "ConfigMap", resource_version=again["metadata"]["resourceVersion"])
        await pause()
        assert (fresh.told, fresh.error) == ([], None)

    on_real_store(story, window=4)


def test_a_compacted_store() -> None:
    """Compaction does not harm who follows; an apiserver that boots after it knows nothing older: 410."""

    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        first = await client.create(config_map("a", n="0"))
        following = Seen(client, "ConfigMap", resource_version=first["metadata"]["resourceVersion"])
        await pause()
        for n in range(1, 5):
            last = await client.patch("ConfigMap", "a", {"data": {"n": str(n)}}, namespace="default")
        await scout.compact(revision(last))
        last = await client.patch("ConfigMap", "a", {"data": {"n": "5"}}, namespace="default")
        await pause()
        assert [type for type, _ in following.told] == ["MODIFIED"] * 5
        assert following.error is None
        await real.world.restart("apiserver-0")
        assert (await client.get("ConfigMap", "a", "default"))["data"] == {"n": "5"}
        old = Seen(client, "ConfigMap", resource_version=first["metadata"]["resourceVersion"])
        new = Seen(client, "ConfigMap", resource_version=last["metadata"]["resourceVersion"])
        await pause()
        assert old.error is not None
        assert old.error.reason == "Expired"
        assert new.error is None

    on_real_store(story)


def test_where_a_watch_begins() -> None:
    """ "0" and "": what is there as ADDED, then changes; N: what came after N, also long ago; ahead of all: refused."""

    async def story(real: Real) -> None:
        client = await real.client()
        a = await client.create(config_map("a"))
        await client.create(config_map("b"))
        await client.patch("ConfigMap", "a", {"data": {"n": "1"}}, namespace="default")
        await pause()
        whole = [Seen(client, "ConfigMap", resource_version=start) for start in ("0", "")]
        since = Seen(client, "ConfigMap", resource_version=a["metadata"]["resourceVersion"])
        await pause()
        for seen in whole:
            assert seen.told == [("ADDED", "a"), ("ADDED", "b")]
        assert since.told == [("ADDED", "b"), ("MODIFIED", "a")]
        assert [event[2] for event in since.events] == sorted(event[2] for event in since.events)
        gone = await client.delete("ConfigMap", "b", "default")
        await pause()
        for seen in (*whole, since):
            assert seen.events[-1] == ("DELETED", "b", revision(gone))
        ahead = Seen(client, "ConfigMap", resource_version=str(revision(gone) + 1000))
        await asyncio.sleep(2 * real.timing.request_timeout)
        assert ahead.error is not None
        assert "Too large resource version" in ahead.error.message
        assert ahead.events == []

    on_real_store(story)


def test_bookmarks_carry_a_quiet_watch_past_the_window() -> None:
    """What happens elsewhere does not age a quiet watch: it is told how far it is, and goes on from there."""

    async def story(real: Real) -> None:
        client = await real.client()
        first = await client.create(config_map("a", "default"))
        quiet = Seen(client, "ConfigMap", resource_version=first["metadata"]["resourceVersion"], labels="none=such")
        for n in range(9):
            await client.patch("ConfigMap", "a", {"data": {"n": str(n)}}, namespace="default")
        await asyncio.sleep(2 * real.timing.bookmark)
        assert quiet.events == []
        assert quiet.bookmarks == sorted(set(quiet.bookmarks))
        assert quiet.bookmarks[-1] > revision(first)
        resumed = Seen(client, "ConfigMap", resource_version=str(quiet.bookmarks[-1]), labels="none=such")
        await client.create({**config_map("b"), "metadata": {"name": "b", "labels": {"none": "such"}}})
        await pause()
        assert resumed.told == quiet.told == [("ADDED", "b")]

    on_real_store(story, window=4)


def test_what_ceases_to_match_is_deleted_to_that_watcher() -> None:
    """By label and by field; its last state is what matched, at the revision of the change."""

    async def story(real: Real) -> None:
        client = await real.client()
        made = await client.create(pod("web-1"))
        start = made["metadata"]["resourceVersion"]
        web = Seen(client, "Pod", resource_version=start, labels="app=web")
        other = Seen(client, "Pod", resource_version=start, labels="app in (other)")
        waiting = Seen(client, "Pod", resource_version=start, fields="spec.nodeName=")
        here = Seen(client, "Pod", resource_version=start, fields="spec.nodeName=worker-0")
        alive = Seen(client, "Pod", resource_version=start, fields="status.phase!=Failed")
        moved = await client.patch("Pod", "web-1", {"metadata": {"labels": {"app": "other"}}}, namespace="default")
        bound = await client.bind("default", "web-1", "worker-0")
        await client.patch("Pod", "web-1", {"status": {"phase": "Failed"}}, namespace="default", subresource="status")
        back = await client.patch("Pod", "web-1", {"metadata": {"labels": {"app": "web"}}}, namespace="default")
        gone = await client.delete("Pod", "web-1", "default", grace=0)
        await pause()
        assert web.events == [
            ("DELETED", "web-1", revision(moved)),
            ("ADDED", "web-1", revision(back)),
            ("DELETED", "web-1", revision(gone)),
        ]
        assert web.objects[0]["metadata"]["labels"] == {"app": "web"}
        assert [type for type, _ in other.told] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
        assert waiting.events == [("MODIFIED", "web-1", revision(moved)), ("DELETED", "web-1", revision(bound))]
        assert [type for type, _ in here.told] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
        assert [type for type, _ in alive.told] == ["MODIFIED", "MODIFIED", "DELETED"]

    on_real_store(story)


def test_selectors_of_lists() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        for name in ("web-1", "web-2", "api-1"):
            await client.create(pod(name))
        await client.bind("default", "web-2", "worker-0")
        for labels, fields, expected in (
            ("app=web", "", ["web-1", "web-2"]),
            ("app!=web", "", ["api-1"]),
            ("app in (api,web),!nope", "", ["api-1", "web-1", "web-2"]),
            ("app notin (api)", "", ["web-1", "web-2"]),
            ("nope", "", []),
            ("", "spec.nodeName=worker-0", ["web-2"]),
            ("app=web", "spec.nodeName!=worker-0", ["web-1"]),
            ("", "metadata.name=api-1", ["api-1"]),
            ("", "metadata.namespace=other", []),
        ):
            assert names(await client.list("Pod", "default", labels=labels, fields=fields)) == expected
            found, token = [], "first"
            while token:
                token = token.removeprefix("first")
                page = await client.list("Pod", labels=labels, fields=fields, limit=1, continue_=token)
                found += names(page)
                token = page["metadata"].get("continue", "")
            assert found == expected
        wrong = await refused(client.list("Pod", fields="spec.colour=red"), "BadRequest")
        assert "spec.colour" in wrong.message
        await refused(client.list("Pod", labels="app=(web"), "BadRequest")

    on_real_store(story)
