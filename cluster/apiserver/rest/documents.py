"""What is served at paths that name no resource: discovery, OpenAPI, health, the version, metrics, the keys of tokens.

Must not decide who may read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cluster.apiserver.auth.gate import Gate
from cluster.apiserver.rest import answers, discovery, health, issuer, metering, negotiation, openapiv2, requests
from cluster.apiserver.rest.catalog import Catalog
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.negotiation import JSON
from cluster.apiserver.rest.paths import UNKNOWN, Document
from cluster.errors import StatusError

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+capstan",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-11-28T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": "linux/amd64",
}
HEALTH = ("/healthz", "/livez", "/readyz")
"""Asked by those who must not be kept waiting."""
DOCUMENTS = (*HEALTH, "/metrics", "/openapi/v2", "/openapi/v3", "/version")


class Documents:
    def __init__(
        self, catalog: Catalog, address: str, checks: Callable[[], Mapping[str, bool]], gate: Gate | None
    ) -> None:
        """`address`: "127.77.0.1:6443", for those who ask where it is. `checks`: what readiness asks, by name. `gate`:
        whose tokens' keys are told."""
        self._catalog = catalog
        self._address = address
        self._checks = checks
        self._gate = gate
        self.metrics: Callable[[], str] = str
        """The text of /metrics."""

    def answer(self, document: Document, http: Http) -> Answer:
        if http.method not in ("GET", "HEAD"):
            raise StatusError("MethodNotAllowed", requests.NOT_ALLOWED)
        accept = http.headers.get("accept", "")
        if document.name in ("versions", "groups"):
            version = negotiation.discovery_version(accept)
            if version:
                media = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
                found = discovery.aggregated(document.name == "versions", version, self._catalog.kinds())
                return Answer(200, answers.json_bytes(found), media, {"Vary": "Accept"})
        if not document.name.startswith("/"):
            form = negotiation.form_of(accept)
            found = discovery.legacy(document, self._address, self._catalog.kinds())
            return Answer(200, answers.body_of(form, found), form.content_type, {"Vary": "Accept"})
        if document.name == "/":
            documents = DOCUMENTS if self._gate is None else (*DOCUMENTS, issuer.CONFIGURATION, issuer.KEYS)
            return Answer(200, answers.json_bytes(discovery.root(documents, self._catalog.kinds())))
        if document.name == "/version":
            return Answer(200, answers.json_bytes(VERSION))
        if document.name == "/openapi/v2" and openapiv2.ASKED in accept:
            return Answer(200, openapiv2.document(), openapiv2.MEDIA)
        if document.name.startswith("/openapi/v3"):
            return Answer(200, self._catalog.openapi(document.name))
        name, _, check = document.name.strip("/").partition("/")
        if name in health.NAMES:
            return self._health(name, check, http)
        if document.name == "/metrics":
            return Answer(200, self.metrics().encode(), metering.MEDIA)
        if self._gate is not None and document.name == issuer.CONFIGURATION:
            found = issuer.configuration(self._gate.access.issuer, self._address)
            return Answer(200, answers.json_bytes(found))
        if self._gate is not None and document.name == issuer.KEYS:
            return Answer(200, answers.json_bytes(self._gate.keys.jwks()), issuer.KEYS_MEDIA)
        raise StatusError("NotFound", UNKNOWN)

    def _health(self, name: str, check: str, http: Http) -> Answer:
        checks = {"ping": True} if name == "livez" else {"ping": True, **self._checks()}
        if check:
            found = health.one(check, checks)
            if found is None:
                raise StatusError("NotFound", UNKNOWN)
        else:
            found = health.answer(name, checks, http.values.get("exclude", ()), verbose="verbose" in http.query)
        return Answer(found[0], found[1].encode(), "text/plain; charset=utf-8")
