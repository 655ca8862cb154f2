"""Run the notebooks as a student does, in JupyterLab and a headless Chromium, and take pictures of what is seen.

Usage: python tools/notebook_screenshots.py [ASSIGNMENT ...] [--theme dark] [--filled none|half] [--output FOLDER]

Every figure and every screenful becomes a PNG in FOLDER/ASSIGNMENT/ (demo/notebooks/ASSIGNMENT/ by default).
Exit status 1: a cell that was not reached or, in a notebook that is filled in, an error, a warning, or a description of
a figure that isn't there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 180
"""Seconds that a notebook may run."""
OPTIONS = (
    "--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port_retries=0 --IdentityProvider.token= "
    "--ServerApp.shutdown_no_activity_timeout=300 --MappingKernelManager.cull_idle_timeout=300 "
    "--MappingKernelManager.cull_interval=60 --MappingKernelManager.cull_connected=True"
)
"""For a server on the loopback interface that stops after idle minutes, should nobody be left to stop it."""
FOLDERS = [f"JUPYTER{kind}_DIR" for kind in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")]
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --window-size=1000,1400"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FILLED = ("all", "half", "none")
DESCRIPTION = "*The figure:"  # how the cell below a figure begins
NAMES = sorted(path.stem for path in (ROOT / "release").glob("*/*.ipynb"))
LOOK = """
return [...document.querySelectorAll(".jp-Notebook .jp-Cell")].map(cell => ({
    prompt: cell.classList.contains("jp-CodeCell") ? cell.querySelector(".jp-InputPrompt").innerText : "",
    figures: cell.querySelectorAll(".jp-OutputArea-output img").length,
    problems: [...cell.querySelectorAll('[data-mime-type$="stderr"], [data-mime-type$="error"]')].map(o => o.innerText),
}));
"""
END = "return arguments[0].offsetTop + arguments[0].offsetHeight"


@dataclass(frozen=True)
class Cell:
    """A cell as the page shows it after the run."""

    prompt: str
    """[7]: after a run, [*]: before its end, [ ]: otherwise; empty for text."""
    figures: int
    problems: list[str]
    """Errors and warnings, which the page shows alike."""

    @property
    def done(self) -> bool:
        """Whether it has been run."""
        return any(map(str.isdigit, self.prompt))


@dataclass(frozen=True)
class Seen:
    """What was seen of one notebook."""

    name: str
    cells: list[Cell]
    seconds: float
    missing: list[int]
    """Cells that a description of a figure stands below, and that show none."""

    @property
    def complete(self) -> bool:
        """Every cell run."""
        return all(cell.done for cell in self.cells if cell.prompt)

    @property
    def ok(self) -> bool:
        """Every cell run, no error, no warning, every figure there."""
        return self.complete and not self.missing and not any(cell.problems for cell in self.cells)

    def __str__(self) -> str:
        run, code = sum(cell.done for cell in self.cells), sum(bool(cell.prompt) for cell in self.cells)
        figures, problems = sum(cell.figures for cell in self.cells), sum(len(cell.problems) for cell in self.cells)
        return (
            f"{self.name:22} {run:2} of {code:2} cells run, {figures:2} figures, {len(self.missing)} missing, "
            f"{self.seconds:5.1f} s, {problems} errors or warnings"
        )


def prepare(name: str, folder: Path, filled: str) -> list[int]:
    """Copy what a student has into `folder`, with answers filled in; the numbers of the cells that must show a figure.

    filled: all answers, every second one, or none.
    """
    shutil.copytree(ROOT / "release" / name, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    path = folder / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    solved = nbformat.read(ROOT / "source" / name / path.name, as_version=4)
    answers = [i for i, cell in enumerate(solved.cells) if "### BEGIN SOLUTION" in cell.source]
    for i in answers[:: {"all": 1, "half": 2}[filled]] if filled != "none" else []:
        notebook.cells[i].source = solved.cells[i].source
    nbformat.write(notebook, path)
    described = [i for i, cell in enumerate(notebook.cells[1:]) if cell.source.startswith(DESCRIPTION)]
    return described if filled == "all" else []


@contextlib.contextmanager
def jupyterlab(folder: Path, theme: str) -> Iterator[str]:
    """A JupyterLab server for `folder` on the loopback interface, with nothing of the user's own; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        settings = {
            "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # all cells are in the page
            "@jupyterlab/apputils-extension:themes": {"theme": THEMES[theme]},
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        }
        Path(home, FOLDERS[0], "labconfig").mkdir(parents=True)
        Path(home, FOLDERS[0], "labconfig", "default_setting_overrides.json").write_text(json.dumps(settings))
        place = [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]
        command = [sys.executable, "-m", "jupyterlab", *OPTIONS.split(), *place]
        environment = os.environ | {variable: f"{home}/{variable}" for variable in FOLDERS}
        log = Path(home, "log")
        with log.open("w") as out:
            server = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            for _ in range(240):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                    break
                if server.poll() is not None:
                    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
                time.sleep(0.25)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()  # which takes the kernels along
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)
            server.kill()
            server.wait()


