"""Take the documentation's pictures in a headless Chromium: feedback pages of the demo, the report of a sample class.

Usage: make demo && python tools/screenshots.py [PICTURE...]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "ps4_training_loop"
FEEDBACK = {"feedback.png": ("cleo", 1240), "feedback_five_mistakes.png": ("finn", 4350)}
"""By the picture, whose page of the demo it shows, and its height in pixels."""
CLASS = {"class_report.png": 2900}


def main(wanted: list[str]) -> None:
    """Write docs/*.png."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium: apt-get install chromium")
    for picture, (student, height) in FEEDBACK.items():
        if picture in (wanted or FEEDBACK):
            take(
                browser, ROOT / "demo" / "feedback" / student / ASSIGNMENT / f"{ASSIGNMENT}.html", picture, 900, height
            )
    for picture, height in CLASS.items():
        if picture in (wanted or CLASS):
            with class_report() as page:
                take(browser, page, picture, 1100, height)


def take(browser: str, page: Path, picture: str, width: int, height: int) -> None:
    """A picture of a page's upper `height` pixels."""
    with tempfile.TemporaryDirectory() as profile:
        flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        subprocess.run(
            [
                browser,
                *flags.split(),
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--screenshot={ROOT / 'docs' / picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )
    print(f"docs/{picture}")


@contextmanager
def class_report() -> Iterator[Path]:
    """The report of a sample class of 300."""
    with tempfile.TemporaryDirectory() as place:
        course, page = Path(place, "course"), Path(place, "report.html")
        subprocess.run([sys.executable, "tools/sample_class.py", ASSIGNMENT, str(course)], cwd=ROOT, check=True)
        command = [str(Path(sys.executable).with_name("autograder")), "report", ASSIGNMENT]
        subprocess.run([*command, "--course", str(course), "--output", str(page)], check=True)
        yield page


if __name__ == "__main__":
    main(sys.argv[1:])
