# Each target installs what it needs on first use; ARGS="..." is passed on to the command.
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(BIN)/python
# Prints the version if it is one that every framework supports.
ASK := import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) and print("%d.%d" % v)
ifndef PYTHON
PYTHON := $(shell for each in python3 python3.13 python3.12 python3.11; do \
	[ -n "$$($$each -c '$(ASK)' 2>/dev/null)" ] && echo $$each && break; done)
endif
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c '$(ASK)' 2>/dev/null))
# What installs; "uv pip install --python .venv --torch-backend cpu" leaves out CUDA's libraries.
INSTALLER ?= $(RUN) -m pip install
# Another interpreter, or another list of packages, makes them out of date.
COMPARING := $(VENV)/comparing-$(VERSION)
DEVELOPING := $(VENV)/developing-$(VERSION)
# Tests that share a fixture stay together, and those that take longest come first.
TEST := $(RUN) -m pytest --numprocesses auto --dist loadgroup --no-loadscope-reorder

.PHONY: help install compare study test quick lint

help:
	@sed -n 's/^## //p' Makefile

$(COMPARING): pyproject.toml requirements.lock
	$(if $(VERSION),,$(error expected Python 3.11 to 3.13, found $(or \
		$(shell $(or $(PYTHON),python3) -V 2>/dev/null),none): name one with PYTHON=...))
	@# Starts anew where an installation broke off early or belongs to another interpreter.
	[ "$$($(RUN) -V)" = "$$($(PYTHON) -V)" ] && $(RUN) -m pip --version >/dev/null || \
		$(PYTHON) -m venv --clear $(VENV)
	$(INSTALLER) --constraint requirements.lock .
	touch $@

$(DEVELOPING): $(COMPARING)
	$(INSTALLER) --constraint requirements.lock ".[test]"
	touch $@

## make install    install what comparing needs into .venv (about 7.5 GB on Linux)
install: $(COMPARING)

## make compare    train both implementations and report them side by side
compare: $(COMPARING)
	$(RUN) compare.py $(ARGS)

## make study      open both implementations, line beside line, as one page
study: $(COMPARING)
	$(RUN) -m study $(or $(ARGS),--open)

## make quick      run the tests that take no longer than a second each
quick: $(DEVELOPING)
	$(TEST) -m "not slow" $(ARGS)

## make test       run all tests
test: $(DEVELOPING)
	$(TEST) $(ARGS)

## make lint       check style, formatting, imports and types
lint: $(DEVELOPING)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(BIN)/lint-imports
	$(RUN) -m mypy

## ARGS="..." is passed on, as in: make compare ARGS="--dataset fashion-mnist"
