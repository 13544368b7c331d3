# Everything that needs the project's own environment goes through .venv, which is built from
# requirements.lock when it is missing or older than the lock.

SHELL := /bin/bash

# The first Python that the lock is made for; `make PYTHON=/path/to/python run` names another.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(name)")' 2>/dev/null)))
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
# Its own place outside any virtual environment: .venv cannot be rebuilt by the Python inside it.
BASE_PYTHON := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print(sys._base_executable)'))
ENVIRONMENT := .venv/python-$(VERSION)

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run plots page test lint bench environment lock

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: page ## rebuild whatever is out of date, then show the metrics
	@python -m stages.parameters
	@dvc repro --keep-going; status=$$?; \
	echo; dvc metrics show; echo; \
	echo "Read: report.html    Pictures: plots/    Metrics: metrics/    Models: models/"; \
	echo "Next: change a number in params.yaml, then: make run, dvc metrics diff, dvc plots diff"; \
	echo "      (dvc is in .venv/bin; to type it as it stands here: source .venv/bin/activate)"; \
	exit $$status

plots: page ## write the page with all charts, dvc_plots/index.html, which needs no network
	@dvc plots show

# The page that `dvc plots show` and `dvc plots diff` fill, with Vega inside it; without it DVC's own.
page: .dvc/plots_page.html
	@dvc config --local plots.html_template plots_page.html

.dvc/plots_page.html: $(ENVIRONMENT) stages/plots_page.py stages/plots_page.html.jinja handwriting/pages.py
	@python -m stages.plots_page

test: $(ENVIRONMENT) ## run every test, the whole pipeline on the real data among them
	@python -m pytest

lint: $(ENVIRONMENT) ## check style and types
	@ruff check
	@ruff format --check
	@mypy

bench: $(ENVIRONMENT) ## measure the support vector classifier (a quarter of an hour) into benchmarks/svc.md
	@python -m benchmarks.svc

environment: $(ENVIRONMENT) ## build .venv from requirements.lock

lock: $(ENVIRONMENT) ## write requirements.lock anew from pyproject.toml, with today's versions
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --upgrade \
		--generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

$(ENVIRONMENT): requirements.lock
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; name one: make PYTHON=/path/to/python run" >&2; exit 1; }
	@case "$(VERSION)" in 3.11|3.12|3.13) ;; *) echo "error: $(PYTHON) is Python $(VERSION); must be 3.11, 3.12 or 3.13" >&2; exit 1;; esac
	@echo "Building .venv for Python $(VERSION) from requirements.lock (a minute or two)"
	@"$(BASE_PYTHON)" -m venv --clear .venv
	@python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
