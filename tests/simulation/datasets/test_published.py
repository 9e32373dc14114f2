"""``penchant simulate`` on data sets in their published forms and in other languages.

Every family is written by the test, with structure: people choose by theme, and popular things of
it first. So popularity is above chance, what people have in common is above popularity, and texts
tell themes apart.
"""

from pathlib import Path

import pytest
from tests.simulation.datasets.published import FAMILIES, ITEMS, PEOPLE, shop
from tests.simulation.datasets.shortruns import simulate

from penchant.simulation.report import Summary

CHANCE = 0.1  # HR@10 among 99 negatives
WITHOUT_TEXTS = ("amazon_ratings", "beauty")


def check(summary: Summary, out: Path) -> None:
    """The report is there, nothing leaks, and controls stand as the data were made."""
    assert "<html" in (out / "report.html").read_text()
    assert summary.leak_check is not None
    assert not summary.leak_check.suspected
    assert (summary.devices, summary.dataset.people) == (PEOPLE, PEOPLE)
    assert ITEMS - 5 <= summary.dataset.items <= ITEMS
    tuned = summary.controls.tuned
    popularity = summary.controls.popularity.sampled99
    assert popularity.hr > 1.5 * CHANCE
    for name in ("item-knn", "ease"):
        assert tuned[name].test.sampled99.ndcg > popularity.ndcg


@pytest.mark.parametrize("family", FAMILIES)
def test_published_forms(family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report with sane controls, and no code changed; with texts, or saying that there are none.

    The seed of the data is fixed, and controls are far from what is asked of them.
    """
    summary = simulate(FAMILIES[family](tmp_path), tmp_path / "run")
    check(summary, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    if family in WITHOUT_TEXTS:
        assert "No item has a text" in page
        assert "tf-idf" not in summary.controls.tuned
        assert "no item has a text" in capsys.readouterr().err
    else:
        assert "No item has a text" not in page
        assert summary.controls.tuned["tf-idf"].test.sampled99.hr > 2 * CHANCE


@pytest.mark.parametrize(
    ("language", "encoding"),
    [("de", "latin-1"), ("ja", "shift_jis"), ("ar", "cp1256"), ("hi", "utf-8")],
)
def test_other_languages(language: str, encoding: str, tmp_path: Path) -> None:
    """In their old encodings, with dates as they write them; the model for many tells themes apart.

    Hindi is not among its languages, and only has to make a report with sane controls.
    """
    dataset = shop(tmp_path, language, encoding=encoding)
    summary = simulate(dataset, tmp_path / "run", "--encoder", "use-multilingual")
    check(summary, tmp_path / "run")
    content = summary.controls.tuned["embedding-similarity"].test.sampled99.hr
    assert content > 2 * CHANCE or language == "hi"
