"""``penchant compare``: tables, JSON, and a page that a browser shows at any width."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE
from tests.simulation.conftest import PRIVACY, scores

from penchant.shared.command_line import main

MakeRun = Callable[..., Path]
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOT_TOLD = (
    "[...document.querySelectorAll('figure')]"
    ".filter(f => !f.querySelector('svg[role=img] > desc')).length"
)


@pytest.fixture
def runs(make_run: MakeRun) -> list[Path]:
    """Three runs, one with a long name that HTML would read."""
    return [
        make_run("with-privacy"),
        make_run("without", privacy=PRIVACY["none"], preset="full", test=scores(0.231)),
        make_run("<b>both & a_long_name_that_has_no_place_to_break", privacy=PRIVACY["both"]),
    ]


def compare(*arguments: object) -> None:
    """Run ``penchant compare``, which succeeds."""
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments)])
    assert stopped.value.code in (None, 0)


def test_tables_have_metrics_epsilon_and_what_differs(
    runs: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run's metrics with intervals, its epsilon, controls, and settings that differ."""
    monkeypatch.setenv("COLUMNS", "200")
    compare(*runs)
    shown = capsys.readouterr().out
    for told in ("0.231 (.208\N{EN DASH}.254)", "7.9 per user", "no bound", "popularity", "preset"):
        assert told in shown


def test_json_is_one_object(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the same figures, by the metrics' own names."""
    compare(*runs, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["runs"][1]["test"]["full"]["hr@10"] == 0.231
    assert found["different"]["preset"] == ["compact", "full", "compact"]


def test_page_fits_phone_and_desktop(
    runs: list[Path], tmp_path: Path, open_browser: Callable[[tuple[int, int]], Chrome]
) -> None:
    """No horizontal scroll, every figure told in words, every run on it, names as they are."""
    page = tmp_path / "new" / "compare.html"
    compare(*runs, "--out", page)
    for size in (PHONE, DESKTOP):
        window = open_browser(size)
        window.get(page.as_uri())
        assert window.execute_script(f"return {WIDE}") <= 0
        assert window.execute_script(f"return {NOT_TOLD}") == 0
        text = window.find_element("tag name", "body").text
        assert "<b>both & a_long_name" in text
        assert "0.231" in text
        assert "Settings that differ" in text


def test_refused_runs_leave_no_page(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, exit code 2, nothing written."""
    page = tmp_path / "compare.html"
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "compare",
                str(make_run("one")),
                str(make_run("two", protocol="time")),
                "--out",
                str(page),
            ]
        )
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be compared" in line
    assert not page.exists()
