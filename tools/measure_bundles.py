"""Measure bundles, cold: seconds and memory of each solution in Gradescope's harness, for the table in docs/lms.md.

Usage: python tools/measure_bundles.py [--write] [ASSIGNMENT...]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "lms.md"
MARK = "<!-- measured -->\n"
sys.path.insert(0, str(ROOT / "tests"))

from cgroup import limited  # noqa: E402
from lms_harness import Gradescope, environment_of  # noqa: E402

from autograder.course import Course  # noqa: E402


def main() -> None:
    """Print a row for each assignment, or write the table into the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("assignments", nargs="*", default=Course(ROOT).names)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    lines = ["| assignment | points | seconds | peak of memory |", "| --- | --- | --- | --- |"]
    for name in chosen.assignments:
        lines.append(measured(name))
        print(lines[-1], flush=True)
    if chosen.write:
        before, _, rest = DOCUMENT.read_text().partition(MARK)
        after = rest[rest.index("\n\n| assignments with") :]
        DOCUMENT.write_text(before + MARK + "\n".join(lines) + after)


def measured(name: str) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        bundle = Path(folder, "bundle.zip")
        command = [sys.executable, "-c", "from autograder.cli import app; app()", "bundle", "gradescope", name]
        subprocess.run([*command, "--output", bundle, "--course", ROOT], check=True, capture_output=True)
        with zipfile.ZipFile(bundle) as archive:
            environment = environment_of(archive.read("requirements.txt").decode(), Path(folder, "environment"))
        harness = Gradescope(bundle, Path(folder, "autograder"), environment)
        harness.variables["XDG_CACHE_HOME"] = f"{folder}/cache"  # nothing that an earlier run left
        notebook = ROOT / "source" / name / f"{name}.ipynb"
        harness.lay_out({notebook.name: notebook.read_bytes()}, None)
        with limited(3 << 30) as group:
            ended = harness.run(group.prefix)
            peak = group.peak
        score = harness.results()["score"]
    return f"| `{name}` | {score:g} | {ended.seconds:.0f} | {peak >> 20:,} MiB |"


if __name__ == "__main__":
    main()
