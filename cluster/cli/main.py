"""The command line's table of commands, and the one place where errors become words and exit statuses.

Must not do any command's work. A command's module is imported only when it is called: start-up time is felt.
Exit status: 0 it holds, 1 it failed, 2 the words were off (or: unknown), 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from cluster.errors import StatusError, UsageError
from cluster.wire import WireError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("lifecycle", "Start a cluster and wait until its nodes are Ready."),
    "down": ("lifecycle", "End every process of the cluster; --wipe removes its files too."),
    "status": ("lifecycle", "Machines, processes, faults in force, who leads the store."),
    "node": ("lifecycle", "Add a worker to the running cluster, or remove one."),
    "tour": ("tour", "The main job, narrated: up, an app, CAP, failover, a DaemonSet, down."),
    "get": ("show", "Print objects, as kubectl does."),
    "describe": ("show", "Print objects with their events."),
    "apply": ("objects", "Create or change objects from files."),
    "create": ("objects", "Create objects from files, or a deployment, namespace, configmap."),
    "delete": ("objects", "Delete objects by file, name or label."),
    "scale": ("workloads", "Set the number of replicas."),
    "label": ("objects", "Set or remove labels."),
    "top": ("top", "What nodes or pods use now."),
    "logs": ("pods", "Print a container's log."),
    "exec": ("pods", "Run a command in a container."),
    "rollout": ("workloads", "status, history, undo, pause, resume, restart."),
    "kill": ("faults", "SIGKILL a host, or every host of a machine."),
    "pause": ("faults", "SIGSTOP a host or machine."),
    "resume": ("faults", "SIGCONT it."),
    "restart": ("faults", "Kill it if it runs, and boot it again with its disk."),
    "poweroff": ("faults", "Cut the power of a machine: its hosts and containers end at once."),
    "poweron": ("faults", "Boot a machine's hosts."),
    "partition": ("faults", 'Cut the links between groups: "master-0 | master-1,master-2".'),
    "isolate": ("faults", "Cut a machine or host off from everyone."),
    "delay": ("faults", "Delay messages."),
    "loss": ("faults", "Lose messages."),
    "faults": ("faults", "The faults in force, with what they hit and let through."),
    "heal": ("faults", "Remove one fault, or all."),
    "strike": ("strike", "Carry out one entry of a scenario's timeline, undone when it is over."),
    "cap": ("cap", "The CAP experiment: engines side by side, or on a running cluster."),
    "scenario": ("scenario", "Stories as files: list, show, check, convert, schema."),
    "run": ("run", "Run a story (a scenario file) in the sim or in real processes, and judge it."),
    "replay": ("run", "Run a simulated run again, and compare the two to the byte."),
    "report": ("report", "The page of a run from its folder, or of two runs beside each other."),
    "store": ("store", "Members, leadership, backups and care of the store: `store --help`."),
    "certs": ("certs", "Certificates: check-expiration, renew."),
    "secrets": ("secrets", "Encryption at rest: keys, rotate, forget."),
    "check": ("check", "Judge a history, or a run anew; write a history in another format."),
    "zoo": ("zoo", "Planted bugs, and the checks that must find them."),
    "bench": ("bench", "Measure: boot, failover, links, sim, ..."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"cluster.cli.{entry[0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "see `launch.py --help`"
            raise UsageError(f"unknown command {args[0]!r}", remedy=remedy)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Capstan: a Kubernetes-shaped cluster of real processes that you can break on purpose."""


JUDGING = frozenset({"run", "replay", "check", "cap"})
"""Commands whose exit status 1 is a verdict (violated, or another run): whatever kept them from one is 2."""


def main(args: Sequence[str]) -> int:
    """Run one command; the exit status."""
    with _told_to_end():
        return _run(args)


@contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM, as `timeout` sends it, ends a command as Ctrl-C does: it tidies up, and leaves no cluster of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not for this thread
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: Sequence[str]) -> int:
    broken = 2 if args and args[0] in JUDGING else 1
    try:
        result = cli.main(args=list(args), prog_name="launch.py", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        hint = getattr(error, "ctx", None)
        text = error.format_message()
        if hint is not None:
            text = f"{text.rstrip('.')} (see `{hint.command_path} --help`)"
        return _say(text, 2)
    except UsageError as error:
        return _say(str(error), max(error.status, broken))
    except StatusError as error:
        return _say(describe_error(error), broken)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush says nothing
        return 141
    except (OSError, TimeoutError, WireError) as error:
        return _say(f"{type(error).__name__}: {error or 'no answer in time'}; see `launch.py status`", broken)
    except Exception as error:
        if os.environ.get("CAPSTAN_TRACE"):
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(at.filename)}:{at.lineno}"
        return _say(f"a bug at {where}: {type(error).__name__}: {error}; CAPSTAN_TRACE=1 shows more", broken)


def describe_error(error: StatusError, doing: str = "") -> str:
    """As kubectl words what the server answered; `doing`: to what, such as 'error when applying "web.yaml:1"'."""
    doing = f"{doing}: " if doing else ""
    if error.reason == "Timeout":
        doubt = "" if error.definite else "; a change may or may not have been carried out"
        what = error.message if error.message.startswith("no answer") else f"no answer: {error.message}"
        return f"error: {doing}{what}{doubt} (see `launch.py status`)"
    return f"Error from server ({error.reason}): {doing}{error.message}"


def _say(text: str, status: int) -> int:
    prefix = "" if text.startswith(("Error from server", "error: ")) else "error: "
    line = " ".join(text.split("\n"))
    print(f"{prefix}{line}", file=sys.stderr)
    return status
