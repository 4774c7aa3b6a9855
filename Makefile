# Everything a contributor or a newcomer runs; `make` alone lists it.
#   make demo PYTHON=python3.12    another interpreter
#   make test PYTEST_ARGS="-k kl"  some of the tests

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.10.1
CYCLONEDX_VERSION := 7.5.0
BUILD_VERSION := 1.6.1
TWINE_VERSION := 7.0.0

PY := $(VENV)/bin/python
# In CI the log is read later: no progress bars.
PIP_INSTALL := $(PY) -m pip install --no-input --disable-pip-version-check $(if $(CI),--quiet)

export KERAS_BACKEND := tensorflow
export TF_CPP_MIN_LOG_LEVEL ?= 2

# Data sets that TFDS has prepared next to the checkout are found without being asked for.
ifndef TFDS_DATA_DIR
ifneq ($(wildcard ../shared/data/tensorflow_datasets),)
export TFDS_DATA_DIR := $(abspath ../shared/data/tensorflow_datasets)
endif
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-bundle demo-figures demo-draws pictures docs tutorials test test-slow lint \
    wheel dist web-deps requirements sbom audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# --- what people run ---------------------------------------------------------------------------

DEMO := --dataset digits --num-labeled 50 --model m1+m2

demo: $(VENV)/.train.stamp ## train M1+M2 on digits with 50 labels, export it, draw pictures
	$(PY) -m train fit $(DEMO) --seed 0 --run-dir runs/demo --overwrite
	@$(MAKE) --no-print-directory -j 2 demo-bundle demo-figures
	@echo 'to look at: runs/demo/figures/index.html, and runs/demo-bundle/report.md'

# Of the run of `demo`, both at once: the pictures are there well before the bundle times its files.
demo-bundle: $(VENV)/.train.stamp
	$(PY) -m export bundle runs/demo --output runs/demo-bundle
demo-figures: $(VENV)/.train.stamp
	$(PY) -m train figures runs/demo

demo-draws: $(VENV)/.train.stamp ## the same over 5 draws of the labels, with the mean errors
	$(PY) -m train draws $(DEMO) --seeds 0 1 2 3 4 --run-dir runs/demo-draws --overwrite

# NAME|what `python -m train fit` is told, for the pictures in docs/figures/NAME.
PICTURES := \
    'mnist|--dataset mnist --recipe mnist --num-labeled 100' \
    'styles|--dataset mnist --recipe mnist --model m2 --m2.latent-dim 2 --m2.hidden-units 500 --m2.epochs 14' \
    'completion|--dataset mnist --recipe mnist --model conditional --m1.hidden-units 400 400 --m1.epochs 20' \
    'frey|--dataset frey_face --model m1'

