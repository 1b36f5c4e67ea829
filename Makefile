# Everything here sets itself up: a fresh machine needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
DEMO   := .nudger/demo
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check format bench lock docs kills clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nudger needs Python 3.11 or newer; say which one with: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "setting up $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(BIN)/python -c 'import site, pathlib; pathlib.Path(site.getsitepackages()[0], "nudger-source.pth").write_text(str(pathlib.Path.cwd()))'
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m nudger "$$@"\n' > $(BIN)/nudger && chmod +x $(BIN)/nudger
	@touch $@

$(DEV): requirements-dev.lock $(READY)
	@echo "setting up the development tools ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(READY) ## run the shipped example: a month of events in, nudges out
	@mkdir -p $(DEMO)
	@test -s $(DEMO)/events.ndjson || { $(BIN)/python examples/month.py --out $(DEMO)/events.tmp 2>/dev/null && mv $(DEMO)/events.tmp $(DEMO)/events.ndjson; }
	@$(BIN)/nudger run --events $(DEMO)/events.ndjson --out $(DEMO)/messages.ndjson --state $(DEMO)/state.db \
		--dead-letters $(DEMO)/dead-letters.ndjson --until 2026-04-01 --mails $(DEMO)/mails
	@echo
	@echo "the story:  $(DEMO)/mails/$$(ls $(DEMO)/mails | grep -m1 '^gorilla--payg-to-scale')   (open it in a browser)"
	@echo "and why:    $(BIN)/nudger explain gorilla payg-to-scale --state $(DEMO)/state.db"

test: $(DEV) ## run all tests
	@$(BIN)/python -m pytest -n 2

check: $(DEV) ## format, lint, types, import arrows, and the shipped rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/nudger check --format concise

format: $(DEV) ## bring the sources into form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(DEV) ## measure the embedded run on 2,000,000 events of 100,000 accounts, and `check` of 500 rules
	@mkdir -p .nudger/bench
	@test -s .nudger/bench/events.ndjson || $(BIN)/python -m tests.bench.generate .nudger/bench
	@$(BIN)/python -m tests.bench.embedded .nudger/bench
	@$(BIN)/python -m tests.bench.check_rules
	@$(BIN)/python -m tests.bench.bench_mail

kills: $(DEV) ## kill the embedded run 1,000 times and compare
	@NUDGER_KILLS=1000 $(BIN)/python -m pytest tests/integration/test_kill_run.py -s

docs: $(DEV) ## write the generated pages and contracts anew
	@$(BIN)/python -m tests.docs.generate

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove what was made here
	rm -rf $(VENV) .nudger .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
