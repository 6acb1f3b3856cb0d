"""Rules of containers and the volumes they mount (Kubernetes: ValidateContainers, ValidateVolumes).

Must not know what kind of object the containers stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api import quantity
from cluster.api.fielderrors import Errors, MapKey, Path, at

Map = Mapping[str, Any]
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def containers_and_volumes(spec: Map, path: Path, errors: Errors) -> None:
    """A pod spec's containers, init containers and volumes."""
    volumes: dict[str, None] = {}
    for index, volume in enumerate(spec.get("volumes") or ()):
        volumes[volume["name"]] = None
        _volume(volume, at(path, "volumes", index), errors)
    names: dict[str, None] = {}
    host_ports: dict[tuple[Any, ...], None] = {}
    for which in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(which) or ()):
            place = at(path, which, index)
            if which == "containers" and container["name"] in names:
                errors.duplicate(at(place, "name"), container["name"])
            if which == "initContainers":
                names[container["name"]] = None
                _init_container(container, place, errors)
            elif container.get("restartPolicy"):
                errors.forbidden(at(place, "restartPolicy"), "may not be set for non-init containers")
            _container(container, place, errors)
            _mounts(container, volumes, place, errors)
            _ports(container, host_ports, bool(spec.get("hostNetwork")), place, errors)


def _volume(volume: Map, path: Path, errors: Errors) -> None:
    sources = [name for name, value in volume.items() if name != "name" and value is not None]
    if not sources:
        errors.required(path, "must specify a volume type")
    for extra in sources[1:]:
        errors.forbidden(at(path, extra), "may not specify more than 1 volume type")
    for name, key in (("configMap", "name"), ("secret", "secretName")):
        if name in volume and not volume[name].get(key):
            errors.required(at(path, name, key))


def _init_container(container: Map, path: Path, errors: Errors) -> None:
    if container.get("restartPolicy") not in (None, "Always"):
        errors.unsupported(at(path, "restartPolicy"), container["restartPolicy"], ["Always"])
    if container.get("restartPolicy") != "Always":
        for field in ("lifecycle", *_PROBES):
            if container.get(field) is not None:
                errors.forbidden(at(path, field), "may not be set for init containers without restartPolicy=Always")


def _container(container: Map, path: Path, errors: Errors) -> None:
    if not container.get("image"):
        errors.required(at(path, "image"))
    elif container["image"] != container["image"].strip():
        errors.invalid(at(path, "image"), container["image"], "must not have leading or trailing whitespace")
    if container.get("resources"):
        _resources(container["resources"], at(path, "resources"), errors)
    for index, entry in enumerate(container.get("env") or ()):
        _env(entry, at(path, "env", index), errors)
    for index, source in enumerate(container.get("envFrom") or ()):
        _one_of(source, ("configMapRef", "secretRef"), at(path, "envFrom", index), "source", errors)
    for which in _PROBES:
        if container.get(which):
            _probe(container[which], which, at(path, which), errors)
    for which in ("postStart", "preStop"):
        handler = (container.get("lifecycle") or {}).get(which)
        if handler is not None:
            handlers = ("exec", "httpGet", "tcpSocket", "sleep")
            _one_of(handler, handlers, at(path, "lifecycle", which), "handler type", errors)
    if container.get("terminationMessagePath") == "":
        errors.required(at(path, "terminationMessagePath"))


def _one_of(value: Map, names: tuple[str, ...], path: Path, what: str, errors: Errors) -> None:
    found = [name for name in names if value.get(name) is not None]
    if not found:
        errors.required(path, f"must specify a {what}")
    for extra in found[1:]:
        errors.forbidden(at(path, extra), f"may not specify more than 1 {what}")


def _probe(probe: Map, which: str, path: Path, errors: Errors) -> None:
    _one_of(probe, ("exec", "httpGet", "tcpSocket", "grpc"), path, "handler type", errors)
    if which != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        errors.invalid(at(path, "successThreshold"), probe["successThreshold"], "must be 1")
    if which == "readinessProbe" and probe.get("terminationGracePeriodSeconds") is not None:
        errors.invalid(
            at(path, "terminationGracePeriodSeconds"),
            probe["terminationGracePeriodSeconds"],
            "must not be set for readinessProbes",
        )


def _env(entry: Map, path: Path, errors: Errors) -> None:
    source = entry.get("valueFrom")
    if source is None:
        return
    kinds = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
    found = [name for name in kinds if source.get(name) is not None]
    if entry.get("value"):
        errors.invalid(at(path, "valueFrom"), "", "may not be specified when `value` is not empty")
    if not found:
        errors.invalid(
            at(path, "valueFrom"),
            "",
            f"must specify one of: {', '.join(f'`{k}`' for k in kinds[:-1])} or `{kinds[-1]}`",
        )
    elif len(found) > 1:
        errors.invalid(at(path, "valueFrom"), "", "may not have more than one field specified at a time")


def _resources(resources: Map, path: Path, errors: Errors) -> None:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for which, amounts in (("limits", limits), ("requests", requests)):
        for name in amounts:
            if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
                place = (at(path, which), MapKey(name))
                errors.invalid(place, name, "must be a standard resource type or fully qualified")
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is None or limit == amount:
            continue
        place = (at(path, "requests"), MapKey(name))
        if "/" in name and quantity.parse(amount) != quantity.parse(limit):
            errors.invalid(place, str(amount), f"must be equal to {name} limit of {limit}")
        elif quantity.parse(amount) > quantity.parse(limit):
            errors.invalid(at(path, "requests"), str(amount), f"must be less than or equal to {name} limit of {limit}")


def _mounts(container: Map, volumes: Map, path: Path, errors: Errors) -> None:
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        place = at(path, "volumeMounts", index)
        if mount["name"] not in volumes:
            errors.not_found(at(place, "name"), mount["name"])
        sub = mount.get("subPath") or ""
        if sub.startswith("/"):
            errors.invalid(at(place, "subPath"), sub, "must be a relative path")
        if ".." in sub.split("/"):
            errors.invalid(at(place, "subPath"), sub, "must not contain '..'")


def _ports(container: Map, taken: dict[tuple[Any, ...], None], host: bool, path: Path, errors: Errors) -> None:
    names: dict[str, None] = {}
    for index, port in enumerate(container.get("ports") or ()):
        place = at(path, "ports", index)
        name, number = port.get("name"), port.get("hostPort")
        if name:
            if name in names:
                errors.duplicate(at(place, "name"), name)
            names[name] = None
        if host and number != port["containerPort"]:
            errors.invalid(
                at(place, "containerPort"), port["containerPort"], "must match `hostPort` when `hostNetwork` is true"
            )
        if number:
            key = (port.get("protocol", "TCP"), port.get("hostIP", ""), number)
            if key in taken:
                errors.duplicate(at(place, "hostPort"), number)
            taken[key] = None
