"""``penchant simulate`` on data sets that are not in this repository, with no code changed.

News in the form of MIND, a German shop's order-only events, and a Chinese table in the wide form,
each small, with planted tastes.
"""

from pathlib import Path

import pytest
from tests.simulation.datasets.shortruns import simulate

from penchant.shared.command_line import main
from penchant.shared.encoding.cached import find_bundle
from penchant.simulation.report import Summary


def check(summary: Summary, out: Path) -> None:
    """The report is there, nothing leaks, and every figure is one that the data can give."""
    assert "<html" in (out / "report.html").read_text()
    assert summary.leak_check is not None
    assert not summary.leak_check.suspected
    assert summary.devices == 40
    for results in (summary.test, summary.validation, summary.controls.popularity):
        assert 0 <= results.full.hr <= results.sampled99.hr <= 1
    # All items are as popular, so popularity tells next to nothing: chance is 0.1.
    assert summary.controls.popularity.sampled99.hr <= 0.4


def test_news_in_the_form_of_mind(mind_folder: Path, tmp_path: Path) -> None:
    """Themes that titles tell lift the trained ranker above popularity."""
    summary = simulate(f"mind:{mind_folder}", tmp_path / "run")
    check(summary, tmp_path / "run")
    assert (summary.dataset.items, summary.dataset.events) == (160, 500)
    assert summary.test.sampled99.ndcg > summary.controls.popularity.sampled99.ndcg


def test_order_only_events_with_german_texts(
    shop_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shop without times, and a language model given by its folder."""
    dataset = f"table:{shop_folder}/bewertungen.csv,items={shop_folder}/artikel.tsv"
    summary = simulate(dataset, tmp_path / "run", "--encoder", str(find_bundle("minilm")))
    check(summary, tmp_path / "run")
    assert (summary.dataset.items, summary.dataset.events) == (150, 426)
    assert summary.test.sampled99.ndcg > summary.controls.popularity.sampled99.ndcg
    assert "order only" in capsys.readouterr().err


def test_few_people_and_few_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten people and six items go through; the report says how many negatives there were."""
    path = tmp_path / "few.csv"
    rows = [
        f"p{person},i{(person + step) % 6},Thing {(person + step) % 6}"
        for person in range(10)
        for step in range(4)
    ]
    path.write_text("\n".join(["user,item,title", *rows, "late,i1,", "later,i2,"]))
    summary = simulate(f"table:{path}", tmp_path / "run")
    assert (summary.devices, summary.evaluated_people, summary.negatives) == (12, 10, 2)
    assert summary.leak_check is not None
    assert not summary.leak_check.suspected
    assert "here only 2" in (tmp_path / "run" / "report.html").read_text()
    assert "have 2 instead" in capsys.readouterr().err


def test_nothing_to_hold_out_is_an_error_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, no folder; and a moment for all needs times."""
    path = tmp_path / "short.csv"
    path.write_text("user,item,title\na,x,X\na,y,Y\nb,x,X\nb,z,Z\n")
    for flags, told in (
        ([], "has three different items"),
        (["--protocol", "time"], "use --protocol leave-one-out"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(
                [
                    "simulate",
                    "--quiet",
                    "--dataset",
                    f"table:{path}",
                    "--out",
                    str(tmp_path / "run"),
                    *flags,
                ]
            )
        assert stopped.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line
        assert not (tmp_path / "run").exists()


def test_wide_table_in_chinese(
    people_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run in a language that the model was not made for goes through, and says so."""
    summary = simulate(f"wide:{people_file}", tmp_path / "run", "--preset", "compact")
    check(summary, tmp_path / "run")
    told = capsys.readouterr().err
    assert "100% of the item texts are in Han script" in told
    assert "--encoder, such as use-multilingual" in told
    assert "80 searches left out" in told
