"""The suites. With CAPSTAN_COMPILED=1 they see the compiled build in the place of the sources."""

from cluster.cli.compiled import enter

if why := enter():
    raise RuntimeError(why)
