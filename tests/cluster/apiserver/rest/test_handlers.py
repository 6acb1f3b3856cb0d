"""The second door's handlers on a real apiserver and a real store in the sim: what a client over HTTPS would see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from cluster.apiserver import component
from cluster.apiserver.component import Apiserver
from cluster.apiserver.rest import openapiv2
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Flow
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.identity import ANONYMOUS, AUTHENTICATED, Who
from tests.cluster.apiserver.cluster import config_map, deployment, pod
from tests.cluster.apiserver.real import Real, on_real_store

Object = dict[str, Any]
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class Browser:
    """Asks the handlers of one apiserver, as the door would."""

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.who = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))

    async def raw(
        self, method: str, path: str, body: Any = None, query: Object | None = None, **headers: str
    ) -> Answer:
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.sent(method, path, b"" if body is None else json.dumps(body).encode(), query, names)

    async def sent(
        self, method: str, path: str, data: bytes, query: Object | None = None, headers: Object | None = None
    ) -> Answer:
        http = Http(method, quote(path), query or {}, headers or {}, data, self.who)
        answer = await self.handlers.handle(http)
        assert isinstance(answer, Answer)
        return answer

    async def ask(
        self, method: str, path: str, body: Any = None, query: Object | None = None, **headers: str
    ) -> Object:
        answer = await self.raw(method, path, body, query, **headers)
        found: Object = json.loads(answer.body)
        assert answer.status == found.get("code", answer.status) or found.get("status") == "Success"
        return found

    async def watch(self, path: str, **query: str) -> tuple[list[Object], asyncio.Task[None]]:
        """Events as they come, and the task that ends with the watch."""
        answer = await self.handlers.handle(Http("GET", path, {"watch": "1", **query}, who=self.who))
        assert isinstance(answer, Flow)
        events: list[Object] = []

        def write(data: bytes) -> None:
            events.extend(json.loads(line) for line in data.splitlines())

        async def flow() -> None:
            await answer.run(write)

        return events, asyncio.ensure_future(flow())


def browse(story: Callable[[Browser], Awaitable[None]]) -> None:
    """The handlers belong to an apiserver of its own beside the one that is part of the world."""

    async def whole(real: Real) -> None:
        host = await real.world.join("apiserver-9", "master-0")
        settings = component.Config(store=real.stores, prefer=real.stores[0], timing=real.timing)
        server = Apiserver(host, settings)
        running = asyncio.ensure_future(server.run())
        await server.opened()
        await story(Browser(Handlers(server, "127.0.0.1:6443")))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    on_real_store(whole)


def test_an_objects_life() -> None:
    async def story(browser: Browser) -> None:
        base = "/api/v1/namespaces/default/configmaps"
        made = await browser.raw("POST", base, {"metadata": {"name": "x"}, "data": {"a": "1"}})
        assert made.status == 201
        obj = json.loads(made.body)
        assert obj["kind"] == "ConfigMap"
        assert obj["metadata"]["uid"]
        again = await browser.ask("POST", base, config_map("x"))
        assert (again["reason"], again["code"], again["details"]["kind"]) == ("AlreadyExists", 409, "configmaps")
        merge = "application/merge-patch+json"
        patched = await browser.ask("PATCH", f"{base}/x", {"data": {"b": "2"}}, content_type=merge)
        assert patched["data"] == {"a": "1", "b": "2"}
        stale = {**patched, "metadata": {**patched["metadata"], "resourceVersion": obj["metadata"]["resourceVersion"]}}
        assert (await browser.ask("PUT", f"{base}/x", stale))["reason"] == "Conflict"
        assert (await browser.ask("PUT", f"{base}/x", {**patched, "data": {}}))["metadata"]["name"] == "x"
        gone = await browser.ask("DELETE", f"{base}/x")
        assert (gone["kind"], gone["status"], gone["details"]["name"]) == ("Status", "Success", "x")
        missing = await browser.raw("GET", f"{base}/x")
        assert missing.status == 404
        assert json.loads(missing.body)["message"] == 'configmaps "x" not found'

    browse(story)


def test_lists_pages_and_tables() -> None:
    async def story(browser: Browser) -> None:
        base = "/api/v1/namespaces/default/pods"
        for i in range(5):
            await browser.ask("POST", base, pod(f"web-{i}"))
        page = await browser.ask("GET", base, query={"limit": "2"})
        names = [item["metadata"]["name"] for item in page["items"]]
        version = page["metadata"]["resourceVersion"]
        await browser.ask("POST", base, pod("web-9"))
        while token := page["metadata"].get("continue"):
            page = await browser.ask("GET", base, query={"limit": "2", "continue": token})
            names += [item["metadata"]["name"] for item in page["items"]]
            assert page["metadata"]["resourceVersion"] == version
        assert names == [f"web-{i}" for i in range(5)]
        exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
        assert len((await browser.ask("GET", base, query=exact))["items"]) == 5
        table = await browser.ask("GET", base, accept=TABLE)
        assert table["kind"] == "Table"
        assert [c["name"] for c in table["columnDefinitions"]][:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
        assert len(table["rows"]) == 6
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        one = await browser.ask("GET", f"{base}/web-0", accept=TABLE)
        assert [row["cells"][0] for row in one["rows"]] == ["web-0"]
        yaml = await browser.raw("GET", f"{base}/web-0", accept="application/yaml")
        assert yaml.content_type == "application/yaml"
        assert b"kind: Pod" in yaml.body

    browse(story)


def test_a_watch_tells_all_changes_and_ends_in_time() -> None:
    async def story(browser: Browser) -> None:
        base = "/api/v1/namespaces/default/configmaps"
        listed = await browser.ask("GET", base)
        events, watching = await browser.watch(
            base, resourceVersion=listed["metadata"]["resourceVersion"], timeoutSeconds="5"
        )
        await browser.ask("POST", base, config_map("w"))
        await browser.ask("PUT", f"{base}/w", config_map("w", a="2"))
        await browser.ask("DELETE", f"{base}/w")
        await watching
        assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]  # no bookmarks: nobody asked
        revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
        assert revisions == sorted(revisions)

    browse(story)


def test_bookmarks_for_those_who_want_them() -> None:
    async def story(browser: Browser) -> None:
        events, watching = await browser.watch("/api/v1/configmaps", allowWatchBookmarks="true", timeoutSeconds="60")
        await browser.ask("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
        await watching
        assert {event["type"] for event in events} == {"BOOKMARK"}

    browse(story)


def test_a_watch_from_what_is_forgotten_is_one_error_event() -> None:
    async def story(browser: Browser) -> None:
        events, watching = await browser.watch("/api/v1/configmaps", resourceVersion="1", timeoutSeconds="5")
        await watching
        assert [event["type"] for event in events] == ["ERROR"]
        assert events[0]["object"]["code"] == 410
        assert events[0]["object"]["reason"] == "Expired"

    browse(story)


def test_a_watch_says_when_all_there_was_is_told() -> None:
    async def story(browser: Browser) -> None:
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "2"}
        events, watching = await browser.watch("/api/v1/namespaces", **query)
        await watching
        marks = [e for e in events if e["object"]["metadata"].get("annotations", {}).get("k8s.io/initial-events-end")]
        assert len(marks) == 1
        before = events[: events.index(marks[0])]
        assert {e["object"]["metadata"]["name"] for e in before} >= {"default", "kube-system"}

    browse(story)


def test_scale_by_every_method() -> None:
    async def story(browser: Browser) -> None:
        base = "/apis/apps/v1/namespaces/default/deployments"
        await browser.ask("POST", base, deployment("d", 2))
        scale = await browser.ask("GET", f"{base}/d/scale")
        assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
        table = await browser.ask("GET", f"{base}/d/scale", accept=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
        assert table["rows"][0]["cells"][:3] == ["d", 2, 0]
        merge = "application/merge-patch+json"
        patched = await browser.ask("PATCH", f"{base}/d/scale", {"spec": {"replicas": 5}}, content_type=merge)
        assert patched["spec"]["replicas"] == 5
        put = await browser.ask("PUT", f"{base}/d/scale", {**patched, "spec": {"replicas": 1}})
        assert put["spec"]["replicas"] == 1
        wrong = await browser.ask("PATCH", f"{base}/d/scale", {"spec": {"replicas": -1}}, content_type=merge)
        assert wrong["reason"] == "Invalid"
        assert (await browser.ask("GET", f"{base}/d"))["spec"]["replicas"] == 1

    browse(story)


def test_every_path_of_the_first_page_is_served() -> None:
    async def story(browser: Browser) -> None:
        places = (await browser.ask("GET", "/"))["paths"]
        assert {"/api/v1", "/apis/apps", "/apis/apps/v1", "/metrics", "/openapi/v3"} <= set(places)
        for place in places:
            accept = openapiv2.ASKED if place == "/openapi/v2" else ""
            assert (await browser.raw("GET", place, accept=accept)).status == 200, place

    browse(story)


def test_documents_and_health() -> None:
    async def story(browser: Browser) -> None:
        assert (await browser.ask("GET", "/version"))["minor"] == "32"
        assert (await browser.ask("GET", "/api/"))["kind"] == "APIVersions"
        assert (await browser.raw("GET", "/readyz")).body == b"ok"
        assert b"[+]store ok" in (await browser.raw("GET", "/readyz", query={"verbose": ""})).body
        assert (await browser.ask("POST", "/version"))["code"] == 405
        assert (await browser.ask("GET", "/nowhere"))["reason"] == "NotFound"
        assert (await browser.ask("GET", "/openapi/v3/apis/none/v1"))["code"] == 404
        asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        old = await browser.raw("GET", "/openapi/v2", accept=asked)
        assert (old.status, old.content_type) == (200, asked.replace("@", "."))
        assert b"/apis/apps/v1/namespaces/{namespace}/deployments/{name}" in old.body
        assert (await browser.ask("GET", "/openapi/v2"))["code"] == 404

    browse(story)


def test_who_is_nobody_sees_that_it_lives_and_nothing_else() -> None:
    async def story(browser: Browser) -> None:
        browser.who = ANONYMOUS
        assert (await browser.raw("GET", "/readyz")).status == 200
        assert (await browser.ask("GET", "/version"))["major"] == "1"
        refused = await browser.ask("GET", "/api/v1/namespaces/default/pods")
        assert refused["code"] == 403
        assert refused["message"] == (
            'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace '
            '"default"'
        )
        assert (await browser.ask("GET", "/apis"))["message"] == (
            'forbidden: User "system:anonymous" cannot get path "/apis"'
        )
        base = "/api/v1/namespaces/default/configmaps"
        assert (await browser.ask("POST", base, config_map("x")))["code"] == 403
        browser.who = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))
        assert (await browser.ask("GET", f"{base}/x"))["code"] == 404

    browse(story)


def test_who_asks_for_a_revision_that_is_not_there_yet_is_soon_told_so() -> None:
    async def story(browser: Browser) -> None:
        base, loop = "/api/v1/namespaces/default/configmaps", asyncio.get_running_loop()
        for query in ({"resourceVersion": "99999999"}, {"continue": "99999999:z"}):
            began = loop.time()
            status = await browser.ask("GET", base, query=query)
            assert (status["code"], status["details"]) == (504, {"retryAfterSeconds": 1})
            assert loop.time() - began < 5
        began = loop.time()
        events, watching = await browser.watch(base, resourceVersion="99999999")
        await watching
        assert events[-1]["object"]["code"] == 504
        assert loop.time() - began < 5

    browse(story)


def test_a_namespace_whose_spec_is_no_map_is_refused() -> None:
    async def story(browser: Browser) -> None:
        merge = "application/merge-patch+json"
        status = await browser.ask("PATCH", "/api/v1/namespaces/default", {"spec": 5}, content_type=merge)
        assert (status["code"], status["reason"]) == (422, "Invalid")

    browse(story)
