# Each target creates .venv and installs on first use; ARGS="..." is passed on to the command.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/installed

.PHONY: help install compare study test lint

help:
	@echo "make install    create $(VENV) and install everything (about 7.5 GB on Linux)"
	@echo "make compare    train both implementations and report them side by side"
	@echo "make study      open both implementations, line beside line, as one page"
	@echo "make test       run the tests"
	@echo "make lint       check style and formatting"
	@echo "ARGS=\"...\" is passed on, as in: make compare ARGS=\"--dataset fashion-mnist\""

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --constraint requirements.lock ".[test]"
	touch $@

compare: $(INSTALLED)
	$(RUN) compare.py $(ARGS)

study: $(INSTALLED)
	$(RUN) -m study $(or $(ARGS),--open)

test: $(INSTALLED)
	$(RUN) -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
