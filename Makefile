# One command each; `make help` lists them.
PYTHON ?= python3
RUN := .venv/bin
INSTALLED := .venv/.installed
# Each worker of `make test` has servers of its own, which two cores have little room for; those of `make unit` have none.
WORKERS ?= 0
AT_ONCE := --no-loadscope-reorder --numprocesses

.PHONY: help demo test unit coverage test-faults soak lint format ui down clean install
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(INSTALLED) ## the environment alone, in .venv

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is %s. Next: make PYTHON=python3.11 ..." % sys.version.split()[0])'
	@echo "Installing the environment into .venv: once, about a minute."
	@$(PYTHON) -m venv .venv
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[stack,dev]'
	@touch $@

demo: $(INSTALLED) ## set up, start everything, load (CSV=path, else the sample), stream, sell, sum up
	@$(RUN)/retail-pipeline demo $(if $(CSV),'$(CSV)')

test: $(INSTALLED) ## every test but the faults', on servers of its own
	@$(RUN)/python -m pytest $(AT_ONCE) $(WORKERS) $(PYTEST_ARGS)

unit: $(INSTALLED) ## the tests that need no server: the loop while you work
	@$(RUN)/python -m pytest $(AT_ONCE) 2 retail_pipeline_tests/unit $(PYTEST_ARGS)

coverage: $(INSTALLED) ## every test, with the lines of the package that ran
	@$(RUN)/python -m pytest $(AT_ONCE) $(WORKERS) --cov $(PYTEST_ARGS)

test-faults: $(INSTALLED) ## inject every fault, with healing and without; writes docs/faults.md, most of an hour
	@$(RUN)/python -m pytest -m 'not soak' retail_pipeline_tests/faults $(PYTEST_ARGS)

soak: $(INSTALLED) ## an hour of sales under random faults (SOAK_MINUTES=60); writes docs/soak.md
	@$(RUN)/python -m pytest -m soak -s retail_pipeline_tests/faults/test_soak.py $(PYTEST_ARGS)

lint: $(INSTALLED) ## formatter, linters, types, SQL
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/sqlfluff lint --disable-progress-bar -q sql

format: $(INSTALLED) ## let the tools correct what they can
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .
	@$(RUN)/sqlfluff fix --disable-progress-bar -q sql

ui: $(INSTALLED) ## the address of Dagster's web UI
	@$(RUN)/retail-pipeline ui

down: $(INSTALLED) ## stop the servers
	@$(RUN)/retail-pipeline down

clean: $(INSTALLED) ## stop the servers and remove their data
	@$(RUN)/retail-pipeline down --wipe
