"""What others make of a run, into its folder: junit.xml, the Chaos Toolkit journal, report.html.

Must not know what is in them. Loaded when they are wanted: a page costs more than a run of the sim.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from cluster.errors import UsageError
from cluster.history.finding import Verdict
from cluster.history.run import Run

JUNIT, TOOLKIT, REPORT = "junit.xml", "chaostoolkit.json", "report.html"


def write(run: Run, verdict: Verdict, directory: Path) -> None:
    """All of them."""
    from cluster.report.chaosjournal import write_journal
    from cluster.report.junit import junit
    from cluster.report.page import page

    journal = write_journal(run, verdict, _experiment(run), platform.platform(), platform.node())
    (directory / TOOLKIT).write_text(json.dumps(journal, indent=1, ensure_ascii=False, default=str))
    (directory / JUNIT).write_text(junit(run, verdict))
    (directory / REPORT).write_text(page(run, verdict))


def _experiment(run: Run) -> dict[str, Any] | None:
    """The story as an experiment, with what of it can be one. None if its text is not a scenario by itself (its
    manifests may be elsewhere)."""
    from cluster.scenario import chaostoolkit, files

    try:
        return chaostoolkit.experiment(files.parse(run.scenario, run.meta.scenario), without=[])
    except UsageError:
        return None
