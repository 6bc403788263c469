# `make run` starts the app, `make test` checks everything; both install what they need the first time.
.DEFAULT_GOAL := help
.PHONY: help run test test-install test-trainers check clean

PY := .venv/bin/python

# What another active Python environment left in the shell stays out of ours.
unexport PYTHONPATH PYTHONHOME

help:
	@echo "make run           start the app in the browser (Ctrl-C stops it)"
	@echo "make test          style, types and the whole test suite; ARGS=... goes to pytest"
	@echo "make test-install  the library alone in a new environment, as pip installs it"
	@echo "make test-trainers read exports of every format with the trainers' own libraries"
	@echo "make check         style and types alone"
	@echo "make clean         remove .venv, .venv-trainers and caches; workspaces are kept"

run:
	@sh scripts/setup.sh app
	@$(PY) -m dataflow_core app

test: check
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-install:
	@sh scripts/setup.sh dev
	@sh scripts/test_install.sh

test-trainers:
	@sh scripts/setup.sh dev
	@sh scripts/test_trainers.sh

check:
	@sh scripts/setup.sh dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

clean:
	@rm -rf .venv .venv-trainers .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
