# Every target works alone on a fresh clone: it first makes .venv and installs what is locked.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check lint lock docs clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(STAMP)  ## Make .venv and install what is locked

$(STAMP): requirements/lock.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	    || { echo "Brickbench needs Python 3.11 (Blender's wheel is built for it); set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m core.system
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)  ## Go the whole way, small: piles, training, explanations, report
	$(BIN)/brickbench demo

# One thread a test, and a worker a core. A worker that has done its half takes from the other's; but a file of slow
# tests stays with one worker, so that its Ray cluster is started once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=logical

test: $(STAMP)  ## Run the quick tests, in some six minutes on two cores
	$(PYTEST) --dist=worksteal -m "not slow"

test-slow: $(STAMP)  ## Run the other tests: faults on Ray, kills, simulated statistics, the demo
	$(PYTEST) --dist=loadfile -m slow

check: lint test  ## Run lint and the quick tests; CI runs test-slow besides

lint: $(STAMP)  ## Check style, format, types, import contracts and the reference page
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/write_commands.py --check

docs: $(STAMP)  ## Write the reference page of all commands anew
	$(BIN)/python docs/write_commands.py

lock: $(STAMP)  ## Lock the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --upgrade --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --output-file requirements/lock.txt --quiet

clean:  ## Remove .venv and caches; datasets and reports stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
