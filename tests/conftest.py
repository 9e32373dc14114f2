"""What every test has: a state folder that is not the user's; and a browser for who asks."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from penchant.shared.files import STATE_VARIABLE

# How long an example takes is for benchmarks to say: a busy machine is no failure. What passed
# passes again: other examples are for whoever asks for them, by ``--hypothesis-profile explore``.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("penchant", PATIENT, derandomize=True)
settings.register_profile("explore", PATIENT)
settings.load_profile("penchant")

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep witnesses of privacy ledgers out of the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def open_browser() -> Iterator[Callable[[tuple[int, int]], Chrome]]:
    """Open headless Chromium windows of a size in pixels; they load nothing but this machine's."""
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or browser is None:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    opened: list[Chrome] = []

    def opener(size: tuple[int, int] = DESKTOP) -> Chrome:
        options = ChromeOptions()
        options.binary_location = browser
        for flag in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--window-size={size[0]},{size[1]}",
        ):
            options.add_argument(flag)
        if size[0] < 500:  # a window has a least width; a phone's has not
            metrics = {"width": size[0], "height": size[1], "pixelRatio": 2.0}
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
        opened.append(Chrome(options, Service(driver)))
        return opened[-1]

    yield opener
    for window in opened:
        window.quit()
