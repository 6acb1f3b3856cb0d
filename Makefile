# make tour: the main job. make test: all tests. make coverage: of the raft core. make check: what must hold before a commit.
# Everything is installed into .venv and nowhere else; needs Python >= 3.11 and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 200

.PHONY: tour test check coverage sim proc bench bytecode clean

tour: $(VENV)/.installed bytecode
	$(BIN)/python launch.py tour

test: $(VENV)/.installed check coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 --durations 20 -m "not proc" tests
	$(BIN)/python -m pytest --durations 20 -m proc tests

# The raft core's own tests run every line and branch of it; what they no longer do is named.
coverage: $(VENV)/.installed
	$(BIN)/python -m pytest -q --cov store.raft --cov-branch --cov-fail-under 100 --cov-report term-missing:skip-covered tests/store/raft

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

sim: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --seeds $(SEEDS) tests/sim tests/scenarios

proc: $(VENV)/.installed
	$(BIN)/python -m pytest -m proc tests

bench: $(VENV)/.installed bytecode
	$(BIN)/python launch.py bench all

# Byte code once, also where PYTHONDONTWRITEBYTECODE is set: 125 modules compiled anew cost each start 0.4 s.
bytecode: $(VENV)/.installed
	@$(BIN)/python -m compileall -q launch.py bench cluster nodes store

# raftos names exact versions of 2016 that would overwrite msgpack, so it comes without them; its setup script needs
# a setuptools that still has pkg_resources (docs/decisions.md).
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "setuptools<81" wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps "raftos==0.2.6"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
