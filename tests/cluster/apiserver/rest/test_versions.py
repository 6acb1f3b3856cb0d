"""One stored object under several group versions: HorizontalPodAutoscalers in autoscaling/v1 and v2, Events in v1 and
events.k8s.io/v1; every way of reading and writing, and who owns which field."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.apiserver.rest.test_handlers import TABLE, Browser, browse

Object = dict[str, Any]

APPLY, MERGE, STRATEGIC = (
    "application/apply-patch+yaml", "application/merge-patch+json", "application/strategic-merge-patch+json",
)  # fmt: skip
V1, V2 = (f"/apis/autoscaling/{v}/namespaces/default/horizontalpodautoscalers" for v in ("v1", "v2"))
CORE, NEW = "/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events"
METRICS = "autoscaling.alpha.kubernetes.io/metrics"


def scaler(version: str = "v1", **spec: Any) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    whole = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, **spec}
    api = f"autoscaling/{version}"
    return {"apiVersion": api, "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": whole}


def average(metric: str, percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": metric, "target": target}}


def owned(obj: Object) -> dict[tuple[str, str, str], list[str]]:
    """(manager, operation, apiVersion) -> the fields of spec that they own."""
    rows = obj["metadata"].get("managedFields", ())
    return {
        (row["manager"], row["operation"], row["apiVersion"]): sorted(
            key.removeprefix("f:") for key in row["fieldsV1"].get("f:spec", {}) if key != "."
        )
        for row in rows
    }


def test_what_v1_writes_v2_shows_and_back() -> None:
    async def story(browser: Browser) -> None:
        made = await browser.ask("POST", V1, scaler(targetCPUUtilizationPercentage=70))
        assert (made["apiVersion"], made["spec"]["targetCPUUtilizationPercentage"]) == ("autoscaling/v1", 70)
        shown = await browser.ask("GET", f"{V2}/web")
        assert (shown["apiVersion"], shown["spec"]["metrics"]) == ("autoscaling/v2", [average("cpu", 70)])
        assert shown["metadata"]["uid"] == made["metadata"]["uid"]
        assert shown["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        shown["spec"]["metrics"].append(average("memory", 50))
        await browser.ask("PUT", f"{V2}/web", shown)
        old = await browser.ask("GET", f"{V1}/web")
        assert "metrics" not in old["spec"]
        assert json.loads(old["metadata"]["annotations"][METRICS])[0]["resource"]["name"] == "memory"
        kept = await browser.ask("PUT", f"{V1}/web", {**old, "spec": {**old["spec"], "maxReplicas": 9}})
        assert kept["spec"]["maxReplicas"] == 9
        back = await browser.ask("GET", f"{V2}/web")
        assert sorted(m["resource"]["name"] for m in back["spec"]["metrics"]) == ["cpu", "memory"]
        assert METRICS not in back["metadata"].get("annotations", {})

    browse(story)


def test_a_patch_is_of_the_version_on_the_url() -> None:
    async def story(browser: Browser) -> None:
        await browser.ask("POST", V2, scaler("v2", metrics=[average("cpu", 80)]))
        change = {"spec": {"targetCPUUtilizationPercentage": 60}}
        for type, percent in ((MERGE, 60), (STRATEGIC, 50)):
            change["spec"]["targetCPUUtilizationPercentage"] = percent
            patched = await browser.ask("PATCH", f"{V1}/web", change, content_type=type)
            assert (patched["apiVersion"], patched["spec"]["targetCPUUtilizationPercentage"]) == (
                "autoscaling/v1",
                percent,
            )
            assert (await browser.ask("GET", f"{V2}/web"))["spec"]["metrics"] == [average("cpu", percent)]
        strict = {"fieldValidation": "Strict"}
        wrong = await browser.ask("PATCH", f"{V1}/web", {"spec": {"metrics": []}}, strict, content_type=MERGE)
        assert 'unknown field "spec.metrics"' in wrong["message"]
        wrong = await browser.ask("POST", V2, scaler("v2", targetCPUUtilizationPercentage=1), strict)
        assert wrong["message"] == (
            'HorizontalPodAutoscaler in version "v2" cannot be handled as a HorizontalPodAutoscaler: strict decoding '
            'error: unknown field "spec.targetCPUUtilizationPercentage"'
        )
        other = await browser.ask("PUT", f"{V2}/web", {**scaler("v1"), "metadata": {"name": "web"}})
        assert other["reason"] == "BadRequest"

    browse(story)


def test_lists_tables_and_watches_are_in_the_version_asked_for() -> None:
    async def story(browser: Browser) -> None:
        events, watching = await browser.watch(V1, timeoutSeconds="5")
        await browser.ask("POST", V2, scaler("v2", metrics=[average("cpu", 80)]))
        for base, version in ((V1, "autoscaling/v1"), (V2, "autoscaling/v2"), (V1, "autoscaling/v1")):
            listed = await browser.ask("GET", base)
            assert (listed["apiVersion"], listed["kind"]) == (version, "HorizontalPodAutoscalerList")
            assert [item["apiVersion"] for item in listed["items"]] == [version]
            assert ("metrics" in listed["items"][0]["spec"]) == (version == "autoscaling/v2")
            table = await browser.ask("GET", base, query={"includeObject": "Object"}, accept=TABLE)
            assert table["rows"][0]["cells"][:2] == ["web", "Deployment/web"]
            assert table["rows"][0]["object"]["apiVersion"] == version
        await watching
        assert [(e["type"], e["object"]["apiVersion"]) for e in events] == [("ADDED", "autoscaling/v1")]
        assert events[0]["object"]["spec"]["targetCPUUtilizationPercentage"] == 80
        gone = await browser.ask("DELETE", f"{V1}/web")
        assert gone["status"] == "Success"

    browse(story)


def test_discovery_and_openapi_have_both() -> None:
    async def story(browser: Browser) -> None:
        group = await browser.ask("GET", "/apis/autoscaling")
        assert [row["version"] for row in group["versions"]] == ["v2", "v1"]
        assert group["preferredVersion"]["version"] == "v2"
        for version in ("v1", "v2"):
            rows = await browser.ask("GET", f"/apis/autoscaling/{version}")
            names = [row["name"] for row in rows["resources"]]
            assert names == ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]
            document = await browser.ask("GET", f"/openapi/v3/apis/autoscaling/{version}")
            gvk = {"group": "autoscaling", "version": version, "kind": "HorizontalPodAutoscaler"}
            schemas = document["components"]["schemas"]
            found = [s for s in schemas.values() if s.get("x-kubernetes-group-version-kind") == [gvk]]
            assert len(found) == 1
            ref = json.dumps(found[0]["properties"]["spec"]).partition("#/components/schemas/")[2].partition('"')[0]
            spec = schemas[ref]
            assert ("metrics" in spec["properties"]) == (version == "v2")

    browse(story)


def test_owners_of_fields_by_version() -> None:
    async def story(browser: Browser) -> None:
        name = {"fieldManager": "creator"}
        made = await browser.ask("POST", V1, scaler(targetCPUUtilizationPercentage=70), name)
        assert owned(made) == {
            ("creator", "Update", "autoscaling/v1"): [
                "maxReplicas", "minReplicas", "scaleTargetRef", "targetCPUUtilizationPercentage",
            ]
        }  # fmt: skip
        change = {"spec": {"metrics": [average("cpu", 50)]}}
        edited = await browser.ask("PATCH", f"{V2}/web", change, {"fieldManager": "editor"}, content_type=MERGE)
        assert owned(edited) == {
            ("creator", "Update", "autoscaling/v1"): ["maxReplicas", "minReplicas", "scaleTargetRef"],
            ("editor", "Update", "autoscaling/v2"): ["metrics"],
        }
        config = scaler(targetCPUUtilizationPercentage=40)
        for field in ("minReplicas", "maxReplicas", "scaleTargetRef"):
            config["spec"][field] = edited["spec"][field]
        query = {"fieldManager": "kubectl"}
        refused = await browser.ask("PATCH", f"{V1}/web", config, query, content_type=APPLY)
        assert (refused["reason"], refused["details"]["causes"][0]["message"]) == (
            "Conflict", 'conflict with "editor" using autoscaling/v2')  # fmt: skip
        forced = await browser.ask("PATCH", f"{V1}/web", config, {**query, "force": "true"}, content_type=APPLY)
        assert forced["spec"]["targetCPUUtilizationPercentage"] == 40
        assert owned(forced) == {
            ("kubectl", "Apply", "autoscaling/v1"): [
                "maxReplicas", "minReplicas", "scaleTargetRef", "targetCPUUtilizationPercentage",
            ],
            ("creator", "Update", "autoscaling/v1"): ["maxReplicas", "minReplicas", "scaleTargetRef"],
        }  # fmt: skip
        again = await browser.ask("PATCH", f"{V1}/web", config, query, content_type=APPLY)
        assert again == forced

    browse(story)


def test_apply_makes_an_object_in_either_version() -> None:
    async def story(browser: Browser) -> None:
        config, query = scaler(targetCPUUtilizationPercentage=40), {"fieldManager": "kubectl"}
        made = await browser.raw("PATCH", f"{V1}/web", config, query, content_type=APPLY)
        assert made.status == 201
        assert owned(json.loads(made.body)) == {
            ("kubectl", "Apply", "autoscaling/v1"): [
                "maxReplicas", "minReplicas", "scaleTargetRef", "targetCPUUtilizationPercentage",
            ]
        }  # fmt: skip
        unknown = await browser.ask("PATCH", f"{V1}/web", scaler(metrics=[]), query, content_type=APPLY)
        assert ".spec.metrics: field not declared in schema" in unknown["message"]

    browse(story)


def test_events_in_both_groups() -> None:
    async def story(browser: Browser) -> None:
        about = {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "namespace": "default"}
        core = {"metadata": {"name": "a"}, "involvedObject": about, "message": "Pulled it", "reason": "Pulled",
                "type": "Normal", "source": {"component": "kubelet"}, "count": 2}  # fmt: skip
        await browser.ask("POST", CORE, core)
        shown = await browser.ask("GET", f"{NEW}/a")
        assert shown["apiVersion"] == "events.k8s.io/v1"
        assert (shown["regarding"], shown["note"]) == (about, "Pulled it")
        assert (shown["deprecatedSource"], shown["deprecatedCount"]) == ({"component": "kubelet"}, 2)
        assert not {"involvedObject", "message", "source", "count"} & set(shown)
        new = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "b"}, "regarding": about,
               "note": "Started it", "reason": "Started", "type": "Normal", "reportingController": "kubelet",
               "reportingInstance": "k-0", "action": "Start", "eventTime": "2026-01-01T00:00:00.000001Z"}  # fmt: skip
        made = await browser.raw("POST", NEW, new, {"fieldValidation": "Strict"})
        assert made.status == 201
        stored = await browser.ask("GET", f"{CORE}/b")
        assert (stored["apiVersion"], stored["message"], stored["reportingComponent"]) == (
            "v1", "Started it", "kubelet")  # fmt: skip
        for base, field in ((CORE, "involvedObject.name"), (NEW, "regarding.name")):
            listed = await browser.ask("GET", base, query={"fieldSelector": f"{field}=web-0,type!=Warning"})
            assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
            none = await browser.ask("GET", base, query={"fieldSelector": f"{field}=web-1"})
            assert none["items"] == []
            table = await browser.ask("GET", base, accept=TABLE)
            assert [row["cells"][3] for row in table["rows"]] == ["pod/web-0", "pod/web-0"]
        wrong = await browser.ask("GET", NEW, query={"fieldSelector": "note=x"})
        assert (wrong["reason"], wrong["code"]) == ("BadRequest", 400)

    browse(story)
