# make demo: release, grade a sample class, show the gradebook and the feedback pages.
# make test: the everyday tests.  make test-all: those and the slow ones.  make release: regenerate release/.

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test test-all lint release schema clean

$(BIN)/autograder: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(BIN)/autograder
	$(BIN)/python tools/demo.py

test: $(BIN)/autograder
	$(BIN)/python -m pytest

test-all: $(BIN)/autograder
	$(BIN)/python -m pytest -m "slow or not slow"

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
