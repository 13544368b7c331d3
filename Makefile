# All targets use the environment .venv, which is built from requirements.lock if it is missing or older
# than the lock.

SHELL := /bin/bash

# The first supported Python; `make PYTHON=/path/to/python run` selects another.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(name)")' 2>/dev/null)))
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
# The interpreter outside any virtual environment, because .venv cannot be rebuilt from inside.
BASE_PYTHON := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print(sys._base_executable)'))
ENVIRONMENT := .venv/python-$(VERSION)

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run plots diff page check test test-faults test-faults-rest lint format bench environment lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

run: page ## build everything that is out of date, then show the metrics
	@python -m tools.run

plots: page ## write all charts to dvc_plots/index.html, which needs no network
	@dvc plots show

diff: page ## compare metrics and charts with the last commit; writes dvc_plots/diff/index.html
	@dvc metrics diff
	@dvc plots diff --out dvc_plots/diff

# The HTML template of `dvc plots show` and `dvc plots diff`. It contains Vega; DVC's default template
# loads Vega from the network. The configuration is written only once, because DVC would lose it on a
# full disk.
page: .dvc/plots_page.html
	@test "$$(dvc config --local plots.html_template 2>/dev/null)" = plots_page.html || \
		dvc config --local plots.html_template plots_page.html

.dvc/plots_page.html: $(ENVIRONMENT) tools/plots_page.py stages/templates/plots_page.html.jinja $(wildcard handwriting/pages/*.py)
	@python -m tools.plots_page

check: lint ## check style and types and run the unit tests; the fast check
	@python -m pytest tests/unit

test: $(ENVIRONMENT) ## run all tests, including the whole pipeline on the real data
	@python -m pytest --numprocesses 2

test-faults: $(ENVIRONMENT) ## inject faults into all stages and fuzz the readers; writes tests/faults/README.md; installs the wheel
	@WRITE_FAULTS=all python -m pytest --numprocesses 2 -m "thorough or not thorough" tests/faults
	@python -m pytest -m thorough tests/unit

test-faults-rest: $(ENVIRONMENT) ## run only the tests that have not passed since the last `make test-faults`
	@WRITE_FAULTS=rest python -m pytest --numprocesses 2 -m "thorough or not thorough" tests/faults

lint: $(ENVIRONMENT) ## check style and types
	@ruff check
	@ruff format --check
	@mypy

format: $(ENVIRONMENT) ## format the code
	@ruff check --fix
	@ruff format

bench: $(ENVIRONMENT) ## benchmark the support vector classifier; writes benchmarks/svc.md (15 minutes)
	@python -m benchmarks.svc

environment: $(ENVIRONMENT) ## build .venv from requirements.lock

lock: $(ENVIRONMENT) ## update requirements.lock from pyproject.toml to the latest versions
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --upgrade \
		--generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

$(ENVIRONMENT): requirements.lock
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; select one: make PYTHON=/path/to/python run" >&2; exit 1; }
	@case "$(VERSION)" in 3.11|3.12|3.13) ;; *) echo "error: $(PYTHON) is Python $(VERSION); must be 3.11, 3.12 or 3.13" >&2; exit 1;; esac
	@echo "Building .venv for Python $(VERSION) from requirements.lock (a minute or two)"
	@"$(BASE_PYTHON)" -m venv --clear .venv
	@python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