def chromium() -> webdriver.Chrome:
    """A headless Chromium with an empty profile; leaving its `with` block ends it."""
    browser, service = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or service is None:
        raise SystemExit("no chromium or no chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS.split():
        options.add_argument(flag)
    return webdriver.Chrome(options, webdriver.ChromeService(service))


def wait(driver: webdriver.Chrome, what: str, condition: Callable[[webdriver.Chrome], bool], seconds: int = 60) -> None:
    """Wait until `condition` is true; it may raise until then."""
    WebDriverWait(driver, seconds, 0.3, [Exception]).until(condition, f"waited {seconds} s for {what}")


def run_all(driver: webdriver.Chrome, address: str) -> float:
    """Choose Run, Run All Cells from the menu, and wait for the kernel to be done; the seconds it took."""

    def has_kernel() -> bool:
        with urllib.request.urlopen(f"{address}/api/kernels", timeout=10) as answer:
            return any(kernel["connections"] for kernel in json.load(answer))

    def is_idle(page: webdriver.Chrome) -> bool:
        return bool(page.find_elements(By.CSS_SELECTOR, '.jp-Notebook-ExecutionIndicator[data-status="idle"]'))

    def is_chosen(page: webdriver.Chrome) -> bool:
        for label in ("Run", "Run All Cells"):
            page.find_element(By.XPATH, f'//li[@role="menuitem" and div[.="{label}"]]').click()
        return True

    def is_done(page: webdriver.Chrome) -> bool:
        """The kernel rests, and no cell waits: each has its number, or an error has stopped the run."""
        cells = look(page)
        return is_idle(page) and any(cell.done for cell in cells) and not any("*" in cell.prompt for cell in cells)

    # The page shows an idle kernel before it has one, and would ask which one to take.
    wait(driver, "the kernel", lambda page: has_kernel() and is_idle(page))
    start = time.monotonic()
    wait(driver, "the menu", is_chosen)
    with contextlib.suppress(TimeoutException):  # then the cells that have no number tell
        wait(driver, "the cells", is_done, LIMIT)
    return time.monotonic() - start


def look(driver: webdriver.Chrome) -> list[Cell]:
    """The notebook's cells."""
    return [Cell(**cell) for cell in driver.execute_script(LOOK)]


def photograph(driver: webdriver.Chrome, folder: Path) -> None:
    """Write every figure and every screenful into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("figure_*.png"), *folder.glob("page_*.png")]:
        old.unlink()
    panel = driver.find_element(By.CSS_SELECTOR, ".jp-WindowedPanel-outer")
    cells = driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell")
    end = None
    while end != (end := driver.execute_script(END, cells[-1])):  # formulas are set when seen, and move what is below
        for cell in cells:
            driver.execute_script("arguments[0].scrollIntoView()", cell)
        time.sleep(1)
    for i, cell in enumerate(cells):
        for j, image in enumerate(cell.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output img")):
            driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
            image.screenshot(str(folder / f"figure_{i:02}_{j}.png"))
    for page, top in enumerate(range(0, end, panel.size["height"] - 60), start=1):
        driver.execute_script("arguments[0].scrollTop = arguments[1]", panel, top)
        panel.screenshot(str(folder / f"page_{page:02}.png"))


def visit(name: str, output: Path, theme: str = "light", filled: str = "all") -> Seen:
    """Run one notebook and take its pictures."""
    with tempfile.TemporaryDirectory() as place:
        expected = prepare(name, Path(place, name), filled)
        with chromium() as driver, jupyterlab(Path(place, name), theme) as address:
            driver.get(f"{address}/doc/tree/{name}.ipynb")
            seconds, cells = run_all(driver, address), look(driver)
            photograph(driver, output)
    return Seen(name, cells, seconds, [i for i in expected if not cells[i].figures])


def main() -> None:
    """Visit the notebooks one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", nargs="*", choices=[[], *NAMES], help="all of them by default")
    parser.add_argument("--theme", choices=THEMES, default="light")
    parser.add_argument("--filled", choices=FILLED, default="all", help="how many answers; all of them by default")
    parser.add_argument("--output", type=Path, default=ROOT / "demo" / "notebooks", metavar="FOLDER")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped then, too
    visits = []
    for name in arguments.assignment or NAMES:
        print(f"{name} ...", flush=True)
        visits.append(visit(name, arguments.output / name, arguments.theme, arguments.filled))
        for i, cell in enumerate(visits[-1].cells):
            print(*(f"  cell {i}: {problem}\n" for problem in cell.problems), sep="", end="")
    print(*visits, sep="\n")
    sys.exit(not all(seen.ok if arguments.filled == "all" else seen.complete for seen in visits))


if __name__ == "__main__":
    main()
