"""Run the notebooks as a student does, in JupyterLab and a headless Chromium, and take pictures of what is seen.

Usage: python tools/notebook_screenshots.py [ASSIGNMENT ...] [--theme dark] [--unsolved] [--output FOLDER]

Every figure and every screenful becomes a PNG in FOLDER/ASSIGNMENT/. Exit status 1 where there is an error, a warning,
or no figure above its description.
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
from typing import Any

import nbformat
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 180
"""Seconds that a notebook may run."""
IDLE = 300
"""Seconds without a browser after which a server stops by itself, should nobody be left to stop it."""
OWN = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
OWN += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
"""Variables that name folders: a server gets its own, empty ones."""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
DESCRIPTION = "*The figure:"
"""How the cell below a figure begins."""
LOOK = """
const outputs = (cell, kind) => [...cell.querySelectorAll(`.jp-OutputArea-output[data-mime-type="${kind}"]`)];
const text = (cell, kind) => outputs(cell, "application/vnd.jupyter." + kind).map(output => output.innerText.trim());
return [...document.querySelectorAll(".jp-Notebook .jp-Cell")].map(cell => ({
    code: cell.classList.contains("jp-CodeCell"),
    done: /\\[\\d+\\]/.test(cell.querySelector(".jp-InputPrompt")?.innerText ?? ""),
    figures: cell.querySelectorAll(".jp-OutputArea-output img").length,
    errors: text(cell, "error"),
    warnings: text(cell, "stderr"),
}));
"""


@dataclass(frozen=True)
class Cell:
    """A cell as the page shows it after the run."""

    code: bool
    done: bool
    figures: int
    errors: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class Seen:
    """What was seen of one notebook."""

    name: str
    cells: list[Cell]
    seconds: float
    missing: list[int]
    """Cells that a description of a figure stands below, and that show none."""

    @property
    def ok(self) -> bool:
        """No error, no warning, every figure there."""
        return not self.missing and all(cell.done and not cell.errors and not cell.warnings for cell in self.code)

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return [cell for cell in self.cells if cell.code]

    def __str__(self) -> str:
        run, figures = sum(cell.done for cell in self.code), sum(cell.figures for cell in self.code)
        errors, warnings = (sum(len(getattr(cell, kind)) for cell in self.code) for kind in ("errors", "warnings"))
        return (
            f"{self.name:22} {run:2} of {len(self.code):2} cells run, {figures:2} figures, "
            f"{len(self.missing)} missing, {self.seconds:5.1f} s, {errors} errors, {warnings} warnings"
        )


def names() -> list[str]:
    """The course's assignments."""
    return sorted(path.stem for path in (ROOT / "release").glob("*/*.ipynb"))


def prepare(name: str, folder: Path, unsolved: bool) -> list[int]:
    """Copy what a student has into `folder`, solved by default; the numbers of the cells that must show a figure."""
    shutil.copytree(ROOT / "release" / name, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    path = folder / f"{name}.ipynb"
    if not unsolved:
        shutil.copy(ROOT / "source" / name / path.name, path)
    notebook = nbformat.read(path, as_version=4)
    if unsolved:  # so that a failed check does not keep the rest from running
        for cell in notebook.cells:
            cell.metadata["tags"] = ["raises-exception"]
        nbformat.write(notebook, path)
    return [i for i, cell in enumerate(notebook.cells[1:]) if cell.source.startswith(DESCRIPTION) and not unsolved]


@contextlib.contextmanager
def jupyterlab(folder: Path, theme: str) -> Iterator[str]:
    """A JupyterLab server for `folder` on the loopback interface, with nothing of the user's own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        settings = {
            "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # all cells are in the page
            "@jupyterlab/apputils-extension:themes": {"theme": THEMES[theme]},
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        }
        overrides = Path(home, OWN[0], "labconfig", "default_setting_overrides.json")
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(settings))
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": folder,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "ServerApp.shutdown_no_activity_timeout": IDLE,
            "MappingKernelManager.cull_idle_timeout": IDLE,
            "MappingKernelManager.cull_interval": 60,
            "MappingKernelManager.cull_connected": True,
            "IdentityProvider.token": "",
        }
        command = [sys.executable, "-m", "jupyterlab", *(f"--{key}={value}" for key, value in options.items())]
        environment = os.environ | {variable: f"{home}/{variable}" for variable in OWN}
        log = Path(home, "log")
        with log.open("w") as out:
            server = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(240):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=5):
                    break
                if server.poll() is not None:
                    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
                time.sleep(0.25)
            yield address
        finally:
            server.terminate()  # which takes the kernels along
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@contextlib.contextmanager
def chromium(size: tuple[int, int] = (1000, 1400)) -> Iterator[webdriver.Chrome]:
    """A headless Chromium with an empty profile."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        raise SystemExit("no chromium or no chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(flag)
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=programs[1]))
    try:
        yield driver
    finally:
        driver.quit()


