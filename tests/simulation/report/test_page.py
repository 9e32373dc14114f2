"""Tests of the report page: whole, self-contained and honest."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE

from penchant.shared.errors import DataError
from penchant.simulation.report import (
    RoundRecord,
    Summary,
    append_round,
    write_report,
    write_summary,
)

Fields = dict[str, Any]
FACTS = [
    "Above popularity, by full ranking and with 99 negatives",
    "For 17.6% of the people tested",
    "popular gives 8.4%, the same ranker without federation gives 1.3%",
    "47.6%, against 38.4% and 31.3%; chance is 10%",
    "940 simulated devices trained the ranker “compact” together for 4 rounds",
    "4,321 numbers leave a device",
    "100,000 events",
    "probability 0.4 a round, 377 on average, at most 483",
    "Per user, ε = 7.9 with δ = 1e-6, against whoever gets a released ranker",
    "Noise multiplier 4.25, clipping norm 1.5, accounted with PLD (dp-accounting 0.6.0)",
    "passed: 96.5 hits of 943 without federation and with texts shuffled, where chance is one in "
    "ten; 430 would be suspicious",
    "a-model, 384 dimensions, abc123",
    "131 devices a second, 3.25 s a round, 5 min in all, 812 MB",
    "Seed 77",
    "penchant simulate --dataset cinema --out 'runs/<a & b>'",
    "flwr 1.42.0",
    "2026-01-02 03:04:05 UTC",
]
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Parses a page strictly: every element closed in order; keeps its text and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element; it is open from here."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element, which is closed at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """The innermost open element, and no other, may close."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text that people see."""
        if "style" not in self.open and data.strip():
            self.words.append(data)

    @property
    def text(self) -> str:
        """All visible text, with single spaces."""
        return " ".join(" ".join(self.words).split())


def page_of(folder: Path, fields: Fields, records: list[RoundRecord]) -> Page:
    """Write the run's files and its report, and parse it."""
    write_summary(folder, Summary.model_validate(fields))
    for record in records:
        append_round(folder, record)
    return Page(write_report(folder).read_text("utf-8"))


WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def page(tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]) -> Page:
    """The report of a run with privacy for the user."""
    return page_of(tmp_path, summary_fields, round_records)


def test_structure_is_valid(page: Page) -> None:
    """A document in a language, with a title, one main heading, and distinct identifiers."""
    assert page.html.startswith("<!DOCTYPE html>")
    tags = [tag for tag, _ in page.elements]
    for once in ("html", "head", "body", "main", "h1"):
        assert tags.count(once) == 1
    assert tags.count("title") == 1 + tags.count("svg")  # a figure has one of its own
    assert ("html", {"lang": "en"}) in page.elements
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_references_are_to_elements_of_the_page(page: Page) -> None:
    """Whatever a figure refers to exists."""
    identifiers = {attributes.get("id") for _, attributes in page.elements}
    references = re.findall(r"(?:url\(|href=\")#([^)\"]+)", page.html)
    assert references
    assert set(references) <= identifiers


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    """The page opens offline: no element loads a resource, and the browser is told to load none."""
    loading = {"src", "srcset", "data", "poster", "action", "background"}
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base"}
        assert not loading & set(attributes)
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import|@font-face", page.html)
    assert "default-src 'none'" in page.html


def test_every_figure_is_described(page: Page) -> None:
    """Whoever does not see a figure is told what it is and what it says."""
    images = [attributes for tag, attributes in page.elements if tag == "svg"]
    names = re.findall(r'<title id="([^"]+)">([^<]+)</title>', page.html)
    told = re.findall(r'<desc id="([^"]+)">([^<]+)</desc>', page.html)
    assert len(images) == len(names) == len(told) == 5
    for image, (name, _), (description, _) in zip(images, names, told, strict=True):
        assert image["role"] == "img"
        assert image["aria-labelledby"] == name
        assert image["aria-describedby"] == description
    assert names[0][1] == "HR@10 at test"
    assert "penchant 0.176" in told[0][1]
    assert "HR@10 goes from 0.1 in round 2 to 0.2 in round 4" in told[1][1]
    assert "loss goes from 6 in round 1 to 1.5 in round 4" in told[3][1]
    assert "per user goes from 0.5 in round 1 to 2 in round 4" in told[4][1]


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_page_fits_phone_and_desktop(
    page: Page,
    tmp_path: Path,
    open_browser: Callable[[tuple[int, int]], Chrome],
    size: tuple[int, int],
) -> None:
    """A browser shows it without horizontal scroll, and every figure is told in words."""
    window = open_browser(size)
    window.get((tmp_path / "report.html").as_uri())
    assert window.execute_script(f"return {WIDE}") <= 0
    figures = window.find_elements("tag name", "figure")
    assert len(figures) == page.html.count("<svg")
    for figure in figures:
        assert figure.find_element("tag name", "svg").accessible_name
        assert figure.is_displayed()
        assert figure.size["width"] <= size[0]


def test_lines_differ_without_colour(page: Page) -> None:
    """In black and white the second line is still told from the first: it is dashed."""
    assert "stroke-dasharray" in page.html
    assert re.search(r"stroke: var\(--first\)", page.html)
    assert not re.search(r"#0[1-4]0[1-4]0[1-4]\b", page.html)


def test_all_results_and_intervals_are_there(page: Page, summary_fields: Fields) -> None:
    """Each metric of each model by both protocols is in the table, with its interval."""
    models = [summary_fields["test"], *summary_fields["controls"].values()]
    for model in models:
        for protocol in model.values():
            for metric in ("hr@10", "ndcg@10", "mrr"):
                low, high = protocol["interval"][metric]
                shown = "\N{EN DASH}".join(f"{bound:.3f}"[1:] for bound in (low, high))
                assert f"{protocol[metric]:.3f} {shown}" in page.text


