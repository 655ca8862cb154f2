# make demo: release, grade a sample class, show the gradebook and the feedback pages.
# make test: the everyday tests.  make test-all: those and the slow ones.  make release: regenerate release/.

# The first of these that is Python 3.11 to 3.14; make PYTHON=/path/to/python takes another one.
PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; \
	then echo $$name; break; fi; done)
BIN := .venv/bin

.PHONY: demo test test-all lint release schema clean

$(BIN)/autograder: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 is needed, and not on the PATH: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(BIN)/autograder
	$(BIN)/python tools/demo.py

test: $(BIN)/autograder
	$(BIN)/python -m pytest -n auto --dist loadfile

test-all: $(BIN)/autograder
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow or not slow"

lint: $(BIN)/autograder
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

release: $(BIN)/autograder
	$(BIN)/python tools/make_release.py

schema: $(BIN)/autograder
	$(BIN)/python -c "import json; from autograder.report import schema; print(json.dumps(schema(), indent=2))" > docs/report.schema.json

clean:
	rm -rf .venv demo
