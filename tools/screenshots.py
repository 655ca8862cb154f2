"""Take the documentation's pictures: a feedback page out of the demo's, in a headless Chromium.

Usage: make demo && python tools/screenshots.py
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"feedback.png": ("cleo", 1240), "feedback_five_mistakes.png": ("finn", 4350)}


def main() -> None:
    """Write docs/*.png."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium: apt-get install chromium")
    for picture, (student, height) in PAGES.items():
        page = ROOT / "demo" / "feedback" / student / "ps4_training_loop" / "ps4_training_loop.html"
        with tempfile.TemporaryDirectory() as profile:
            flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
            subprocess.run(
                [
                    browser,
                    *flags.split(),
                    "--hide-scrollbars",
                    f"--user-data-dir={profile}",
                    f"--window-size=900,{height}",
                    f"--screenshot={ROOT / 'docs' / picture}",
                    page.as_uri(),
                ],
                check=True,
                capture_output=True,
            )
        print(f"docs/{picture}")


if __name__ == "__main__":
    main()
