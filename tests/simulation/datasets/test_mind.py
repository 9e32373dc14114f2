"""Tests of reading MIND: news, histories, clicks and impressions."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from penchant.shared.errors import DataError
from penchant.simulation.datasets import load

NEWS = 'N1\tnews\tworld\tA "quoted\tAbstract.\thttps://x\t[]\t[]\nN2\tsports\t\tGoal\t\thttps://x\t[]\t[]\n'
LATER = "1\tU1\t11/12/2019 1:00:00 PM\tN1 N2\tN3-0 N2-1"
EARLIER = "2\tU1\t11/11/2019 9:05:58 AM\tN2\tN1-1 N3-0"
OTHER = "3\tU2\t11/11/2019 9:05:58 AM\t\tN1-0 N2-1"


def write(folder: Path, behaviours: str, news: str = NEWS) -> None:
    """Write one folder of MIND."""
    folder.mkdir(exist_ok=True)
    (folder / "news.tsv").write_text(news)
    (folder / "behaviors.tsv").write_text(behaviours)


def test_events_are_the_first_history_and_then_the_clicks(tmp_path: Path) -> None:
    """Histories lie before the first impression; news that are not in the file have no text."""
    write(tmp_path, f"{LATER}\n{EARLIER}\n{OTHER}\n")
    dataset = load(f"mind:{tmp_path}")
    assert dataset.item_ids == ("N1", "N2", "N3")
    assert dataset.item_texts == ('A "quoted. news, world', "Goal. sports", "")
    names = {person: number for number, person in enumerate(dataset.person_ids)}
    items, times = dataset.history(names["U1"])
    assert [dataset.item_ids[item] for item in items] == ["N2", "N1", "N2"]
    assert times.tolist() == [1573463158 - 3600, 1573463158, 1573563600]
    assert [dataset.item_ids[i] for i in dataset.history(names["U2"])[0]] == ["N2"]


def test_impressions_are_kept_in_order_of_time(tmp_path: Path) -> None:
    """What was shown, to whom, when, and what was clicked."""
    write(tmp_path, f"{LATER}\n{EARLIER}\n{OTHER}\n")
    dataset = load(f"mind:{tmp_path}")
    shown = dataset.impressions
    assert shown is not None
    assert [dataset.person_ids[person] for person in shown.people] == ["U1", "U2", "U1"]
    lists = np.split(shown.items, shown.offsets[1:-1])
    assert [[dataset.item_ids[i] for i in some] for some in lists] == [
        ["N1", "N3"],
        ["N1", "N2"],
        ["N3", "N2"],
    ]
    assert shown.clicked.tolist() == [True, False, False, True, False, True]
    first = dataset.head(1).impressions
    assert first is not None
    assert set(first.people.tolist()) == {0}


def test_train_and_dev_are_read_as_one(mind_folder: Path) -> None:
    """People and news of both; each click of an impression is an event."""
    dataset = load(f"mind:{mind_folder}")
    assert (dataset.n_people, dataset.n_items) == (40, 160)
    assert dataset.impressions is not None
    assert len(dataset.impressions) == 2 * (30 + 20)
    assert dataset.has_times
    assert "Brady" in dataset.item_texts[0]


def test_few_events_leave_out_a_persons_impressions_too(tmp_path: Path) -> None:
    """Nobody is shown anything who is not there."""
    write(tmp_path, f"{LATER}\n{EARLIER}\n{OTHER}\n")
    dataset = load(f"mind:{tmp_path},min_events=2")
    assert dataset.person_ids == ("U1",)
    assert dataset.impressions is not None
    assert dataset.impressions.people.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("4\tU1\tlater\tN1\tN1-1", "not a time"),
        ("4\t\t11/11/2019 9:05:58 AM\tN1\tN1-1", "no user"),
        ("4\tU1\t11/11/2019 9:05:58 AM\tN1\tN1 N2", "impressions without clicks"),
        ("4\tU1\t11/11/2019 9:05:58 AM\tN1", "4 fields, expected 5"),
    ],
)
def test_malformed_rows_have_lines(line: str, told: str, tmp_path: Path) -> None:
    """The test part of MIND, which tells no clicks, is refused in the same way."""
    write(tmp_path, f"{LATER}\n{line}\n")
    with pytest.raises(DataError, match=rf"line 2: {told}"):
        load(f"mind:{tmp_path}")


def test_folder_without_mind_is_refused(tmp_path: Path) -> None:
    """The error names the files."""
    with pytest.raises(DataError, match=r"expected news\.tsv and behaviors\.tsv"):
        load(f"mind:{tmp_path}")


def test_downloads_are_read_as_they_are_and_the_test_set_gives_its_news(tmp_path: Path) -> None:
    """A folder of archives; what does not say what was clicked is told, and has no events."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    lists = {
        "MINDlarge_train": f"{LATER}\n{EARLIER}\n",
        "MINDlarge_dev": f"{OTHER}\n",
        "MINDlarge_test": "1\tU3\t11/16/2019 8:00:00 AM\tN1\tN1 N2 N4\n",
    }
    for name, behaviours in lists.items():
        news = NEWS + "N4\tnews\tworld\tLate\t\thttps://x\t[]\t[]\n" * (name == "MINDlarge_test")
        with zipfile.ZipFile(downloads / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}/news.tsv", news)
            archive.writestr(f"{name}/behaviors.tsv", behaviours)
            archive.writestr(f"{name}/entity_embedding.vec", "Q1\t0.1\n")
            archive.writestr(f"__MACOSX/{name}/news.tsv", "x")
    told: list[str] = []
    dataset = load(f"mind:{downloads}", tell=told.append)
    assert sorted(dataset.person_ids) == ["U1", "U2"]
    assert dict(zip(dataset.item_ids, dataset.item_texts, strict=True))["N4"] == "Late. news, world"
    assert any("MINDlarge_test does not say what was clicked" in note for note in told)
    with pytest.raises(DataError, match="says what was clicked, as N1-1 N2-0"):
        load(f"mind:{downloads / 'MINDlarge_test.zip'}")