def wait(driver: webdriver.Chrome, what: str, condition: Callable[[webdriver.Chrome], Any], seconds: int = 60) -> Any:
    """What `condition` gives, once it is true."""
    return WebDriverWait(driver, seconds, 0.3, [Exception]).until(condition, f"waited {seconds} s for {what}")


def run_all(driver: webdriver.Chrome) -> float:
    """Choose Run, Run All Cells from the menu, and wait for the kernel to be done; the seconds it took."""

    def is_idle(page: webdriver.Chrome) -> bool:
        return bool(page.find_elements(By.CSS_SELECTOR, '.jp-Notebook-ExecutionIndicator[data-status="idle"]'))

    def is_chosen(page: webdriver.Chrome) -> bool:
        for label in ("Run", "Run All Cells"):
            page.find_element(By.XPATH, f'//li[@role="menuitem" and div[.="{label}"]]').click()
        return True

    def is_done(page: webdriver.Chrome) -> bool:
        """Every cell has its number, or an error has stopped the run; and the kernel rests."""
        cells = [cell for cell in look(page) if cell.code]
        return is_idle(page) and (all(cell.done for cell in cells) or any(cell.errors for cell in cells))

    wait(driver, "the kernel", is_idle)
    start = time.monotonic()
    wait(driver, "the menu", is_chosen)
    wait(driver, "the cells", is_done, LIMIT)
    return time.monotonic() - start


def look(driver: webdriver.Chrome) -> list[Cell]:
    """The notebook's cells."""
    return [Cell(**cell) for cell in driver.execute_script(LOOK)]


def photograph(driver: webdriver.Chrome, folder: Path) -> None:
    """Write every figure and every screenful into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i, cell in enumerate(driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell")):
        for j, image in enumerate(cell.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output img")):
            image.screenshot(str(folder / f"figure_{i:02}{'abc'[j] if j else ''}.png"))
    panel = driver.find_element(By.CSS_SELECTOR, ".jp-WindowedPanel-outer")
    height, total = driver.execute_script("return [arguments[0].clientHeight, arguments[0].scrollHeight]", panel)
    for page, top in enumerate(range(0, total, height - 60), start=1):
        driver.execute_script("arguments[0].scrollTop = arguments[1]", panel, top)
        time.sleep(0.2)
        panel.screenshot(str(folder / f"page_{page:02}.png"))


def visit(name: str, output: Path, theme: str = "light", unsolved: bool = False) -> Seen:
    """Run one notebook and take its pictures."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        expected = prepare(name, Path(place, name), unsolved)
        address = stack.enter_context(jupyterlab(Path(place, name), theme))
        driver = stack.enter_context(chromium())
        driver.get(f"{address}/doc/tree/{name}.ipynb")
        seconds = run_all(driver)
        cells = look(driver)
        photograph(driver, output)
    return Seen(name, cells, seconds, [i for i in expected if not cells[i].figures])


def main() -> None:
    """Visit the notebooks one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", nargs="*", choices=[[], *names()], help="all of them by default")
    parser.add_argument("--theme", choices=THEMES, default="light")
    parser.add_argument("--unsolved", action="store_true", help="as released; errors are no failure then")
    parser.add_argument("--output", type=Path, default=ROOT / "demo" / "notebooks", metavar="FOLDER")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped then, too
    visits = []
    for name in arguments.assignment or names():
        print(f"{name} ...", flush=True)
        visits.append(visit(name, arguments.output / name, arguments.theme, arguments.unsolved))
        for i, cell in enumerate(visits[-1].cells):
            for problem in [] if arguments.unsolved else cell.errors + cell.warnings:
                print(f"  cell {i}: {problem}")
    print(*visits, sep="\n")
    sys.exit(not arguments.unsolved and not all(seen.ok for seen in visits))


if __name__ == "__main__":
    main()
