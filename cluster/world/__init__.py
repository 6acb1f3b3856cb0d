"""What a component may touch, and the two places it can run.

The contract in prose:

- A component is `async def run(host, config)`. What is not on `Host` does not happen: no clock, socket, file, thread or
  dice but the host's. Pacing is plain asyncio; each world owns the loop that it runs on.
- The bus promises nothing: a message may be lost, late, repeated or overtaken. Bodies are packed at send in both
  worlds. Messages of one link arrive in order unless a fault reorders them, and nobody may rely on it.
- The disk is honest: what `sync` has returned for survives any crash; what it has not may be lost, or torn at any byte.
- A crash runs no `finally`. A pause is not noticed by the paused. A message may outlive its reader's restart.
- A fault is data and acts on messages by sender, receiver and kind; `partition` has returned: nothing crosses any more.
- A scenario holds `World` (scenario.py) and never a component.

`sim/` keeps all of that on virtual time from one seed; `proc/` with OS processes, ZeroMQ and files. `tests/conformance`
holds both to it.
"""
