"""One PySyncObj member as an OS process, asked by JSON lines; the callers live inside of it, as the library is meant.

Must not be imported where pysyncobj is not installed. Run as `python -m bench.peers.pysyncobj_node SETUP`.
It keeps a journal on disk and never syncs it.

    {"do": "status"}                                 -> {"ready": true, "leader": "127.0.0.1:40001"}
    {"do": "load", "clients": 16, "seconds": 2.0}    -> {"latencies": ..., "took": 2.0, "errors": 0}
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from pysyncobj import SyncObj, SyncObjConf
from pysyncobj.batteries import ReplDict

from bench.store_load import packed
from bench.store_workload import KEYS, VALUE, key


class Load:
    """Closed-loop callers: each sends its next write when the last one is acknowledged."""

    def __init__(self, table: Any, seconds: float) -> None:
        self._table = table
        self._end = time.monotonic() + seconds
        self._left = threading.Semaphore(0)
        self._sent = 0
        self.latencies: list[float] = []
        self.errors = 0

    def run(self, clients: int, seconds: float) -> dict[str, Any]:
        began = time.monotonic()
        for _ in range(clients):
            self._submit()
        for _ in range(clients):
            self._left.acquire(timeout=seconds + 10)
        return {"latencies": packed(self.latencies), "took": time.monotonic() - began, "errors": self.errors}

    def _submit(self) -> None:
        began = time.monotonic()
        self._sent += 1
        name = key(self._sent % KEYS).decode()

        def done(_: Any, error: int) -> None:
            now = time.monotonic()
            if error:
                self.errors += 1
            else:
                self.latencies.append(now - began)
            if now < self._end:
                self._submit()
            else:
                self._left.release()

        self._table.set(name, TEXT, callback=done)


TEXT = VALUE.decode()


def main(setup: dict[str, Any]) -> None:
    """`setup`: addresses, index, folder, options (keyword arguments of SyncObjConf)."""
    addresses, index, folder = setup["addresses"], setup["index"], setup["folder"]
    table = ReplDict()
    conf = SyncObjConf(
        journalFile=os.path.join(folder, f"n{index}.journal"),
        fullDumpFile=os.path.join(folder, f"n{index}.dump"),
        connectionRetryTime=0.5,
        **setup["options"],
    )
    node = SyncObj(addresses[index], addresses[:index] + addresses[index + 1 :], conf, consumers=[table])
    print("{}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "status":
            leader = node._getLeader()
            answer = {"ready": bool(node.isReady()), "leader": str(leader) if leader else ""}
        else:
            answer = Load(table, order["seconds"]).run(order["clients"], order["seconds"])
        print(json.dumps(answer), flush=True)
    os._exit(0)  # its own thread never ends


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
