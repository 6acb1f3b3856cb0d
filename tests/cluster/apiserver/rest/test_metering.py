"""What the door counts, read by Prometheus' own parser; and its named health checks."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cluster.apiserver.rest import health
from cluster.apiserver.rest.exchange import Http
from cluster.apiserver.rest.metered import labels_of
from cluster.apiserver.rest.metering import BUCKETS, Labels, Meter, family, plain

PODS = Labels("GET", "", "v1", "pods", "", "resource")


def test_requests_are_counted_by_what_they_were() -> None:
    meter = Meter()
    for seconds, code in ((0.001, 200), (0.03, 200), (100.0, 404)):
        meter.answered(PODS, code, seconds)
    meter.began(Labels("WATCH", "", "v1", "pods", "", "cluster"))
    found = {f.name: f for f in text_string_to_metric_families("".join(meter.families()))}
    total = {s.labels["code"]: s.value for s in found["apiserver_request"].samples}
    assert total == {"200": 2.0, "404": 1.0}
    times = found["apiserver_request_duration_seconds"].samples
    buckets = [s for s in times if s.name.endswith("_bucket")]
    assert len(buckets) == len(BUCKETS) + 1
    assert {s.labels["le"]: s.value for s in buckets}["0.005"] == 1.0
    assert {s.labels["le"]: s.value for s in buckets}["0.05"] == 2.0
    assert {s.labels["le"]: s.value for s in buckets}["+Inf"] == 3.0
    assert [s.value for s in times if s.name.endswith("_count")] == [3.0]
    assert [s.value for s in found["apiserver_longrunning_requests"].samples] == [1.0]


def test_texts_are_escaped_and_numbers_exact() -> None:
    text = family("x", "gauge", "A thing.", []) + plain("y", "gauge", "Another.", 0.1)
    assert text.endswith("\ny 0.1\n")
    meter = Meter()
    meter.counted(PODS._replace(resource='a"b\\c\nd'), 200)
    found = list(text_string_to_metric_families("".join(meter.families())))
    assert found[0].samples[0].labels["resource"] == 'a"b\\c\nd'


@pytest.mark.parametrize(
    ("http", "labels"),
    [
        (Http("GET", "/api/v1/namespaces/a/pods/b"), PODS),
        (Http("GET", "/api/v1/pods", {"watch": "1"}), Labels("WATCH", "", "v1", "pods", "", "cluster")),
        (Http("GET", "/apis/apps/v1/namespaces/a/deployments"),
         Labels("LIST", "apps", "v1", "deployments", "", "namespace")),
        (Http("DELETE", "/api/v1/namespaces/a/pods"), Labels("DELETECOLLECTION", "", "v1", "pods", "", "namespace")),
        (Http("GET", "/api/v1/namespaces/a/pods/b/exec"), Labels("CONNECT", "", "v1", "pods", "exec", "resource")),
        (Http("GET", "/api/v1/namespaces/a/pods/b/made-up"), Labels("GET", "", "v1", "pods", "other", "resource")),
        (Http("PATCH", "/api/v1/namespaces/a/pods/b", {}, {"content-type": "application/apply-patch+yaml"}),
         Labels("APPLY", "", "v1", "pods", "", "resource")),
        (Http("GET", "/made/up"), Labels("GET")),
        (Http("BREW", "/made/up"), Labels("other")),
    ],
)  # fmt: skip
def test_labels_say_what_was_asked_and_nothing_that_clients_invent(http: Http, labels: Labels) -> None:
    assert labels_of(http) == labels


def test_checks_have_names_and_can_be_left_out() -> None:
    checks = {"ping": True, "store": False}
    assert health.answer("livez", {"ping": True}, (), verbose=False) == (200, "ok")
    code, text = health.answer("readyz", checks, (), verbose=False)
    assert (code, text) == (500, "[+]ping ok\n[-]store failed: reason withheld\nreadyz check failed\n")
    code, text = health.answer("readyz", checks, ("store", "nope"), verbose=True)
    assert code == 200
    assert text == (
        "[+]ping ok\n[+]store excluded: ok\n"
        'warn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n'
    )
    assert health.one("ping", checks) == (200, "ok")
    assert health.one("store", checks) == (500, "internal server error: store failed: reason withheld\n")
    assert health.one("nope", checks) is None
