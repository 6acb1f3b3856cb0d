"""Options and fixtures of every test: how many seeds, and whether golden files are rewritten.

Must not hold anything that only one folder needs.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=10, help="how many seeds randomized tests run")
    parser.addoption("--rewrite", action="store_true", help="write what came out into the golden files")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """The seeds to run, from 0."""
    return range(int(request.config.getoption("--seeds")))


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite"))