def test_controls_are_on_the_page(
    tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]
) -> None:
    """Each tuned control has its row, its setting and its lists; what is left out, its reason."""
    lists = {"coverage": 0.31, "diversity": 0.52, "novelty": 4.25, "popularity_bias": 1.375}
    results = summary_fields["controls"]["popularity"]
    ease = {
        "title": "EASE",
        "setting": {"lambda": 150},
        "tried": 6,
        "validation": results,
        "test": results | {"lists": lists},
    }
    shown = {"auc": 0.611, "mrr": 0.322, "ndcg@5": 0.343, "ndcg@10": 0.404, "impressions": 1234}
    controls = summary_fields["controls"] | {
        "tuned": {"ease": ease},
        "left_out": {"implicit ALS": "implicit is not installed"},
    }
    ours = summary_fields["test"] | {"lists": lists | {"novelty": 3.125}, "impressions": shown}
    fields = summary_fields | {"controls": controls, "test": ours}
    page = page_of(tmp_path, fields, round_records)
    for said in (
        "the best, by NDCG@10 of full ranking, is EASE: 0.042, against penchant's 0.088",
        "lambda 150, the best of 6 at validation",
        "Left out: implicit ALS. Implicit is not installed.",
        "0.310 0.520 4.250 1.375",
        "0.310 0.520 3.125 1.375",
        "1,234 impressions",
        "0.611 0.322 0.343 0.404",
    ):
        assert said in page.text


def test_what_was_run_achieved_and_promised_is_said(page: Page) -> None:
    """The page holds every fact of the summary, and escapes what could be taken for markup."""
    assert [fact for fact in FACTS if fact not in page.text] == []


@pytest.mark.parametrize(
    ("unit", "promises"),
    [("none", ["No differential privacy"]), ("both", ["Per user, ε = 8", "Per event, ε = 3"])],
)
def test_promises_follow_the_unit(
    tmp_path: Path,
    summary_fields: Fields,
    round_records: list[RoundRecord],
    unit: str,
    promises: list[str],
) -> None:
    """No privacy is said to be none; two units are two promises, each with its adversary."""
    guarantee = summary_fields["privacy"] | {"epsilon": 8.0}
    del guarantee["unit"]
    privacy = {
        "none": {"unit": "none"},
        "both": {
            "unit": "both",
            "user": guarantee,
            "event": guarantee | {"epsilon": 3.0, "adversary": "a curious server"},
        },
    }[unit]
    page = page_of(tmp_path, summary_fields | {"privacy": privacy}, round_records)
    assert all(promise in page.text for promise in promises)
    assert ("a curious server" in page.text) == (unit == "both")
    assert ("ε = " in page.text) == (unit == "both")


def test_suspected_leak_comes_first(
    tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]
) -> None:
    """Results that cannot be trusted are not praised."""
    leak = {"suspected": True, "hits": 940.0, "people": 943, "threshold": 430}
    page = page_of(tmp_path, summary_fields | {"leak_check": leak}, round_records)
    assert "A leak is suspected: these results cannot be trusted" in page.text
    assert "Above popularity" not in page.text


@pytest.mark.parametrize(
    ("better", "verdict"),
    [
        (["full"], "Above popularity by full ranking only"),
        (["sampled99"], "Above popularity with 99 negatives only"),
        ([], "Not above popularity by either protocol"),
    ],
)
def test_verdict_claims_no_more_than_was_reached(
    tmp_path: Path,
    summary_fields: Fields,
    round_records: list[RoundRecord],
    better: list[str],
    verdict: str,
) -> None:
    """Only a higher HR@10 and a higher NDCG@10 together count as above."""
    control = summary_fields["controls"]["popularity"]
    for protocol in {"full", "sampled99"} - set(better):
        control[protocol] = control[protocol] | {"ndcg@10": 0.9}
    page = page_of(tmp_path, summary_fields, round_records)
    assert verdict in page.text


def test_page_says_how_many_people_were_evaluated_if_not_all(
    tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]
) -> None:
    """A sample is named as one; without one, nothing is said."""
    fields = summary_fields | {"devices": 1_000_000, "evaluated_people": 2000}
    page = page_of(tmp_path, fields, round_records)
    assert "2,000 of the 1,000,000 people are evaluated, the same for every model." in page.text
    assert "are evaluated" not in page_of(tmp_path, summary_fields, []).text


def test_run_without_evaluated_rounds_has_a_page(tmp_path: Path, summary_fields: Fields) -> None:
    """Without rounds to draw there are no curves, and the rest is there."""
    page = page_of(tmp_path, summary_fields, [])
    assert page.html.count("<svg") == 1
    assert "Validation by round" not in page.text


def test_same_run_gives_the_same_page(
    tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]
) -> None:
    """Nothing on the page depends on when it was made."""
    first = page_of(tmp_path, summary_fields, round_records).html
    assert write_report(tmp_path).read_text("utf-8") == first


def test_unusable_run_leaves_the_old_page(
    tmp_path: Path, summary_fields: Fields, round_records: list[RoundRecord]
) -> None:
    """If the summary cannot be read, there is an error and the page stays as it was."""
    old = page_of(tmp_path, summary_fields, round_records).html
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(DataError, match="Field required"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text("utf-8") == old
    assert not list(tmp_path.glob(".*"))
