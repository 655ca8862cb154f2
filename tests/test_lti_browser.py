"""The whole way in a real browser, in a platform's frame and in a window, by people who see and people who don't."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import NAME, notebook_of, solved_cells
from lti_platform import LINK, Place, running, until
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = pytest.mark.slow

SECONDS = 60
PICTURES = os.environ.get("PICTURES", "")
"""A folder for pictures of all pages, for people to look at."""


def missing(reason: str) -> None:
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def chromium(*arguments: str) -> Any:
    absent = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if absent:
        missing(f"pages were NOT tried: {' and '.join(absent)} missing (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1100,1400",
        *arguments,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(str(shutil.which("chromedriver"))))


@pytest.fixture
def place(course: Path, tmp_path: Path) -> Iterator[Place]:
    with running(course, tmp_path / "data", NAME, 100.0, host="localhost") as place:
        yield place


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Solved, but for one step uphill, and slow enough to watch."""
    cells = solved_cells()
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "gradient_step":  # type: ignore[attr-defined]
            cell["source"] = (
                "import time\ntime.sleep(1)\ndef gradient_step(w, gradient, lr):\n    return w + lr * gradient"
            )
    path = tmp_path / "mine.ipynb"
    path.write_bytes(notebook_of(cells))
    return path


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that finds what people with disabilities can't use."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    done = npm and subprocess.run([npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, check=False)
    found = list(folder.glob("axe-core-*.tgz"))
    if not done or not found:
        pytest.skip("accessibility was NOT tried: axe-core can't be had from npm here")
    with tarfile.open(found[0]) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def wait(driver: Any, condition: Any) -> Any:
    ignored = (NoSuchElementException, StaleElementReferenceException)  # a page that is just being replaced
    return WebDriverWait(driver, SECONDS, ignored_exceptions=ignored).until(condition)


def found(driver: Any, selector: str) -> Any:
    return wait(driver, lambda driver: driver.find_element(By.CSS_SELECTOR, selector))


def says(driver: Any, text: str) -> None:
    wait(driver, lambda driver: text in driver.find_element(By.TAG_NAME, "body").text)


