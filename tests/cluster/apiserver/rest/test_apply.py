"""Server-side apply and fieldValidation through the handlers of a real apiserver on a real store in the sim."""

from __future__ import annotations

from typing import Any

from tests.cluster.apiserver.cluster import deployment
from tests.cluster.apiserver.rest.test_handlers import Browser, browse

Object = dict[str, Any]

APPLY, MERGE, JSON_PATCH = (
    "application/apply-patch+yaml", "application/merge-patch+json", "application/json-patch+json",
)  # fmt: skip
BASE = "/api/v1/namespaces/default/configmaps"


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


async def apply(browser: Browser, config: Object, manager: str = "kubectl", **query: str) -> tuple[int, Object]:
    query = {"fieldManager": manager, "force": "false", **query}
    status = (await browser.raw("PATCH", f"{BASE}/c", config, {**query, "dryRun": "All"}, content_type=APPLY)).status
    answer = await browser.ask("PATCH", f"{BASE}/c", config, query, content_type=APPLY)
    return status, answer


def managers(obj: Object) -> list[tuple[str, str]]:
    return [(row["manager"], row["operation"]) for row in obj["metadata"].get("managedFields", ())]


def test_apply_makes_changes_and_removes() -> None:
    async def story(browser: Browser) -> None:
        status, made = await apply(browser, config_map(a="1", b="1"))
        assert (status, made["data"], managers(made)) == (201, {"a": "1", "b": "1"}, [("kubectl", "Apply")])
        status, again = await apply(browser, config_map(a="1", b="1"))
        assert (status, again) == (200, made)
        _, less = await apply(browser, config_map(a="2"))
        assert less["data"] == {"a": "2"}
        assert less["metadata"]["uid"] == made["metadata"]["uid"]

    browse(story)


def test_a_conflict_is_told_and_force_wins() -> None:
    async def story(browser: Browser) -> None:
        await apply(browser, config_map(a="1"))
        query = {"fieldManager": "editor"}
        edited = await browser.ask("PATCH", f"{BASE}/c", {"data": {"a": "2"}}, query, content_type=MERGE)
        assert managers(edited) == [("editor", "Update")]
        _, refused = await apply(browser, config_map(a="3"))
        assert (refused["code"], refused["reason"]) == (409, "Conflict")
        assert refused["message"] == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a'
        cause = {"reason": "FieldManagerConflict", "message": 'conflict with "editor" using v1', "field": ".data.a"}
        assert refused["details"] == {"causes": [cause]}
        _, forced = await apply(browser, config_map(a="3"), force="true")
        assert (forced["data"], managers(forced)) == ({"a": "3"}, [("kubectl", "Apply")])

    browse(story)


def test_what_cannot_be_applied_is_refused() -> None:
    async def story(browser: Browser) -> None:
        def ask(config: Object, query: Object) -> Any:
            return browser.ask("PATCH", f"{BASE}/c", config, query, content_type=APPLY)

        assert "fieldManager: Required value" in (await ask(config_map(), {}))["message"]
        query = {"fieldManager": "x"}
        for wrong, message in (
            ({**config_map(), "colour": "red"}, ".colour: field not declared in schema"),
            ({**config_map(), "data": 3}, ".data: "),
            ({**config_map(), "metadata": {"name": "d"}}, "does not match the name on the URL"),
            ({**config_map(), "metadata": {"name": "c", "managedFields": [{}]}}, "metadata.managedFields must be nil"),
            ({"metadata": {"name": "c"}}, "Object 'Kind' is missing"),
        ):
            refused = await ask(wrong, query)
            assert refused["code"] == 400, wrong
            assert message in refused["message"]
        forced = await browser.ask("PATCH", f"{BASE}/c", {}, {"force": "true"}, content_type=MERGE)
        assert "may not be specified for non-apply patch" in forced["message"]

    browse(story)


def test_kubectl_goes_over_from_client_side_apply() -> None:
    """The requests of `kubectl apply --server-side` on an object that was applied client-side."""

    async def story(browser: Browser) -> None:
        made = await browser.ask("POST", BASE, config_map(a="1", b="1"), {"fieldManager": "kubectl-client-side-apply"})
        assert managers(made) == [("kubectl-client-side-apply", "Update")]
        _, mixed = await apply(browser, config_map(a="1"))
        assert managers(mixed) == [("kubectl", "Apply"), ("kubectl-client-side-apply", "Update")]
        rows = [{**row, "manager": "kubectl", "operation": "Apply"} for row in mixed["metadata"]["managedFields"][1:]]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": rows},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": mixed["metadata"]["resourceVersion"]},
        ]
        moved = await browser.ask("PATCH", f"{BASE}/c", patch, content_type=JSON_PATCH)
        assert managers(moved) == [("kubectl", "Apply")]
        assert (await browser.ask("PATCH", f"{BASE}/c", patch, content_type=JSON_PATCH))["reason"] == "Conflict"
        _, less = await apply(browser, config_map(a="1"))
        assert less["data"] == {"a": "1"}
        cleared = await browser.ask("PATCH", f"{BASE}/c", {"metadata": {"managedFields": [{}]}}, content_type=MERGE)
        assert managers(cleared) == []

    browse(story)


