# Every task of this repository. `make` alone lists them; each one sets up what it needs.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
# The newest supported Python found, unless PYTHON= names another; then .venv is made with that.
PYTHON ?= $(or $(shell sh tools/pythons.sh | sed -n 1p),$(error no usable Python))
ASKED := $(if $(findstring file,$(origin PYTHON)),,--exactly)
BIN := .venv/bin
ARGS ?=

.PHONY: help setup setup-run proto format lint types imports wire manifests docs lock \
	test unit integration e2e faults check run demo bench bench-profile migrate

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

setup: ## make .venv with everything that tests and checks need
	@$(PYTHON) tools/setup.py --for tests $(ASKED) >/dev/null

setup-run: ## make .venv with only what running needs
	@$(PYTHON) tools/setup.py --for run $(ASKED) >/dev/null

run: setup-run ## start the whole hub, play the demo, keep serving until Ctrl-C
	@$(BIN)/songtor up --demo $(ARGS)

demo: setup-run ## start the whole hub, play the demo, stop; the exit status says whether all ended well
	@$(BIN)/songtor demo $(ARGS)

test: ## run all tests on every supported Python found here
	@sh tools/test.sh $(ARGS)

unit: setup ## tests without a server
	@$(BIN)/python -m pytest tests/unit $(ARGS)

integration: setup ## tests of one room with real PostgreSQL and NATS
	@$(BIN)/python -m pytest tests/integration $(ARGS)

e2e: setup ## tests of the whole hub, every service a process
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

check: setup lint types imports wire manifests ## all that CI checks besides the tests
	@$(BIN)/python -m tools.docs --check

proto: setup ## generate gen/ from proto/
	@$(BIN)/python -m tools.proto

format: setup ## put the code into its one form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

lint: setup ## ruff's rules and form
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## mypy --strict
	@$(BIN)/mypy

imports: setup ## the rules about who may import whom
	@$(BIN)/lint-imports --no-cache

wire: setup ## the contracts: buf lint, buf breaking, generated code up to date
	@$(BIN)/python -m tools.proto_lint
	@$(BIN)/python -m tools.proto --check

manifests: setup ## render deploy/k8s and validate every object
	@$(BIN)/python -m tools.manifests

docs: setup ## write the generated pages, and check that links and tasks are there
	@$(BIN)/python -m tools.docs

lock: setup ## pin requirements/*.in anew, with hashes and without an index address (ARGS=--upgrade)
	@for set in setup main local dev; do $(BIN)/uv pip compile --quiet --no-header --generate-hashes --universal \
		--python-version 3.11 --no-emit-index-url $(ARGS) requirements/$$set.in -o requirements/$$set.txt; done

migrate: setup-run ## bring the database at SONGTOR_DATABASE_URL and NATS to this version
	@$(BIN)/songtor migrate $(ARGS)

bench: setup-run ## measure against the floors; one JSON line each
	@$(BIN)/python -m bench $(ARGS)

bench-profile: setup-run ## show where the time goes
	@$(BIN)/python -m bench --profile $(ARGS)
