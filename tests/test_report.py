"""The Report's JSON: its schema is a file, and a Report survives the way to JSON and back."""

from __future__ import annotations

import json
from pathlib import Path

from autograder.report import schema

SCHEMA = Path(__file__).resolve().parent.parent / "docs" / "report.schema.json"


def test_the_schema_in_the_docs_is_the_report_s() -> None:
    advice = "make schema writes it anew"
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(schema())), advice
