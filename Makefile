# Every command that a person or a pipeline runs. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The interpreter that makes .venv; name another with `make PYTHON=/path/to/python3.11 …`.
PYTHON ?= $(firstword $(shell command -v python3.11 python3 python 2>/dev/null))
VENV := .venv
BIN := $(VENV)/bin
# A virtual environment knows its own path, so a checkout that was moved needs a new one.
INSTALLED := $(VENV)/.installed-$(firstword $(shell printf %s '$(CURDIR)' | cksum))

# The first time, this builds what the tests run, which is too long for the time limit of a test.
TOOLS := $(BIN)/python -m toolchain
ENGINE := $(TOOLS) pulumi >/dev/null
CLUSTER := for tool in kubernetes etcd helm pod-security kubeconform $$(command -v npm >/dev/null && echo azurite); do \
	$(TOOLS) $$tool >/dev/null; done

# Types are checked once for each version of a file, whatever checkout it is in.
export MYPY_CACHE_DIR ?= $(or $(PREFECT_AKS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prefect-aks)/mypy
# The tests start hundreds of processes, each of which would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

# What stops things installs nothing, and never renews the environment under what still runs.
STARTED := test -x $(BIN)/python || { echo "Nothing was started here."; exit 0; };

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

$(INSTALLED): requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "error: no Python found; prefect-aks needs Python 3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "error: $$("$(PYTHON)" -V 2>/dev/null || echo "what is") at $(PYTHON) is not supported; prefect-aks runs on Python 3.11 (make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (about a minute, once) …"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: venv
venv: $(INSTALLED) ## make or renew the virtual environment

.PHONY: up
up: venv ## the whole system on this machine: register the flows and run one
	@$(BIN)/python -m emulators up

.PHONY: down
down: ## stop what `make up` started
	@$(STARTED) $(BIN)/python -m emulators down

.PHONY: clean
clean: ## stop it and remove its state
	@$(STARTED) $(BIN)/python -m emulators clean

.PHONY: preview
preview: venv ## preview an environment without a credential: STACK=dev [BASE=REVISION] [ALLOW="NAME …"]
	@test -n "$(STACK)" || { echo "error: which stack? make preview STACK=dev" >&2; exit 2; }
	@$(BIN)/python -m emulators preview --stack "$(STACK)" $(if $(BASE),--base "$(BASE)") $(foreach name,$(ALLOW),--allow "$(name)")

.PHONY: environment
environment: venv ## make a new environment's stack file: NAME=qa FROM=dev
	@test -n "$(NAME)" -a -n "$(FROM)" || { echo "error: which environment, made from which? make environment NAME=qa FROM=dev" >&2; exit 2; }
	@$(BIN)/python -m infra.environment "$(NAME)" --from "$(FROM)"

.PHONY: lint
lint: venv ## formatter, linter, types, import law, YAML, the chart's judges
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/yamllint --strict .
	@$(BIN)/python -m charts judge

.PHONY: chart
chart: venv ## lint the Helm chart, and render it to build/charts/prefect-server/ for each values file
	@$(BIN)/python -m charts render

.PHONY: format
format: venv ## let the formatter and the linter mend what they can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: test
test: venv ## all the tests
	@$(ENGINE)
	@$(CLUSTER)
	@$(BIN)/python -m pytest -m "not audit" -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-unit
test-unit: venv ## the quick tests alone
	@$(BIN)/python -m pytest -m "not audit" tests/unit

.PHONY: audit
audit: venv ## what is too slow for every run; writes build/audit.json
	@$(ENGINE)
	@$(CLUSTER)
	@$(TOOLS) checkov >/dev/null
	@$(BIN)/python -m pytest -p tests.audit -m audit

.PHONY: lock
lock: ## renew requirements/ from pyproject.toml, and the npm lock (needs uv and npm)
	@for group in dev flows infra; do \
		uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
			--group $$group $$(test $$group = dev || echo "--constraint requirements/dev.txt") -o requirements/$$group.txt; \
	done
	@npm install --prefix toolchain/azurite --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@echo 'checkov==3.3.*' | uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
		- -o requirements/checkov.txt
