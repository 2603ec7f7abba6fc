# Everything a fresh machine with Python 3.11+ and make needs. `make` alone lists the targets.

PYTHON ?= python3
VENV ?= .venv
OUT ?= results/demo
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK_OPTIONS := --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--quiet --custom-compile-command "make lock"

.DELETE_ON_ERROR:
.PHONY: help demo docs validate benchmark test test-cluster test-documentation test-slow test-all lint format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.run ## Monte Carlo, TG-43 and their comparison on the built-in neck case
	$(BIN)/seedmc demo --out $(OUT)

docs: $(VENV)/.dev ## the documentation as a site, notebooks run: docs/_build/html/index.html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

validate: $(VENV)/.run ## every oracle, seed and published comparison again: docs/validation.md (20 min)
	$(BIN)/seedmc validate --mode full --out docs

# BENCHMARK_FLAGS=--quick takes two minutes and writes no page.
benchmark: $(VENV)/.run ## how fast, beside a yardstick: docs/performance.md (10 min on a quiet machine)
	$(BIN)/python -m benchmarks $(BENCHMARK_FLAGS)

test: $(VENV)/.dev ## the tests, without the slow ones
	$(BIN)/python -m pytest -m "not slow" --durations=10

test-cluster: $(VENV)/.dev ## the workflow on a Slurm cluster on this machine, with faults (3 min; needs Debian's Slurm)
	$(BIN)/python -m pytest tests/slurm

test-documentation: $(VENV)/.dev ## every command and example that pages and help texts show, beyond the quick ones of `test`
	$(BIN)/python -m pytest -m slow tests/docs/test_commands_shown.py tests/docs/test_python_shown.py

test-slow: $(VENV)/.dev ## the slow tests alone
	$(BIN)/python -m pytest -m slow --durations=10

test-all: $(VENV)/.dev ## every test
	$(BIN)/python -m pytest --durations=10

lint: $(VENV)/.dev ## style, types, import rules, workflow rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/snakefmt --check workflow
	$(BIN)/snakemake --lint

format: $(VENV)/.dev ## rewrite the sources in the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt workflow

# Pins that still fit are kept; `make lock LOCK_FLAGS=--upgrade` takes the newest of everything.
lock: $(VENV)/.created ## pin the dependencies of pyproject.toml again
	$(PIP) install "uv>=0.5"
	$(BIN)/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		> $(VENV)/build-requires.txt
	$(BIN)/uv pip compile $(LOCK_OPTIONS) $(LOCK_FLAGS) --no-annotate \
		--output-file requirements.lock pyproject.toml $(VENV)/build-requires.txt
	$(BIN)/uv pip compile $(LOCK_OPTIONS) $(LOCK_FLAGS) --no-annotate --extra dev \
		--constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml $(VENV)/build-requires.txt

clean: ## remove the environment and the caches (results stay)
	rm -rf .venv build dist seedmc.egg-info .snakemake .coverage docs/_build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find mcsim tg43 validation tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Stamps in it say what is installed, so that nothing is installed twice.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected Python 3.11 or newer." \
		"Install one and name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no ensurepip, expected a Python that can make virtual environments" \
		"(Debian keeps this in a package of its own). Run: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) and installing the locked packages (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/.created
	@$(PIP) install --require-hashes --use-pep517 --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.created
	@$(PIP) install --require-hashes --use-pep517 --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