pictures: $(VENV)/.train.stamp ## train the models of docs/figures, and draw them
	set -e; for run in $(PICTURES); do \
	    name=$${run%%|*}; \
	    $(PY) -m train fit $${run#*|} --no-baselines --run-dir "runs/pictures/$$name" --resume; \
	    $(PY) -m train figures "runs/pictures/$$name" --output "docs/figures/$$name" --dpi 80; \
	done

SITE := docs/_build/html
SPHINX := PYTHONPATH=$(CURDIR) $(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html docs $(SITE)

docs: $(VENV)/.docs.stamp ## the site, into docs/_build/html; broken links fail
	$(SPHINX)
	$(PY) docs/check_site.py $(SITE)

tutorials: $(VENV)/.docs.stamp ## the same, with the tutorials run where they have changed
	PATH='$(abspath $(VENV)/bin)':"$$PATH" KERAS_DGM_TUTORIALS=cache $(SPHINX)
	$(PY) docs/check_site.py $(SITE)

# In two processes, for much of a test is one thread; a file, and its fixtures, in one of them.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)
# What most tests wait for is XLA's compiler, which need not try hard for a few steps.
QUICK_XLA := --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true

test: lint ## ruff, mypy and the tests
	XLA_FLAGS='$(QUICK_XLA)' $(PYTEST)

# pytest's exit status 5 says that it selected no test.
test-slow: $(VENV)/.test.stamp ## the tests marked slow
	@echo '$(PYTEST) -m slow'; \
	$(PYTEST) -m slow; status=$$?; \
	if [ $$status -eq 5 ]; then echo 'no test is marked slow'; exit 0; fi; exit $$status

lint: $(VENV)/.test.stamp ## ruff (rules and format) and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

wheel: $(VENV)/.train.stamp ## build the wheel into dist/
	rm -rf build dist
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	rm -rf build keras_dgm.egg-info
	@ls dist/*.whl

DIST := $(VENV)-dist/bin

dist: | $(DIST)/twine ## build sdist and wheel into dist/, as a release has them, and check them
	rm -rf build dist
	$(DIST)/python -m build --quiet .
	rm -rf build keras_dgm.egg-info
	$(DIST)/twine check --strict dist/*.tar.gz dist/*.whl

$(DIST)/twine: | $(VENV)/.venv.stamp
	'$(PYTHON)' -m venv '$(VENV)-dist'
	$(DIST)/python -m pip install --quiet --disable-pip-version-check \
	    build==$(BUILD_VERSION) twine==$(TWINE_VERSION)

web-deps: export/web/node_modules/.package-lock.json ## LiteRT.js for the page of the export, with npm

export/web/node_modules/.package-lock.json: export/web/package-lock.json
	npm ci --prefix export/web --no-audit --no-fund
	@touch $@

clean: ## remove what was built and cached; .venv and runs/ stay
	rm -rf build dist docs/_build docs/api/generated docs/guide/graphs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path './.*' -prune -o -type d -name __pycache__ -exec rm -rf {} +

# --- environments: one set-up, repeated when the pins change -------------------------------------

$(VENV)/.venv.stamp:
	@command -v '$(PYTHON)' >/dev/null || \
	    { echo 'error: $(PYTHON) not found: install Python 3.11 to 3.13, or name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	    { echo "error: Python 3.11 to 3.13 is needed, $(PYTHON) is $$('$(PYTHON)' -V 2>&1); name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo 'error: $(PYTHON) has no venv module; on Debian or Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	'$(PYTHON)' -m venv '$(VENV)'
	@touch $@

$(VENV)/.train.stamp: requirements.txt $(VENV)/.venv.stamp
	$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

# The pins of requirements-test.txt contain those of requirements.txt.
$(VENV)/.test.stamp: requirements-test.txt $(VENV)/.venv.stamp
	$(PIP_INSTALL) --require-hashes -r requirements-test.txt
	@touch $(VENV)/.train.stamp $@

$(VENV)/.docs.stamp: requirements-docs.txt $(VENV)/.venv.stamp
	$(PIP_INSTALL) --require-hashes -r requirements-docs.txt
	@touch $(VENV)/.train.stamp $@

# --- pins ----------------------------------------------------------------------------------------

UV := $(VENV)-lock/bin/uv
UV_COMPILE = $(UV) pip compile setup.py --quiet --universal --python-version 3.11 \
    --fork-strategy fewest --generate-hashes --no-annotate --custom-compile-command 'make requirements'

# Pins that still satisfy setup.py are kept; UPGRADE=1 takes the newest versions.
requirements: | $(UV) ## derive requirements*.txt from setup.py (UPGRADE=1: newest versions)
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra train --extra export -o requirements.txt
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra test -c requirements.txt -o requirements-test.txt
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra docs -c requirements-test.txt -o requirements-docs.txt

$(UV): $(VENV)/.venv.stamp
	'$(PYTHON)' -m venv '$(VENV)-lock'
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# --- what is in it -------------------------------------------------------------------------------

AUDIT := $(VENV)-audit/bin

sbom: | $(AUDIT)/pip-audit ## write the software bill of materials of requirements.txt into dist/
	@mkdir -p dist
	$(AUDIT)/cyclonedx-py requirements requirements.txt --output-reproducible -o dist/sbom.json
	@ls dist/sbom.json

audit: | $(AUDIT)/pip-audit ## look the pins up among known vulnerabilities
	$(AUDIT)/pip-audit --strict --require-hashes --disable-pip -r requirements-test.txt

$(AUDIT)/pip-audit: | $(VENV)/.venv.stamp
	'$(PYTHON)' -m venv '$(VENV)-audit'
	$(AUDIT)/python -m pip install --quiet --disable-pip-version-check \
	    pip-audit==$(PIP_AUDIT_VERSION) cyclonedx-bom==$(CYCLONEDX_VERSION)