def test_writers_own_what_they_write_and_subresources_apart() -> None:
    async def story(browser: Browser) -> None:
        base = "/apis/apps/v1/namespaces/default/deployments"
        made = await browser.ask("POST", base, deployment("d", 2), user_agent="curl/8.0 (x86)")
        assert managers(made) == [("curl", "Update")]
        assert "f:status" not in made["metadata"]["managedFields"][0]["fieldsV1"]
        query = {"fieldManager": "scaler"}
        await browser.ask("PATCH", f"{base}/d/scale", {"spec": {"replicas": 5}}, query, content_type=MERGE)
        scaled = await browser.ask("GET", f"{base}/d")
        rows = {row["manager"]: row for row in scaled["metadata"]["managedFields"]}
        assert rows["scaler"]["subresource"] == "scale"
        assert rows["scaler"]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        assert "f:replicas" not in rows["curl"]["fieldsV1"]["f:spec"]
        unchanged = await browser.ask("PUT", f"{base}/d", scaled, {"fieldManager": "other"})
        assert unchanged == scaled

    browse(story)


def test_a_status_is_applied_apart() -> None:
    async def story(browser: Browser) -> None:
        base = "/apis/apps/v1/namespaces/default/deployments"
        await browser.ask("POST", base, deployment("d", 2), {"fieldManager": "maker"})
        config = {**deployment("d", 7), "status": {"replicas": 3}}
        query = {"fieldManager": "operator"}
        done = await browser.ask("PATCH", f"{base}/d/status", config, query, content_type=APPLY)
        assert (done["spec"]["replicas"], done["status"]) == (2, {"replicas": 3})
        rows = {row["manager"]: row for row in done["metadata"]["managedFields"]}
        assert rows["operator"]["subresource"] == "status"
        assert rows["operator"]["fieldsV1"] == {"f:status": {"f:replicas": {}}}
        again = await browser.ask("PATCH", f"{base}/d/status", config, query, content_type=APPLY)
        assert again == done
        config["status"] = {}
        gone = await browser.ask("PATCH", f"{base}/d/status", config, query, content_type=APPLY)
        assert "replicas" not in gone.get("status", {})
        config["metadata"] = {"name": "none"}
        missing = await browser.ask("PATCH", f"{base}/none/status", config, query, content_type=APPLY)
        assert missing["reason"] == "NotFound"

    browse(story)


# ── fieldValidation ──────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_fields_are_refused_warned_of_or_ignored() -> None:
    async def story(browser: Browser) -> None:
        odd = {**config_map(a="1"), "colour": "red"}
        strict = await browser.ask("POST", BASE, odd, {"fieldValidation": "Strict"})
        assert (strict["code"], strict["message"]) == (
            400,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"',
        )
        warned = await browser.raw("POST", BASE, odd)
        assert warned.status == 201
        assert warned.headers["Warning"] == '299 - "unknown field \\"colour\\""'
        assert b"colour" not in warned.body
        silent = await browser.raw("PUT", f"{BASE}/c", odd, {"fieldValidation": "Ignore"})
        assert (silent.status, dict(silent.headers)) == (200, {})
        patch = {"colour": "red"}
        patched = await browser.raw("PATCH", f"{BASE}/c", patch, content_type=MERGE)
        assert "unknown field" in patched.headers["Warning"]
        refused = await browser.ask("PATCH", f"{BASE}/c", patch, {"fieldValidation": "Strict"}, content_type=MERGE)
        assert refused["code"] == 422
        assert refused["message"].endswith('strict decoding error: unknown field "colour"')
        deep = deployment("d")
        deep["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
        answer = await browser.ask(
            "POST", "/apis/apps/v1/namespaces/default/deployments", deep, {"fieldValidation": "Strict"}
        )
        assert 'unknown field "spec.template.spec.containers[0].imagee"' in answer["message"]

    browse(story)


def test_fields_that_stand_there_twice() -> None:
    async def story(browser: Browser) -> None:
        body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","a":"2"}}'
        refused = await browser.sent("POST", BASE, body, {"fieldValidation": "Strict"})
        assert b'duplicate field \\"data.a\\"' in refused.body
        warned = await browser.sent("POST", BASE, body, {"fieldValidation": "Warn"})
        assert warned.status == 201
        assert warned.headers["Warning"] == '299 - "duplicate field \\"data.a\\""'

    browse(story)
