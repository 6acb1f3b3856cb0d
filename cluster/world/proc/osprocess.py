"""What a forked child does to itself before anything else: die with its parent, own session, own output.

Must not know why it was forked. Linux first; where there is no PDEATHSIG the control socket's end does the same.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """SIGKILL for this process as soon as process `parent` has died (now, if it already has). The kernel forgets this
    on fork and on exec of a set-uid program. Linux: prctl(2)."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died between fork and prctl
        os._exit(1)


def call_me(name: str) -> None:
    """The name that `ps` and `top` show (15 bytes)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def adopt_orphans() -> None:
    """Descendants whose parents end become this process's children, so that none escapes. Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def redirect(log: Path | str) -> None:
    """stdin from nowhere; stdout and stderr appended to `log`. OSError when it cannot be opened."""
    sys.stdout.flush()
    sys.stderr.flush()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    for fd in (null, out):
        if fd > 2:
            os.close(fd)


def default_signals() -> None:
    """As a fresh Python process has them: SIGPIPE is ignored, so that a write to a connection whose reader has gone is
    an error (EPIPE) and not the end of the writer. Who becomes another program says `command_signals` before."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def command_signals() -> None:
    """As a command that is about to be executed expects them: exec keeps what is ignored, and Python ignores two."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def many_files() -> None:
    """As many open files as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1 << 16) if hard != resource.RLIM_INFINITY else 1 << 16
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_stopped(pid: int) -> bool:
    """Does it stand still (SIGSTOP)? False for one that is gone, or where there is no /proc."""
    return _stat(pid)[:1] in ("T", "t")


def is_alive(pid: int) -> bool:
    """Is there such a process, and is it no zombie?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[:1] not in ("Z", "X")


def _stat(pid: int) -> str:
    """/proc/PID/stat from the state on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text[text.rindex(")") + 2 :]


def resident_bytes(pid: int) -> int:
    """Resident memory, shared pages included; 0 where unknown."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0
    return pages * resource.getpagesize()


def children(pid: int) -> list[int]:
    """Direct children, zombies included; [] where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in text.split()]


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children(parent)]
        found.extend(level)
    return found
