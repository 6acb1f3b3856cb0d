"""ComponentStatuses and APIServices: found out when somebody asks, and read only."""

from __future__ import annotations

import json
from typing import Any

from cluster.apiserver.livekinds import api_services, component_status, lease_health
from tests.cluster.apiserver.rest.test_handlers import TABLE, Browser, browse

Object = dict[str, Any]
CS, SERVICES = "/api/v1/componentstatuses", "/apis/apiregistration.k8s.io/v1/apiservices"


def lease(holder: str, renewed: str) -> Object:
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}}


def test_a_leader_is_well_while_it_renews() -> None:
    stamp = "1970-01-01T00:01:00Z"
    assert lease_health(lease("master-0", stamp), 75.0) == ("", "ok")
    assert lease_health(lease("master-0", stamp), 80.0) == ("master-0 leads, and has renewed its Lease 20s ago", "")
    assert lease_health(None, 80.0) == ("nobody leads", "")
    assert lease_health(lease("", stamp), 60.0) == ("nobody leads", "")
    assert component_status("scheduler", "nobody leads", "")["conditions"] == [
        {"type": "Healthy", "status": "False", "message": "nobody leads"}
    ]


def test_how_the_parts_are() -> None:
    async def story(browser: Browser) -> None:
        listed = await browser.ask("GET", CS)
        health = {item["metadata"]["name"]: item["conditions"][0] for item in listed["items"]}
        stores = [name for name in health if name.startswith("store")]
        assert stores
        assert all(health[name] == {"type": "Healthy", "status": "True", "message": "ok"} for name in stores)
        assert health["scheduler"] == {"type": "Healthy", "status": "False", "message": "nobody leads"}
        one = await browser.ask("GET", f"{CS}/{stores[0]}")
        assert (one["kind"], one["metadata"]["name"]) == ("ComponentStatus", stores[0])
        table = await browser.ask("GET", CS, accept=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Status", "Message", "Error"]
        assert ["scheduler", "Unhealthy", "nobody leads", ""] in [row["cells"] for row in table["rows"]]
        picked = await browser.ask("GET", CS, query={"fieldSelector": "metadata.name=scheduler"})
        assert [item["metadata"]["name"] for item in picked["items"]] == ["scheduler"]
        missing = await browser.ask("GET", f"{CS}/nothing")
        assert missing["message"] == 'componentstatuses "nothing" not found'
        for method, path in (("POST", CS), ("DELETE", f"{CS}/scheduler"), ("PUT", f"{CS}/scheduler")):
            assert (await browser.raw(method, path, {})).status == 405

    browse(story)


def test_every_group_version_has_its_service() -> None:
    async def story(browser: Browser) -> None:
        listed = await browser.ask("GET", SERVICES)
        names = [item["metadata"]["name"] for item in listed["items"]]
        assert {"v1.", "v1.apps", "v1.autoscaling", "v2.autoscaling", "v1.events.k8s.io"} <= set(names)
        assert names == sorted(names)
        one = await browser.ask("GET", f"{SERVICES}/v2.autoscaling")
        assert (one["spec"]["group"], one["spec"]["version"]) == ("autoscaling", "v2")
        condition = one["status"]["conditions"][0]
        assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "True", "Local")
        old = await browser.ask("GET", f"{SERVICES}/v1.autoscaling")
        assert one["spec"]["versionPriority"] > old["spec"]["versionPriority"]
        table = await browser.ask("GET", SERVICES, accept=TABLE)
        assert [row["cells"][:3] for row in table["rows"]][0] == ["v1.", "Local", "True"]
        assert (await browser.raw("DELETE", f"{SERVICES}/v1.apps")).status == 405
        found = await browser.ask("GET", "/apis/apiregistration.k8s.io/v1")
        assert [(r["name"], r["verbs"]) for r in found["resources"]] == [("apiservices", ["get", "list", "watch"])]
        assert json.dumps(api_services((), "")) == "[]"

    browse(story)
