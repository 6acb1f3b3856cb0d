"""The kubelet: a node's agent. Start at `component.py`.

Pure: `facts` (what is known of a pod), `podstate` (what is to be done), `podstatus` (what is written), `probes`,
`backoff`, `admit`, `environment`, `volumes`, `stages`, `nodestatus`.

Shells: `nodeagent`, `pods`, `podworker` with `starting`, `stopping`, `prober` and `statuswriter`, `serving`; `kit` is
what they share. `runtime` is the interface to containers.

A turn of a pod: something happens (watch, runtime, probe, timer), the fact is recorded, `podworker` asks
`podstate.advance`, carries out the actions, and hands the rendered status to `statuswriter`.
"""
