"""What the system says of this process, as Prometheus' clients name it. Real by nature: /proc.

Must not know what the process does.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from cluster.apiserver.rest.metering import plain

TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def families() -> list[str]:
    """[] where there is no /proc."""
    try:
        text = Path("/proc/self/stat").read_text()
        files = len(os.listdir("/proc/self/fd"))
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except OSError:
        return []
    stat = text[text.rindex(")") + 2 :].split()
    began = int(boot.split()[1]) + int(stat[19]) / TICK
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return [
        plain("process_cpu_seconds_total", "counter", "CPU time.", (int(stat[11]) + int(stat[12])) / TICK),
        plain("process_resident_memory_bytes", "gauge", "Resident memory.", int(stat[21]) * PAGE),
        plain("process_virtual_memory_bytes", "gauge", "Virtual memory.", int(stat[20])),
        plain("process_open_fds", "gauge", "Open files.", files),
        plain("process_max_fds", "gauge", "Most open files.", limit),
        plain("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", began),
    ]