def picture(driver: Any, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(exist_ok=True)
        driver.save_screenshot(f"{PICTURES}/{name}.png")


def open_in_frame(driver: Any, place: Place, query: str) -> None:
    driver.get(f"{place.simulator.url}/launch?{query}")
    driver.switch_to.frame(found(driver, "iframe"))


def click(driver: Any, text: str) -> None:
    wait(
        driver, lambda driver: driver.find_element(By.XPATH, f"//*[self::button or self::a][contains(., '{text}')]")
    ).click()


def accessible(driver: Any, axe: str, name: str) -> None:
    """Nothing that axe-core finds fault with, in light and in dark."""
    picture(driver, f"{name}-light")
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        # The page allows no inline script; the driver's is none of the page's.
        driver.execute_script(axe + "\nreturn 0;")
        result = driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {iframes: false}).then(r => done(r.violations.map("
            "v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120) + ' ' + n.failureSummary).join(' | '))));"
        )
        assert result == [], f"{name}, {scheme}"
    picture(driver, f"{name}-dark")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def complaints(driver: Any) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_whole_way_in_a_platforms_frame(place: Place, notebook: Path) -> None:
    simulator = place.simulator
    driver = chromium()
    try:
        open_in_frame(driver, place, f"user=ada&link={LINK}")
        found(driver, "input[type=file]").send_keys(str(notebook))
        picture(driver, "hand-in")
        click(driver, "Hand in")
        says(driver, "Receipt")
        wait(driver, lambda driver: "gradient_step" in driver.find_element(By.ID, "check").text)
        bar = driver.find_element(By.CSS_SELECTOR, "#check progress")
        assert 0 < int(bar.get_attribute("value")) < int(bar.get_attribute("max"))
        picture(driver, "progress")
        says(driver, "Graded.")
        says(driver, "the platform has it")
        driver.switch_to.frame(found(driver, "iframe.feedback"))
        says(driver, "Feedback for Ada <b>Student</b>")
        driver.switch_to.parent_frame()
        picture(driver, "feedback")
        first = simulator.grade(LINK, "ada")
        assert first is not None
        assert 0 < first < 100

        # A teacher: roster, member list, misconceptions, dry run.
        open_in_frame(driver, place, f"user=teacher&link={LINK}")
        click(driver, "Read the members")
        says(driver, "4 members read.")
        says(driver, "Bob <b>Student</b>")
        says(driver, "gradient_step.")
        picture(driver, "roster")
        click(driver, "Regrade: dry run")
        says(driver, "No submission would change.")

        # A written answer adds points, and the platform hears of it.
        open_in_frame(driver, place, f"user=teacher&link={LINK}")
        click(driver, " of ")
        says(driver, "Model answer and mark scheme")
        found(driver, "input[name=score]").send_keys("5")
        picture(driver, "written")
        click(driver, "Save points")
        until(lambda: (simulator.grade(LINK, "ada") or 0) > first)
        second = simulator.grade(LINK, "ada")

        # A teacher's own grade in the platform stays.
        simulator.override(LINK, "ada", 12.0)
        open_in_frame(driver, place, f"user=ada&link={LINK}")
        found(driver, "input[type=file]").send_keys(str(notebook))
        click(driver, "Hand in")
        says(driver, "a teacher's own grade")
        assert simulator.grade(LINK, "ada") == 12.0
        assert second != 12.0

        # A deep link makes a new activity.
        open_in_frame(driver, place, "user=teacher&deep=yes")
        Select(found(driver, "select[name=assignment]")).select_by_value(NAME)
        found(driver, "input[name=title]").send_keys("Warm-up")
        picture(driver, "deep-link")
        click(driver, "Add it to the course")
        until(lambda: len(simulator.links) == 2)
        assert simulator.links["link-2"]["title"] == "Warm-up"
        assert complaints(driver) == []
    finally:
        driver.quit()


def test_a_browser_that_keeps_no_cookies_in_frames_uses_the_platforms_storage_and_a_window(place: Place) -> None:
    place.simulator.offers_storage = True
    place.cookieless |= {"/lti/launch", "/open"}
    driver = chromium()
    try:
        open_in_frame(driver, place, f"user=bob&link={LINK}")
        says(driver, "Your browser keeps no cookies inside this page")
        picture(driver, "new-window")
        click(driver, "Open the activity")
        wait(driver, lambda driver: len(driver.window_handles) == 2)
        driver.switch_to.window(driver.window_handles[1])
        says(driver, "Open the activity as Bob <b>Student</b>")
        click(driver, "Continue")
        found(driver, "input[type=file]")
        says(driver, "Problem set")
        # A platform without such storage: the launch begins again in a window, where cookies are kept.
        place.simulator.offers_storage = False
        open_in_frame(driver, place, f"user=bob&link={LINK}")
        says(driver, "Your browser keeps no cookies inside this page.")
        place.cookieless.clear()
        click(driver, "Open in a new window")
        wait(driver, lambda driver: len(driver.window_handles) == 3)
        driver.switch_to.window(driver.window_handles[2])
        found(driver, "input[type=file]")
        assert [one for one in complaints(driver) if "403" not in one] == []
    finally:
        driver.quit()


def test_pages_are_accessible_in_light_and_dark_and_fit_a_telephone(place: Place, notebook: Path, axe: str) -> None:
    driver = chromium()
    try:
        driver.get(f"{place.simulator.url}/launch?user=ada&link={LINK}&window=yes")
        found(driver, "summary").click()
        click(driver, "Make a key")
        says(driver, "autograder hand-in")
        accessible(driver, axe, "student")
        narrow = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
        picture(driver, "key-mobile")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 360
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        found(driver, "input[type=file]").send_keys(str(notebook))
        click(driver, "Hand in")
        says(driver, "the platform has it")
        accessible(driver, axe, "submission")
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
        picture(driver, "submission-mobile")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 360
        driver.get(f"{place.simulator.url}/launch?user=teacher&link={LINK}&window=yes")
        says(driver, "Rules")
        picture(driver, "roster-mobile")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 360
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        accessible(driver, axe, "roster")
        # The keyboard reaches everything, in order, and shows where it is.
        click(driver, "Ada")
        says(driver, "Extension")
        accessible(driver, axe, "person")
        driver.get(f"{place.simulator.url}/launch?user=teacher&deep=yes&window=yes")
        says(driver, "Choose an assignment")
        accessible(driver, axe, "deep-link")
    finally:
        driver.quit()
