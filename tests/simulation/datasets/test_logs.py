"""Tests of data sets from anybody's tables: events with items, order only, and the wide form."""

from pathlib import Path

import numpy as np
import pytest

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import Dataset, load


def loaded(name: str) -> tuple[Dataset, list[str]]:
    """Return a data set, and what was told on the way."""
    told: list[str] = []
    return load(name, tell=told.append), told


def test_events_and_items_make_a_data_set(tmp_path: Path) -> None:
    """The catalogue is the items' in their order, then what else was met; searches are left out."""
    (tmp_path / "events.csv").write_text(
        "who;what;when;title\nann;m2;2024-01-02;\nbob;m9;2024-01-01;Ninth\nann;m1;2024-01-01;\n"
        "ann;;2024-01-03;a search\n"
    )
    (tmp_path / "items.csv").write_text("id,title\nm1,First\nm2,Second\nm3,Third\nm1,Again\n")
    dataset, told = loaded(
        f"table:{tmp_path}/events.csv,items={tmp_path}/items.csv,user=who,item=what,time=when"
    )
    assert dataset.item_ids == ("m1", "m2", "m3", "m9")
    assert dataset.item_texts == ("First", "Second", "Third", "Ninth")
    assert dataset.person_ids == ("ann", "bob")
    assert [v.tolist() for v in dataset.history(0)] == [[0, 1], [1704067200, 1704153600]]
    assert dataset.has_times
    assert any("1 events on no item" in note for note in told)
    assert any("1 items have events and are not in" in note for note in told)
    assert any("1 rows of" in note and "repeat" in note for note in told)


def test_order_only_events_keep_each_persons_order(shop_folder: Path) -> None:
    """Without times the file's order is all there is, and the data set says so."""
    dataset, told = loaded(f"table:{shop_folder}/bewertungen.csv,items={shop_folder}/artikel.tsv")
    assert not dataset.has_times
    assert (dataset.n_people, dataset.n_items) == (40, 150)
    lines = (shop_folder / "bewertungen.csv").read_text().splitlines()[1:]
    own = [line.split(",")[1] for line in lines if line.startswith("A00007,")]
    person = dataset.person_ids.index("A00007")
    items, times = dataset.history(person)
    assert [dataset.item_ids[item] for item in items] == own
    assert set(np.diff(times)) == {3600}
    assert dataset.item_texts[0] == "Gusseiserner Bräter, 0 Liter, für Ofen und Herd. Küche"
    assert "order only: events are set an hour apart" in told


def test_small_numbers_as_times_are_an_order(tmp_path: Path) -> None:
    """Steps 3, 1, 2 are no times in January 1970."""
    (tmp_path / "e.csv").write_text("user,item,time,title\na,x,3,X\na,y,1,Y\na,z,2,Z\n")
    dataset, _ = loaded(f"table:{tmp_path}/e.csv")
    assert not dataset.has_times
    assert [dataset.item_ids[item] for item in dataset.history(0)[0]] == ["y", "z", "x"]


def test_wide_table_makes_a_data_set(people_file: Path) -> None:
    """Every thing viewed or clicked is an item with itself as its text; searches are counted."""
    dataset, told = loaded(f"wide:{people_file}")
    assert (dataset.n_people, dataset.has_times) == (40, False)
    assert dataset.item_ids == dataset.item_texts
    assert all("推荐" not in text for text in dataset.item_texts)
    assert any("80 searches left out" in note for note in told)
    assert any("';' (history)" in note for note in told)


