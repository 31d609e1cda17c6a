# `make run` and `make test` need Python 3.11 or newer and make, nothing else.
# Everything they install goes to .venv; data goes to .pointmark (POINTMARK_HOME).

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint format types migrations client check lock clean

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)
PY := .venv/bin/python
# Arguments for pytest, e.g. make test TESTS="tests/api -x"
TESTS ?= -n 2

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: ## Make .venv with the locked packages (seconds when nothing changed)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) tools/install.py

install-dev: ## The same, and what tests and checks need
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) tools/install.py --dev

run: install ## Start everything: database, service, samples; Ctrl-C stops it all
	@exec $(PY) -m service up --stop-with-parent

test: install-dev ## Run every test on a real Postgres
	@$(PY) -m pytest $(TESTS)

lint: install-dev ## Check style and formatting
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: install-dev ## Put the code into shape
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: install-dev ## Check types, strictly
	@$(PY) -m mypy

migrations: install-dev ## Check that migrations and models agree
	@$(PY) -m service migrate --check

client: install-dev ## Write the generated part of clients/python anew
	@$(PY) tools/generate_client.py

check: lint types migrations test ## Everything that CI checks

lock: ## Write the lock files anew, with the newest versions
	@sh tools/lock.sh

clean: ## Remove the environment and caches, not the data
	rm -rf .venv .venv.lock .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
