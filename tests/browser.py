"""A real headless Chromium for tests that look at pages; skipped where it is missing, but not in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver

FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"


@contextmanager
def chromium(width: int = 1100, height: int = 900, *, dark: bool = False) -> Iterator[Any]:
    """A browser with an empty profile that keeps the console's log."""
    browser, service = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or service is None:
        reason = "no page was looked at: chromium or chromedriver is missing (apt-get install chromium chromium-driver)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--window-size={width},{height}")
    if dark:
        options.add_argument("--blink-settings=preferredColorScheme=0")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(service))
    try:
        yield driver
    finally:
        driver.quit()


def complaints(driver: Any) -> list[str]:
    """What stands in the console: errors, warnings, what the Content-Security-Policy refused."""
    return [entry["message"] for entry in driver.get_log("browser")]