def test_wide_entries_are_items_by_number_or_by_text(tmp_path: Path) -> None:
    """With a table of items an entry may name one either way; what is in neither is an item too."""
    (tmp_path / "w.csv").write_text("user,history,clicks\na,m1;heat ;Other,m2@2024-01-01\n")
    (tmp_path / "i.csv").write_text("id,title\nm1,Alien\nm2,Heat\n")
    dataset, told = loaded(f"wide:{tmp_path}/w.csv,items={tmp_path}/i.csv")
    assert [dataset.item_ids[item] for item in dataset.history(0)[0]] == ["m1", "m2", "m2", "Other"]
    assert any("1 items have events and are not in" in note for note in told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("item,title\nx,X\n", "known to be the user; say which one is, such as user="),
        ("A2EF,555,5.0,978480000\n", "known to be the item .* read the file without a header"),
        ("user,item,title\n", "no events that can be used"),
        ("user,item,title\na,,X\n", "no events that can be used"),
    ],
)
def test_table_that_makes_no_data_set_is_refused(content: str, told: str, tmp_path: Path) -> None:
    """The error says what to do."""
    (tmp_path / "e.csv").write_text(content)
    with pytest.raises(DataError, match=told):
        load(f"table:{tmp_path}/e.csv")


def test_nobody_with_enough_events_is_an_error(tmp_path: Path) -> None:
    """The error has the most that anybody has."""
    (tmp_path / "e.csv").write_text("user,item,title\na,x,X\na,y,Y\nb,x,X\n")
    with pytest.raises(DataError, match=r"nobody in .* has 3 events, the most is 2"):
        load(f"table:{tmp_path}/e.csv,min_events=3")


def test_items_without_texts_are_told_apart_by_their_identifiers(tmp_path: Path) -> None:
    """The data set has no texts, and what a language model is told are the identifiers."""
    (tmp_path / "e.csv").write_text("user,item\na,x\nb,y\n")
    dataset, told = loaded(f"table:{tmp_path}/e.csv")
    assert (dataset.item_texts, dataset.item_words) == (("", ""), ("x", "y"))
    assert any("no item has a text" in note for note in told)


def test_what_people_say_of_an_item_is_not_its_text(tmp_path: Path) -> None:
    """A guessed column with another text each time is left out and told; asked for, it is used."""
    rows = [f"u{n},i{n % 3},I think {n} times of it" for n in range(9)]
    (tmp_path / "reviews.csv").write_text("\n".join(["user,item,text", *rows]))
    dataset, told = loaded(f"table:{tmp_path}/reviews.csv")
    assert not any(dataset.item_texts)
    assert any("column 'text' is not used" in note for note in told)
    dataset, _ = loaded(f"table:{tmp_path}/reviews.csv,text=text")
    assert dataset.item_texts[0] == "I think 0 times of it"
    same = [f"u{n},i{n % 3},Thing {n % 3}" for n in range(9)]
    (tmp_path / "titles.csv").write_text("\n".join(["user,item,text", *same]))
    assert loaded(f"table:{tmp_path}/titles.csv")[0].item_texts == ("Thing 0", "Thing 1", "Thing 2")


def test_time_format_says_whose_march_it_is(tmp_path: Path) -> None:
    """05/03/2024 is a time once its form is said; a form that is none is an error."""
    (tmp_path / "e.csv").write_text("user,item,date\na,x,05/03/2024\na,y,01/04/2024\n")
    dataset, _ = loaded(f"table:{tmp_path}/e.csv,time_format=%d/%m/%Y")
    assert dataset.has_times
    assert dataset.history(0)[1].tolist() == [1_709_596_800, 1_711_929_600]
    with pytest.raises(DataError, match="are malformed"):
        load(f"table:{tmp_path}/e.csv")
    with pytest.raises(ConfigurationError, match="is no form of times"):
        load(f"table:{tmp_path}/e.csv,time_format=%Q")


def test_dislikes_are_no_choices(tmp_path: Path) -> None:
    """What somebody hides is not what they come for next: left out and counted."""
    (tmp_path / "e.csv").write_text("user,item,action\na,x,click\na,y,hide\na,z,purchase\n")
    dataset, told = loaded(f"table:{tmp_path}/e.csv")
    assert [dataset.item_ids[item] for item in dataset.history(0)[0]] == ["x", "z"]
    assert any("1 dislikes left out" in note for note in told)
