"""Tests of sequences as they are published with sequential recommenders."""

from pathlib import Path

import pytest

from penchant.shared.errors import DataError
from penchant.simulation.datasets import Dataset, load


def histories(dataset: Dataset) -> dict[str, list[str]]:
    """Return everybody's items, by name."""
    return {
        person: [dataset.item_ids[item] for item in dataset.history(number)[0]]
        for number, person in enumerate(dataset.person_ids)
    }


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("u1 4 9 3\nu2 9 4\n", ""),
        ("u1 4\nu1 9\nu2 9\nu1 3\nu2 4\n", ""),
        ("u1\t4,9,3\r\n\r\nu2\t9,4", ""),
        ("u1: 4 9 3\nu2: 9 4\n", ""),
        ("u1 3 9 4\nu2 4 9\n", ",newest_first=yes"),
        ("u1/4/9/3\nu2/9/4\n", ",separator=/"),
        ('{"u1": [4, 9, 3],\n "u2": ["9", "4"]}', ""),
    ],
)
def test_forms_of_sequences(content: str, options: str, tmp_path: Path) -> None:
    """A line a person, or several; whatever stands between identifiers; order is all there is."""
    (tmp_path / "s.txt").write_text(content, newline="")
    dataset = load(f"sequences:{tmp_path}/s.txt{options}")
    assert histories(dataset) == {"u1": ["4", "9", "3"], "u2": ["9", "4"]}
    assert not dataset.has_times


def test_lines_without_users_are_a_person_each(tmp_path: Path) -> None:
    """Sessions have no name but their line's number."""
    (tmp_path / "s.txt").write_text("4 9\n\n7\n")
    assert histories(load(f"sequences:{tmp_path}/s.txt,users=no")) == {"1": ["4", "9"], "3": ["7"]}


def test_items_get_their_texts_from_a_table(tmp_path: Path) -> None:
    """The catalogue is the table's, with what was met and is not in it after it."""
    (tmp_path / "s.txt").write_text("u 2 5\n")
    (tmp_path / "i.csv").write_text("id,title\n1,Alien\n2,Heat\n")
    dataset = load(f"sequences:{tmp_path}/s.txt,items={tmp_path}/i.csv")
    assert dataset.item_words == ("Alien", "Heat", "5")


def test_users_without_items_are_malformed_lines(tmp_path: Path) -> None:
    """They are counted, with their lines."""
    (tmp_path / "s.txt").write_text("u1 1 2\nu2\nu3 1\n")
    with pytest.raises(DataError, match=r"1 of 3 rows .* \(line 2: a user and no items\)"):
        load(f"sequences:{tmp_path}/s.txt")
    assert load(f"sequences:{tmp_path}/s.txt,tolerate=0.5").person_ids == ("u1", "u3")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"u": 3}', "has no list of items for user 'u'"),
        ('{"u": [["4", 9]]}', "has no list of items for user 'u'"),
        ('{"u": [4]', "is not a JSON object"),
    ],
)
def test_json_that_is_no_sequences_is_refused(content: str, told: str, tmp_path: Path) -> None:
    """The error says of whom."""
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(DataError, match=told):
        load(f"sequences:{tmp_path}/s.json")
