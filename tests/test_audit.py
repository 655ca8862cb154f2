"""The audit as a test: misconceptions are caught where they belong, most by name; right answers keep their points."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from autograder.audit import Finding, audit
from autograder.classroom import Settings, cores
from autograder.course import Course

ROOT = Path(__file__).resolve().parent.parent
EVERY = {"ps4_training_loop": 4, "ps5_fashion_mnist": 8}
"""Every how many entries are graded, where not all are: `autograder audit` grades them all, and takes its time."""


@pytest.mark.slow
@pytest.mark.parametrize("name", Course(ROOT).names)
def test_audit_finds_no_fault(name: str) -> None:
    settings = Settings(course=str(ROOT), assignment=name)
    findings: list[Finding] = audit(settings, cores(), 3, Console(quiet=True), every=EVERY.get(name, 1))
    assert not {finding.entry: finding.faults for finding in findings if finding.faults}
    wrong = [finding for finding in findings if not finding.right]
    named = [finding for finding in wrong if finding.diagnosis is not None]
    assert len(wrong) >= 7
    assert any(finding.right for finding in findings)
    assert len(named) >= 0.75 * len(wrong), sorted({f.entry for f in wrong} - {f.entry for f in named})
