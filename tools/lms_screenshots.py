"""Take the pictures of docs/lms.md: run each bundle in its harness on a submission with mistakes, draw its results.

Usage: python tools/lms_screenshots.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import lms_renderer  # noqa: E402
from lms_harness import Gradescope, PrairieLearn, Vocareum, environment_of  # noqa: E402

NAME = "ps1_gradient_descent"
KINDS = {"gradescope": (Gradescope, 1840), "prairielearn": (PrairieLearn, 2180), "vocareum": (Vocareum, 1660)}
MISTAKES = {
    "mse_loss": "def mse_loss(y, y_hat):\n    return float(((y_hat - y) ** 2).sum() / 2)",
    "gradient_step": "def gradient_step(w, gradient, lr):\n    return w + lr * gradient",
    "numerical_gradient": "def numerical_gradient(f, w, eps=1e-5):\n    raise NotImplementedError",
}


def main() -> None:
    """Write docs/lms_*.png."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium: apt-get install chromium")
    notebook = json.loads((ROOT / "source" / NAME / f"{NAME}.ipynb").read_text())
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = MISTAKES.get(name, cell["source"])
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for system, (kind, height) in KINDS.items():
            bundle = Path(folder, f"{system}.zip")
            image = ["--image", "registry.example.org/autograder:1"] if system == "prairielearn" else []
            command = [sys.executable, "-c", "from autograder.cli import app; app()", "bundle", system, NAME]
            subprocess.run([*command, "--output", bundle, "--course", ROOT, *image], check=True, capture_output=True)
            environment = Path(folder, "environment")
            if not environment.exists():
                with zipfile.ZipFile(bundle) as archive:
                    environment_of(archive.read("requirements.txt").decode(), environment)
            harness = kind(bundle, Path(folder, system), environment)
            harness.lay_out({f"{NAME}.ipynb": json.dumps(notebook).encode()}, None)
            print(harness.run().log)
            page = Path(folder, f"{system}.html")
            page.write_text(getattr(lms_renderer, system)(harness.results()))
            flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
            subprocess.run(
                [
                    browser,
                    *flags.split(),
                    "--hide-scrollbars",
                    f"--user-data-dir={folder}/profile",
                    f"--window-size=900,{height}",
                    f"--screenshot={ROOT / 'docs' / f'lms_{system}.png'}",
                    page.as_uri(),
                ],
                check=True,
                capture_output=True,
            )
            print(f"docs/lms_{system}.png")


if __name__ == "__main__":
    main()
