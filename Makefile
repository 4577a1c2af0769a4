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

# What runs the engine by itself takes the toolchain's, where no recent one is on the PATH.
WITH_ENGINE = tools=$$($(TOOLS) pulumi); PATH="$$tools:$$PATH"
DELIVERY = $(BIN)/python -m delivery
COMMA := ,
NEEDS = test -n "$(1)" || { echo "error: $(2)" >&2; exit 2; }
# What is given goes to commands by the environment: a branch may be called what a shell would run.
GIVEN := ALLOW APPROVERS BASE FLOW FROM FROM_BACKEND NAME ORGANIZATION PIPELINE PR PROJECT RED REPOSITORY STACK TO TO_BACKEND TOUCHED
$(foreach name,$(GIVEN),$(eval export override $(name) := $$(value $(name))))

ALLOWED = $(if $(ALLOW),--allow "$$ALLOW")
BACKENDS = $(if $(FROM_BACKEND),--from-backend "$$FROM_BACKEND") $(if $(TO_BACKEND),--to-backend "$$TO_BACKEND")

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

# Compiling the packages takes as long as the rest of their installation, and seven in eight of the files are never imported.
$(INSTALLED): requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "error: no Python found; prefect-aks needs Python 3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "error: $$("$(PYTHON)" -V 2>/dev/null || echo "what is") at $(PYTHON) is not supported; prefect-aks runs on Python 3.11 (make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (about a minute, once) …"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements/dev.txt
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
	@$(call NEEDS,$(if $(STACK),given),which stack? make preview STACK=dev)
	@$(BIN)/python -m emulators preview --stack "$$STACK" $(if $(BASE),--base "$$BASE") $(ALLOWED)

.PHONY: preview-live
preview-live: venv ## preview a deployed stack with your own identity: STACK=dev [ALLOW="NAME …"] [RED=tell]
	@$(call NEEDS,$(if $(STACK),given),which stack? make preview-live STACK=dev)
	@$(WITH_ENGINE) $(DELIVERY) preview-live --stack "$$STACK" $(ALLOWED) $(if $(RED),--red "$$RED")

.PHONY: deploy
deploy: venv ## preview a stack, and update it when nothing is red: STACK=dev [ALLOW="NAME …"]
	@$(call NEEDS,$(if $(STACK),given),which stack? make deploy STACK=dev)
	@$(WITH_ENGINE) $(DELIVERY) deploy --stack "$$STACK" $(ALLOWED)

.PHONY: drift
drift: venv ## compare a deployed stack with what is really there: STACK=dev
	@$(call NEEDS,$(if $(STACK),given),which stack? make drift STACK=dev)
	@$(WITH_ENGINE) $(DELIVERY) drift --stack "$$STACK"

.PHONY: changes
changes: venv ## what a change will build, register and upgrade: BASE=REVISION [STACK=dev] [JSON=1]
	@$(call NEEDS,$(if $(BASE),given),compared with which revision? make changes BASE=main)
	@$(DELIVERY) changes --base "$$BASE" $(if $(STACK),--stack "$$STACK") $(if $(JSON),--json) $(if $(PIPELINE),--pipeline)

.PHONY: comment
comment: venv ## put the previews' summaries on the pull request of the running pipeline: [TOUCHED=dev,stage|none]
	@$(DELIVERY) comment $(if $(TOUCHED),--touched "$$TOUCHED")

.PHONY: diff
diff: venv ## how two deployed stacks differ in image and flows: FROM=stage TO=prod [JSON=1] [FROM_BACKEND=URL TO_BACKEND=URL]
	@$(call NEEDS,$(and $(FROM),$(TO),given),which two stacks? make diff FROM=stage TO=prod)
	@$(WITH_ENGINE) $(DELIVERY) diff --from "$$FROM" --to "$$TO" $(BACKENDS) $(if $(JSON),--json)

.PHONY: promote
promote: venv ## have one stack run another's flow image, by a commit: FROM=stage TO=prod
	@$(call NEEDS,$(and $(FROM),$(TO),given),from which stack to which? make promote FROM=stage TO=prod)
	@$(WITH_ENGINE) $(DELIVERY) promote --from "$$FROM" --to "$$TO" $(BACKENDS) $(if $(DRY_RUN),--dry-run)

.PHONY: pr-project
pr-project: venv ## try a pull request's flows in a project of their own: PR=123|this [STACK=dev] [BASE=REVISION] [FLOW=NAME] [CLOSE=1], or PR=ended CLOSE=1
	@$(call NEEDS,$(if $(PR),given),which pull request? make pr-project PR=123)
	@$(WITH_ENGINE) $(DELIVERY) pr-project "$$PR" $(if $(STACK),--stack "$$STACK") $(if $(BASE),--base "$$BASE") \
		$(if $(FLOW),--flow "$$FLOW") $(if $(CLOSE),--close)

.PHONY: pipeline-setup
pipeline-setup: venv ## make what Azure DevOps holds of the pipeline: ORGANIZATION= PROJECT= PIPELINE= [REPOSITORY=] [APPROVERS="ID …"] [DRY_RUN=1]
	@$(call NEEDS,$(and $(ORGANIZATION),$(PROJECT),$(PIPELINE),given),where? make pipeline-setup ORGANIZATION=acme PROJECT=data REPOSITORY=flows PIPELINE=flows)
	@$(DELIVERY) pipeline-setup --organization "$$ORGANIZATION" --project "$$PROJECT" --pipeline "$$PIPELINE" \
		$(if $(REPOSITORY),--repository "$$REPOSITORY") $(if $(APPROVERS),$$(printf -- "--approver %q " $$APPROVERS)) $(if $(DRY_RUN),--dry-run)

.PHONY: environment
environment: venv ## make a new environment's stack file: NAME=qa FROM=dev
	@$(call NEEDS,$(and $(NAME),$(FROM),given),which environment$(COMMA) made from which? make environment NAME=qa FROM=dev)
	@$(BIN)/python -m infra.environment "$$NAME" --from "$$FROM"

.PHONY: lint
lint: venv ## formatter, linter, types, import law, YAML, the Dockerfile, the pipeline, the chart's judges
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/yamllint --strict .
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.azure-pipelines --data-transform azure-pipelines --regex-variant nonunicode azure-pipelines.yml
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
	@for tool in checkov gitleaks trivy; do $(TOOLS) $$tool >/dev/null; done
	@$(BIN)/python -m pytest -p tests.audit -m audit -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: bench
bench: venv ## time registering flows beside Prefect's own command, to the screen and build/bench.json
	@$(BIN)/python -m tests.bench

.PHONY: lock
lock: ## renew requirements/ from pyproject.toml, and the npm lock (needs uv and npm)
	@for group in dev flows infra; do \
		uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
			--group $$group $$(test $$group = dev || echo "--constraint requirements/dev.txt") -o requirements/$$group.txt; \
	done
	@npm install --prefix toolchain/azurite --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@echo 'checkov==3.3.*' | uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
		- -o requirements/checkov.txt
