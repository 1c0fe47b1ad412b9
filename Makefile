# One door. `make demo` and `make test` set up everything they need; the second run starts at once.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready
OURS := vfx_finder models pipelines dicom_listener tests docs
TEMPLATES := vfx_finder
# The first Python that starts and is new enough; 3.11 first, because its wheels are the ones most tested.
FIND_PYTHON = for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && exit; done; \
	echo 'vfx_finder needs Python 3.11 or 3.12.' >&2; exit 1
WORKERS ?= 2
export PIP_RETRIES ?= 10

.PHONY: help demo test check fix states dependencies peers clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

$(READY): pyproject.toml .ci/constraints.txt
	@echo 'Setting up .venv, once; this takes some minutes.'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { python=$$($(FIND_PYTHON)); $$python -m venv --clear .venv; }
	@# torch first and by its exact number, so that the small CPU build is taken where one is offered.
	@$(BIN)/python -m pip install --quiet -c .ci/constraints.txt torch
	@$(BIN)/python -m pip install --quiet -c .ci/constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## start everything on this machine, send six synthetic patients, print the address
	@$(BIN)/vfx-finder demo

test: $(READY) peers ## the whole test suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope

check: $(READY) ## format, lint, types, imports, templates, generated pages, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint --lint --quiet $(TEMPLATES)
	$(BIN)/python docs/generate.py --check
	@# The warning it silences says that no database answers: none is needed to compare models with migrations.
	VFX_SECRET_KEY=unused $(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run \
		--settings vfx_finder.settings

fix: $(READY) ## let the tools repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/generate.py

peers: ## Debian programs that tests talk to (installed when root, named when missing)
	@.ci/peers

clean: ## remove what the tools left behind (never data)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
