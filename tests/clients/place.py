"""What all clients' tests need: the client itself, if it is installed, and a definition with objects to try it on.

Must not know any client. Without a client its tests are skipped, unless CAPSTAN_REQUIRE_CLIENTS is set.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Object = dict[str, Any]
LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)
"""Clients keep connections until they are collected, and that is theirs to mend."""
GROUP, VERSION, PLURAL = "clients.example.com", "v1", "ponds"


def needed(module: str) -> Any:
    """The client's module; the test is skipped, or fails where clients are required, when there is none."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        why = f"no {module} ({error}): pip install '.[clients]'"
        if os.environ.get("CAPSTAN_REQUIRE_CLIENTS"):
            pytest.fail(why)
        pytest.skip(why)


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster that is up: where its folder is, what it is called, and its kubeconfig."""

    folder: Path
    name: str

    @property
    def config(self) -> str:
        return str(self.folder / ".capstan" / self.name / "kubeconfig")


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def talking_pod(name: str) -> Object:
    """It says hello, and waits."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", "echo hello; sleep 600"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def deployment(name: str, replicas: int = 1) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def definition() -> Object:
    """Of Ponds: with a status, printer columns, and room for what an operator keeps in its status."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {
        "type": "object",
        "required": ["depth"],
        "properties": {"depth": {"type": "integer", "minimum": 1}, "fish": {"type": "string", "default": "carp"}},
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": free}}},
    }
    names = {"plural": PLURAL, "singular": "pond", "kind": "Pond", "shortNames": ["po2"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def pond(name: str, depth: Any = 2) -> Object:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Pond", "metadata": meta, "spec": {"depth": depth}}
