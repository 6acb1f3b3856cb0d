"""What others make of a run, into its folder: junit.xml, the Chaos Toolkit journal, report.html.

Must not know what is in them. Loaded when they are wanted: a page costs more than a run of the sim.
"""

from __future__ import annotations

from pathlib import Path

from cluster.history.finding import Verdict
from cluster.history.run import Run

JUNIT, TOOLKIT, REPORT = "junit.xml", "chaostoolkit.json", "report.html"


def write(run: Run, verdict: Verdict, directory: Path) -> None:
    """All of them."""
    from cluster.report.junit import junit
    from cluster.report.page import page

    (directory / JUNIT).write_text(junit(run, verdict))
    (directory / REPORT).write_text(page(run, verdict))
