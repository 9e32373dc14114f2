"""The operator's page, as a browser shows it: what it says of the privacy budget."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from starlette.applications import Starlette
from starlette.testclient import TestClient

from penchant.server.service.standing import Standing
from penchant.server.web.operator import operator_routes
from penchant.server.web.overview import Overview

NOISED = Standing(
    round_number=1, rounds=5, epsilon=2.0, epsilon_after_next=3.0, delta=1e-6, budget=8.0
)
TRIAL = replace(NOISED, epsilon=None, epsilon_after_next=None)


@pytest.fixture(scope="module")
def browser(open_browser: Callable[..., Chrome]) -> Chrome:
    """One window for all."""
    return open_browser()


@pytest.mark.parametrize(
    ("standing", "width", "words"),
    [
        (Standing(), "0%", "Nothing is spent: no round has begun."),
        (
            replace(TRIAL, epsilon=0.0, round_number=0),
            None,
            "Nothing is spent yet, but rounds have",
        ),
        (TRIAL, None, "there is no user-level privacy"),
        (replace(NOISED, epsilon=0.0), "0%", "epsilon 0.000 of 8.000 spent"),
        (NOISED, "25%", "epsilon 2.000 of 8.000 spent, at delta 1.0e-6"),
        (replace(NOISED, epsilon=9.0), "100%", "epsilon 9.000 of 8.000 spent"),
    ],
    ids=["no catalogue", "trial begins", "trial", "begins", "a quarter", "over"],
)
def test_the_bar_is_the_share_of_a_budget_that_holds(
    browser: Chrome, tmp_path: Path, standing: Standing, width: str | None, words: str
) -> None:
    """It is empty at first, and not there where rounds have no noise: the words say so instead."""
    seen = Overview(0.0, standing, 0, 0, 0, 0, rounds=[], refusals={}, troubles=[])
    client = TestClient(Starlette(routes=operator_routes(lambda: seen)))
    page = tmp_path / "status.html"
    page.write_text(client.get("/status").text)
    browser.get(page.as_uri())
    assert words in browser.find_element(By.ID, "privacy").text
    bar = browser.find_element(By.ID, "budget")
    assert bar.is_displayed() == (width is not None)
    if width is not None:
        assert f"width: {width}" in (bar.find_element(By.ID, "spent").get_attribute("style") or "")
