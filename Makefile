# What there is to do; `make` alone lists it. Needs Python 3.11 or newer with pip, and make. Everything else is installed
# into .venv and node_modules by the targets themselves, pinned by requirements/*.lock and package-lock.json.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

LAB := $(VENV)/.lab-installed
DEV := $(VENV)/.dev-installed
CDK := node_modules/.package-lock.json

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-8s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(LAB) $(CDK) ## deploy the app into a local SES, send real mail through it, and show what was recorded
	@$(BIN)/ses-constructs lab demo .

.PHONY: lab
lab: $(LAB) $(CDK) ## start the local SES with the app deployed, until Ctrl-C
	@$(BIN)/ses-constructs lab up .

.PHONY: test
test: $(DEV) $(CDK) ## run the whole test suite
	@$(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: check
check: lint ## what to run after every change: format, lint, types, and the tests that need no lab
	@$(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile -m "not lab and not package"

.PHONY: soak
soak: $(DEV) $(CDK) ## ten thousand events through the lab, an outage in their midst; some minutes
	@$(BIN)/python -m pytest -q -s tests/soak/soak.py

.PHONY: fuzz
fuzz: $(DEV) ## feed mutated mail and reports to what reads them, for some minutes
	@$(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4 --hypothesis-profile fuzz tests/fuzz

.PHONY: lint
lint: $(DEV) ## format, lint and types only
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

.PHONY: format
format: $(DEV) ## format the code and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: build
build: $(DEV) ## build the wheel and the source distribution into dist/
	@$(BIN)/python -m hatchling build

.PHONY: lock
lock: $(DEV) ## bring the Python lock files up to date with pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra lab --extra doctor pyproject.toml requirements/build.in --output-file requirements/lab.lock $(UPGRADE)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra lab --extra doctor --group dev pyproject.toml requirements/build.in --constraint requirements/lab.lock \
		--output-file requirements/dev.lock $(UPGRADE)

.PHONY: clean
clean: ## remove everything that was installed or made
	rm -rf $(VENV) node_modules dist cdk.out .lab .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@echo "Setting up (once): Python packages into $(VENV), Node and the CDK CLI"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ses-constructs needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m venv $(VENV)

$(LAB): requirements/lab.lock pyproject.toml | $(BIN)/python
	@$(PIP_INSTALL) --require-hashes --requirement requirements/lab.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.lock $(LAB)
	@$(PIP_INSTALL) --require-hashes --requirement requirements/dev.lock
	@touch $@

$(CDK): package-lock.json $(LAB)
	@$(BIN)/npm ci --silent --no-audit --no-fund --no-update-notifier
	@touch $@
