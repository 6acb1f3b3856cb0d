"""Subresources of a pod that are streams: log, exec, attach, portforward. Which protocol, and who carries it on.

Shell without sockets. Must not know frames or kubelets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.apiserver import refusals
from cluster.apiserver.rest import channels, messages, podlogs, podsessions, portforward
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.rpc import Rpc

Object = dict[str, Any]
STREAMS = ("log", "exec", "attach", "portforward")
ADVICE = "Upgrade request required: a WebSocket (v5.channel.k8s.io or v4.channel.k8s.io)"


class Asked:
    """What a request says. `query`: first values; `values`: all of them; names of `headers` in small letters."""

    def __init__(
        self, query: Mapping[str, str], values: Mapping[str, Sequence[str]], headers: Mapping[str, str]
    ) -> None:
        self.query = query
        self.values = values
        self._headers = headers

    def protocol(self, known: Sequence[str]) -> str:
        """BadRequest for one that is no WebSocket, or speaks nothing that is known."""
        if not self._upgrades():
            raise refusals.bad_request(ADVICE)
        named = self._headers.get("sec-websocket-protocol", "")
        offered = [part.strip() for part in named.split(",") if part.strip()]
        protocol = channels.choose(offered, known)
        if protocol is None:
            raise refusals.bad_request(f"none of the protocols {', '.join(offered)} is known; {known[0]} is")
        return protocol

    def carrier(self) -> str | None:
        """The protocol of the WebSocket that is to carry what goes on, None for a plain answer. BadRequest for one that
        is not known."""
        return self.protocol(messages.PROTOCOLS) if self._upgrades() else None

    def _upgrades(self) -> bool:
        return self._headers.get("upgrade", "").lower() == "websocket"


async def serve(verb: str, rpc: Rpc, pod: Object, asked: Asked) -> Flow | Duplex | Tunnel:
    """StatusError for what cannot be meant, and as the kubelet says for a log that there is not."""
    if verb == "log":
        asked.carrier()
        log = podlogs.Log(rpc, pod, asked.query)
        await log.begin()
        return Flow("text/plain", log.run)
    name = f"{rpc.host.boot}.{rpc.serial()}"
    if verb == "portforward":
        protocol = asked.protocol(portforward.PROTOCOLS)
        ports = portforward.Ports(rpc, pod, name)
        if protocol == portforward.SPDY:
            return Tunnel(protocol, portforward.BySpdy(ports).run)
        numbers = portforward.ports_of(asked.values.get("ports", ()))
        return Duplex(protocol, portforward.ByChannels(ports, numbers).run)
    protocol = asked.protocol(channels.PROTOCOLS)
    argv = asked.values.get("command", ()) if verb == "exec" else ()
    if verb == "exec" and not argv:
        raise refusals.bad_request("you must specify at least one command for the container")
    return Duplex(protocol, podsessions.Talk(rpc, pod, asked.query, argv, name).run)
