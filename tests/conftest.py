"""Options and fixtures of every test: how many seeds, and whether golden files are rewritten.

Must not hold anything that only one folder needs.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# How fast a loaded machine draws examples decides no test.
settings.register_profile("capstan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("capstan")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=10, help="how many seeds randomized tests run")
    parser.addoption("--rewrite", action="store_true", help="write what came out into the golden files")


def pytest_configure(config: pytest.Config) -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and so would the commands that are tried here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `seed` runs once for each, from 0: a failing one has its number in its name."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(int(metafunc.config.getoption("--seeds"))))


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite"))
