# The commands of this project; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait more than they compute, so there may be more processes than cores.
JOBS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo elastic chaos up test-fast test check check-infra audit lock format table bench-engine bench-system bench-peers bench-lists clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: ## Make .venv and install the locked requirements
	@$(PYTHON) infra/local/install.py requirements/local.txt

install-dev: ## The same with what tests and checks need
	@$(PYTHON) infra/local/install.py requirements/dev.txt

demo: install ## Run the whole system here and classify the sample pictures; Ctrl-C stops it
	@$(BIN)/python -m infra.local up --samples

elastic: install ## Run the elastic loop here: bursts of pictures, and workers that come and go with them
	@$(BIN)/python -m infra.elastic run

chaos: install ## Let everything that can fail fail at random under uploads, and count what is lost
	@$(BIN)/python -m infra.local.chaos

up: install ## Run the whole system here; Ctrl-C stops it
	@$(BIN)/python -m infra.local up

test-fast: install-dev ## Run the tests that need no PyTorch, no processes of the system and no browser
	@$(PYTEST) --ignore=tests/infra --ignore=tests/promises --ignore=tests/system --ignore=tests/workers

test: install-dev ## Run all tests but the infrastructure's; those in which databases differ on PostgreSQL, too
	@$(PYTEST) --ignore=tests/infra
	@$(BIN)/python -m tests.postgresql $(PYTEST) -q -m postgresql

check: install-dev ## Lint, types, allowed imports, CI's workflow
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m infra.local run $(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/jactionlint --strict-exit
	@$(BIN)/python -m infra.local run $(BIN)/python manage.py makemigrations --check --dry-run

check-infra: install-dev ## Prove the infrastructure without an account: Terraform, policies, images; says what is missing
	@$(PYTHON) infra/local/install.py requirements/infra.txt .local/infra
	@$(PYTEST) tests/infra --durations=15

audit: install-dev ## Ask PyPI's advisories about what is locked; needs the internet
	@for lock in dev torch infra; do \
	  $(BIN)/pip-audit --disable-pip --progress-spinner off -r requirements/$$lock.txt || exit 1; \
	done

lock: ## Lock requirements/*.in again; ARGS=--upgrade takes newer versions; needs uv and the internet
	@$(PYTHON) -m infra.local.lock $(ARGS)

format: install-dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

table: ## Write the table of variables into docs/configuration.md
	@$(BIN)/python -m infra.local.configuration_page

bench-engine: install-dev ## Measure engines: the bare forward pass against bytes-to-top-5; PHOTOS chooses photographs
	@$(BIN)/python -m benchmarks.engine

bench-system: install-dev ## Measure the whole system: speed, CPU time, AWS requests, price; MODEL, PHOTOS and ARGS choose
	@$(BIN)/python -m benchmarks.system $(ARGS)

bench-peers: install-dev ## Compare with LitServe, Ray Serve and BentoML, installed below .local/peers; ARGS=--help
	@$(BIN)/python -m benchmarks.peers $(ARGS)

bench-lists: install-dev ## Measure the pages that list rows with 3,000,000 of them; needs PostgreSQL and 5 GB of disk
	@$(BIN)/python -m infra.local run $(BIN)/python -m infra.local.static_files
	@$(BIN)/python -m infra.local run $(BIN)/python -m tests.postgresql $(BIN)/python -m benchmarks.lists

clean: ## Delete the state of local runs, and the environment
	rm -rf .local staticfiles $(VENV)
