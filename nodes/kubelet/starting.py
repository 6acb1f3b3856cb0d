"""Shell: bringing one container up, from image to running. Must not decide whether it should run (`podstate.py`)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cluster.api import meta, quantity
from cluster.errors import StatusError
from nodes.kubelet.environment import (
    Missing,
    Source,
    TokenWanted,
    environment,
    expand,
    references,
    tokens_wanted,
)
from nodes.kubelet.facts import Object, key_of
from nodes.kubelet.kit import Kit
from nodes.kubelet.probes import with_address
from nodes.kubelet.runtime import Container, ContainerKey, ContainerSpec, RuntimeFailure
from nodes.kubelet.volumes import mounts_of, volumes_of

CONFIG_ERROR = "CreateContainerConfigError"
HOME = "default"


async def start_container(kit: Kit, pod: Object, container: Object, attempt: int, ip: str) -> Container:
    """Pull, resolve what it refers to, create and start; Events on the way. RuntimeFailure with the reason that the
    container waits for."""
    await _pull(kit, pod, container)
    try:
        spec = await _spec(kit, pod, container, attempt, ip)
    except Missing as missing:
        kit.emit(pod, "Warning", "Failed", f"Error: {missing}")
        raise RuntimeFailure(CONFIG_ERROR, str(missing)) from missing
    except StatusError as error:
        raise RuntimeFailure(CONFIG_ERROR, f"could not be looked up: {error}") from error
    name = container["name"]
    try:
        started = await kit.runtime.start(spec)
    except RuntimeFailure as failure:
        kit.emit(pod, "Warning", "Failed", f"Error: {failure.message}")
        raise
    if started.state == "running":
        kit.host.note("container", {"id": started.key.id, "state": "running", "pod": meta.key_of(pod), "ip": ip})
    kit.emit(pod, "Normal", "Created", f"Created container: {name}")
    kit.emit(pod, "Normal", "Started", f"Started container {name}")
    if started.state == "running" and started.message:
        kit.emit(pod, "Warning", "PlaceholderImage", started.message)
    return started


async def _pull(kit: Kit, pod: Object, container: Object) -> None:
    image = container.get("image", "")
    try:
        pulled = await kit.runtime.pull(image)
    except RuntimeFailure as failure:
        kit.emit(pod, "Warning", "Failed", f'Failed to pull image "{image}": {failure.message}')
        raise
    if pulled.present:
        kit.emit(pod, "Normal", "Pulled", f'Container image "{image}" already present on machine')
    else:
        kit.emit(pod, "Normal", "Pulled", f'Successfully pulled image "{image}". Image size: {pulled.size} bytes.')


async def _spec(kit: Kit, pod: Object, container: Object, attempt: int, ip: str) -> ContainerSpec:
    namespace = meta.namespace_of(pod)
    wanted = references(pod, container)
    if container.get("volumeMounts"):
        wanted = list(dict.fromkeys([*wanted, *references(pod)]))
    sources = await _fetch(kit, namespace, wanted)
    services: list[Object] = []
    if kit.config.service_links and (pod.get("spec") or {}).get("enableServiceLinks", True):
        answer = await kit.client.list("Service", namespace, resource_version="0")
        services = answer["items"]
    if kit.config.service_links and namespace != HOME:  # every pod is told where the apiserver is
        answer = await kit.client.list("Service", HOME, fields="metadata.name=kubernetes", resource_version="0")
        services = [*services, *answer["items"]]
    tokens = await _tokens(kit, pod) if container.get("volumeMounts") else {}
    around = replace(kit.surroundings(ip, sources, services), tokens=tokens)
    env = environment(pod, container, around)
    return ContainerSpec(
        key_of(pod, container["name"], attempt),
        namespace,
        meta.name_of(pod),
        container.get("image", ""),
        tuple(expand(word, env) for word in container.get("command") or ()),
        tuple(expand(word, env) for word in container.get("args") or ()),
        env,
        container.get("workingDir") or "",
        ip,
        quantity.resources((container.get("resources") or {}).get("limits")),
        volumes_of(pod, container, around),
        mounts_of(container),
        bool(container.get("stdin")),
        bool(container.get("stdinOnce")),
        bool(container.get("tty")),
    )


async def _fetch(kit: Kit, namespace: str, wanted: list[Source]) -> dict[Source, Object]:
    """Those that exist."""
    found: dict[Source, Object] = {}
    for kind, name in wanted:
        try:
            found[kind, name] = await kit.client.get(kind, name, namespace)
        except StatusError as error:
            if error.reason != "NotFound":
                raise
    return found


async def _tokens(kit: Kit, pod: Object) -> dict[TokenWanted, str]:
    """Bound to the pod: they end with it. Missing for an account that is not there."""
    account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    bound = {"kind": "Pod", "apiVersion": "v1", "name": meta.name_of(pod), "uid": meta.uid_of(pod)}
    found: dict[TokenWanted, str] = {}
    for audience, seconds in tokens_wanted(pod):
        spec = {"expirationSeconds": seconds, "boundObjectRef": bound, "audiences": [audience] if audience else []}
        try:
            answer = await kit.client.token(meta.namespace_of(pod), account, spec)
        except StatusError as error:
            if error.reason == "NotFound":
                raise Missing(f"a token of serviceaccount {account!r}: {error.message}") from None
            raise
        found[audience, seconds] = answer["status"]["token"]
    return found


async def run_hook(kit: Kit, key: ContainerKey, container: Object, hook: Object, limit: tuple[str, float]) -> str:
    """Carry out a lifecycle hook (exec, httpGet, tcpSocket, sleep) on a running container; "" or why it failed.
    `limit`: the pod's address, and how many seconds it may take."""
    ip, timeout = limit
    if hook.get("sleep"):
        await asyncio.sleep(min(float(hook["sleep"].get("seconds") or 0), timeout))
        return ""
    action = {word: hook[word] for word in ("exec", "httpGet", "tcpSocket") if hook.get(word) is not None}
    if not action:
        return ""
    try:
        result = await kit.runtime.probe(key, with_address(action, container, ip), timeout)
    except ValueError as error:
        return str(error)
    return "" if result.ok else result.message or "it failed"
