# The commands of the house; `make` alone lists them. Needs Python >= 3.11, make and git, and nothing else.
# Every step that installs leaves a stamp in the virtual environment, so nothing is installed twice.

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
BIN    := $(VENV)/bin
PEERS  := $(VENV)-peers
LARGE  := $(VENV)-integrations
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PARTS  := pyproject.toml constraints.txt

# Exact versions for everything, the build backend included: a fresh install is the same next year.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help tune test lint docs bench bench-page bench-peers bench-regret browser soak integrations lock lock-integrations clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

tune: $(VENV)/.stamp-tune  ## tune a real model on real data; run it again and it resumes
	@$(BIN)/python examples/digits.py

test: lint docs $(VENV)/.stamp-test $(VENV)/.stamp-debian  ## lint, documentation and every test: what CI runs
	$(BIN)/python -m compileall -q src  # hundreds of processes start; where PYTHONDONTWRITEBYTECODE is set, each would do it
	$(BIN)/python -m pytest -n $(JOBS) --durations=40 --durations-min=5 -m "not soak and not browser and not integrations"

lint: $(VENV)/.stamp-lint  ## style, types and floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.stamp-docs  ## build the site into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # with --quiet it would count no warnings, and never fail

bench: $(PEERS)/.stamp-bench  ## every benchmark, beside the libraries it is compared with; a JSON line a figure
	@for script in $(filter-out %/tables.py,$(wildcard benchmarks/[a-z]*.py)); do \
	  $(PEERS)/bin/python $$script || failed=1; \
	done; exit $${failed:-0}

bench-page: $(BIN)/python
	@$(BIN)/python benchmarks/tables.py

bench-peers: $(PEERS)/.stamp-bench  # an environment for every optimizer that benchmarks/regret compares
	@$(PEERS)/bin/python benchmarks/regret/envs.py

bench-regret: $(PEERS)/.stamp-bench  # Trimtab on the tasks that it is judged on, where not on file, and the page
	$(PEERS)/bin/python benchmarks/regret/run.py --optimizers trimtab --tasks report --jobs $(JOBS)
	$(PEERS)/bin/python benchmarks/regret/report.py

browser: $(VENV)/.stamp-test  ## draw what notebooks show in a real browser, light and dark; installs Debian's Chromium where it may
	@if command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian's chromium-headless-shell"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-dejavu-core >/dev/null; \
	else echo "There is no browser: install the package chromium-headless-shell, or chromium." >&2; exit 1; fi
	$(BIN)/python -m pytest -m browser tests/surfaces

soak: $(VENV)/.stamp-test $(VENV)/.stamp-debian  ## the tests that take minutes: kills, many drivers, long studies
	$(BIN)/python -m pytest -m soak

integrations: $(LARGE)/.stamp-test  ## train with PyTorch, Lightning, Transformers, Keras and CatBoost; installs them
	$(LARGE)/bin/python -m pytest -m integrations tests/surfaces/integrations tests/docs

lock:  ## write constraints.txt anew from what pyproject.toml declares
	@fresh=$$(mktemp -d) && trap "rm -rf $$fresh" EXIT && unset PIP_CONSTRAINT PIP_BUILD_CONSTRAINT && \
	$(PYTHON) -m venv $$fresh && pip="$$fresh/bin/python -m pip --quiet --disable-pip-version-check" && \
	$$pip install --upgrade pip && $$pip install -e '.[all]' --group test --group lint --group docs --group bench --group build && \
	{ echo "# Exact versions of everything that make installs; written by make lock."; \
	  $$pip freeze --all --exclude-editable --exclude setuptools; } > $$fresh/lock && \
	cp $$fresh/lock constraints.txt && echo "constraints.txt: $$(grep -c == constraints.txt) packages"

lock-integrations:  # the same for the large libraries, which do not go together with what benchmarks need
	@fresh=$$(mktemp -d) && trap "rm -rf $$fresh" EXIT && unset PIP_CONSTRAINT PIP_BUILD_CONSTRAINT && \
	$(PYTHON) -m venv $$fresh && pip="$$fresh/bin/python -m pip --quiet --disable-pip-version-check" && \
	$$pip install --upgrade pip && $$pip install torch==2.13.0 && $$pip install -e '.[all]' --group test --group integrations && \
	{ echo "# Exact versions of everything that make integrations installs; written by make lock-integrations."; \
	  $$pip freeze --all --exclude-editable --exclude setuptools | sed 's/^torch==.*/torch==2.13.0/'; } > $$fresh/lock && \
	cp $$fresh/lock constraints-integrations.txt && echo "constraints-integrations.txt: $$(grep -c == constraints-integrations.txt) packages"

clean:  ## remove what the other commands made, the studies too
	rm -rf $(VENV) $(PEERS) $(PEERS)-* $(LARGE) site dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf trimtab.db trimtab.db-wal trimtab.db-shm trimtab-files digits-trials.csv

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "trimtab needs Python 3.11 or newer, $(PYTHON) is "+sys.version.split()[0]+"; name another: make PYTHON=python3.12")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-pip: $(BIN)/python constraints.txt
	@$(PIP) pip
	@touch $@

$(VENV)/.stamp-tune: $(VENV)/.stamp-pip $(PARTS)
	@echo "installing trimtab, scikit-learn and rich"
	@$(PIP) -e '.[rich,sklearn]'
	@touch $@

$(VENV)/.stamp-lint: $(VENV)/.stamp-pip $(PARTS)
	@echo "installing what the linters need"
	@$(PIP) -e '.[all]' --group lint --group test
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-pip $(PARTS)
	@echo "installing what the tests need"
	@$(PIP) -e '.[all]' --group test --group lint
	@touch $@

$(VENV)/.stamp-docs: $(VENV)/.stamp-pip $(PARTS)
	@echo "installing what the documentation needs"
	@$(PIP) -e '.[all]' --group docs
	@touch $@

# Libraries to compare with have an environment of their own: what they bring must not help or hinder the tests.
$(PEERS)/.stamp-bench: $(BIN)/python $(PARTS)
	@echo "making $(PEERS), with what the benchmarks need"
	@$(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check pip
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[all]' --group bench
	@touch $@

# So have large libraries. PyTorch comes first, so that nothing else brings another.
$(LARGE)/.stamp-test: export PIP_CONSTRAINT := constraints-integrations.txt
$(LARGE)/.stamp-test: export PIP_BUILD_CONSTRAINT := constraints.txt
$(LARGE)/.stamp-test: $(BIN)/python pyproject.toml constraints-integrations.txt
	@echo "making $(LARGE), with PyTorch, Lightning, Transformers, Keras and CatBoost"
	@$(BIN)/python -m venv $(LARGE)
	@$(LARGE)/bin/python -m pip install --quiet --disable-pip-version-check pip
	@$(LARGE)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(LARGE)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[all]' --group test --group integrations
	@touch $@

# What the tests run for real: a PostgreSQL server, shells that complete names, a compiler, a tracer of system calls, and
# a library that sets the clock of one process. Debian's packages are installed where we may.
$(VENV)/.stamp-debian: $(BIN)/python
	@missing=""; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	for program in strace zsh fish gcc; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$$missing faketime"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian's$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	else echo "The tests need these packages of Debian:$$missing" >&2; exit 1; fi
	@touch $@
