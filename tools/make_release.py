"""Regenerate release/ from source/ with nbgrader, or check that it is up to date.

Usage: python tools/make_release.py [--check]
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def assignments(course: Path) -> list[str]:
    """The names of the course's assignments."""
    return sorted(path.stem for path in (course / "source").glob("*/*.ipynb") if path.stem == path.parent.name)


def generate(target: Path) -> None:
    """Make the released version of every assignment in `target`, in a course of its own: no gradebook is touched."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        shutil.copytree(ROOT / "source", course / "source", ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
        shutil.copy(ROOT / "nbgrader_config.py", course)
        for name in assignments(course):
            command = [sys.executable, "-m", "nbgrader", "generate_assignment", "--assignment", name]
            done = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"nbgrader could not release {name}:\n{done.stderr}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(course / "release", target)


def differences(one: Path, other: Path) -> list[str]:
    """Files that are not in both folders with the same bytes."""
    names = {path.relative_to(root) for root in (one, other) for path in root.rglob("*") if path.is_file()}
    return sorted(
        str(name)
        for name in names
        if not (one / name).is_file()
        or not (other / name).is_file()
        or not filecmp.cmp(one / name, other / name, shallow=False)
    )


def main() -> None:
    """Regenerate or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if release/ is out of date")
    release = ROOT / "release"
    if not parser.parse_args().check:
        generate(release)
        print(f"released {', '.join(sorted(path.name for path in release.iterdir()))}")
        return
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "release")
        generate(fresh)
        changed = differences(fresh, release)
    if changed:
        raise SystemExit("release/ is out of date (python tools/make_release.py mends it): " + ", ".join(changed))
    print("release/ is up to date")


if __name__ == "__main__":
    main()
