"""The example reader, as its reader meets it: a real device, a real page, a real browser."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

EXAMPLE = Path(__file__).parents[2] / "examples" / "reader"
PHONE = (390, 844)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the example's articles on a free port; stopped by its own process."""
    folder = tmp_path_factory.mktemp("reader")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(EXAMPLE / "reader.py"), str(EXAMPLE / "articles")]
    command += ["--device", str(folder / "device"), "--key-file", str(folder / "key")]
    with subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"the reader ended: {server.stderr and server.stderr.read().decode()}")
        try:
            urllib.request.urlopen(url).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail("the reader does not answer")


@pytest.fixture
def browser(address: str, open_browser: Callable[..., Chrome]) -> Chrome:
    """A desktop window on the first page."""
    window = open_browser()
    window.get(address)
    return window


def titles(browser: Chrome) -> list[str]:
    """Return what is recommended, in order."""
    return [found.text for found in browser.find_elements(By.CSS_SELECTOR, "li h2")]


def follow(browser: Chrome, by: str, value: str) -> None:
    """Click a link or a button and wait for the page that it leads to."""
    page = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(by, value).click()
    WebDriverWait(browser, 60).until(staleness_of(page))


def search(browser: Chrome, query: str) -> None:
    """Type a search and send it."""
    follow(browser, By.LINK_TEXT, "For you")
    browser.find_element(By.NAME, "query").send_keys(query)
    follow(browser, By.CSS_SELECTOR, "form.search button")


def test_recommendations_follow_and_say_why(browser: Chrome) -> None:
    """After a search the list is of its theme, and the page says the search moved it."""
    search(browser, "watching planets and comets in the night sky")
    assert "Saturn" in " ".join(titles(browser)[:3])
    browser.find_element(By.CSS_SELECTOR, "li summary").click()
    assert "you searched for" in browser.find_element(By.CSS_SELECTOR, "li table").text


def test_an_article_is_read_once_and_can_be_turned_down(browser: Chrome) -> None:
    """What was read is not recommended again; a dislike is kept."""
    title = titles(browser)[0]
    follow(browser, By.LINK_TEXT, title)
    follow(browser, By.CSS_SELECTOR, "button[value=dislike]")
    assert title not in titles(browser)


def test_a_muted_interest_is_listed_and_undone(browser: Chrome) -> None:
    """The person's edit shows at once, and can be taken back."""
    search(browser, "baking bread at home")
    follow(browser, By.LINK_TEXT, "Interests")
    tag = titles(browser)[0]
    follow(browser, By.CSS_SELECTOR, f"button[aria-label='None of it: {tag}']")
    assert f"{tag}: none of it" in browser.find_element(By.TAG_NAME, "main").text
    assert titles(browser)[1:].count(tag) == 0
    follow(browser, By.CSS_SELECTOR, f"button[aria-label='Undo: {tag}']")
    assert "What you changed" not in browser.find_element(By.TAG_NAME, "main").text


def test_what_is_kept_is_shown_and_forgotten(address: str, browser: Chrome) -> None:
    """One event goes, then all; what is exported afterwards has none."""
    search(browser, "a rare word: xylophone")
    follow(browser, By.LINK_TEXT, "Privacy")
    assert "xylophone" in browser.find_element(By.CSS_SELECTOR, "li").text
    follow(browser, By.CSS_SELECTOR, "li button")
    assert "xylophone" not in browser.page_source
    follow(browser, By.CSS_SELECTOR, "button.danger")
    with urllib.request.urlopen(f"{address}/privacy/export") as answer:
        assert json.load(answer)["events"] == []


@pytest.mark.parametrize("path", ["/", "/interests", "/privacy", "/articles/saturn", "/nothing"])
def test_pages_fit_a_phone(path: str, address: str, open_browser: Callable[..., Chrome]) -> None:
    """Nothing is wider than the screen, and buttons are large enough for a thumb."""
    window = open_browser(PHONE)
    window.get(address + path)
    assert window.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    for button in window.find_elements(By.TAG_NAME, "button"):
        assert button.size["height"] >= 40


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_forms_of_other_sites_are_refused(origin: str | None, address: str) -> None:
    """A page open in the same browser can neither feed the device nor empty it."""
    headers = {} if origin is None else {"Origin": origin}
    request = urllib.request.Request(
        f"{address}/privacy/forget", data=b"everything=yes", headers=headers
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/privacy/forget", b"event=abc"),
        ("/privacy/forget", b"event=99999999999999999999"),
        ("/articles/batteries/react", b"reaction=shrug"),
    ],
)
def test_forms_that_say_nothing_usable_are_refused(path: str, form: bytes, address: str) -> None:
    """What no button of ours sends is told as the form's fault, and changes nothing."""
    request = urllib.request.Request(f"{address}{path}", data=form, headers={"Origin": address})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


def test_another_host_name_is_refused(address: str) -> None:
    """A name that is rebound to this machine does not reach the reader."""
    request = urllib.request.Request(address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
