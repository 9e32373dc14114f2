"""Tests of data sets from anybody's tables: events with items, order only, and the wide form."""

from pathlib import Path

import numpy as np
import pytest

from penchant.client import EventKind
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


def kinds_of(dataset: Dataset) -> list[str]:
    """The kinds of the first person's events, in order."""
    return [list(EventKind)[number].value for number in dataset.kinds_of(0)]


def test_kinds_are_read_where_a_column_tells_them(tmp_path: Path) -> None:
    """Usual words by themselves, others by what is said of them; what means none is left out."""
    (tmp_path / "e.csv").write_text(
        "user,item,time,action\na,x,3,buy\na,y,1,pv\na,z,2,gaze\na,w,4,refund\n"
    )
    dataset, told = loaded(f"table:{tmp_path}/e.csv,kinds=gaze:dwell,refund:none")
    assert [dataset.item_ids[item] for item in dataset.history(0)[0]] == ["y", "z", "x"]
    assert kinds_of(dataset) == ["view", "dwell", "purchase"]
    assert dataset.kinds is not None
    assert dataset.kinds.dtype == np.int8
    assert dataset.head(1).kinds is not None
    assert "1 events of kinds that are not wanted left out" in told
    plain, _ = loaded(f"table:{tmp_path}/e.csv,kind=none")
    assert plain.kinds is None
    assert plain.n_events == 4


def test_unknown_kinds_are_malformed_rows(tmp_path: Path) -> None:
    """Counted and shown with their lines, and tolerated up to the stated share."""
    rows = [f"a,x{n},view\n" for n in range(98)] + ["a,y,nudge\n", "a,z,nudge\n"]
    (tmp_path / "e.csv").write_text("user,item,event\n" + "".join(rows))
    with pytest.raises(DataError, match=r"2 of 100 rows .*line 100: not a kind of event: 'nudge'"):
        load(f"table:{tmp_path}/e.csv")
    dataset, told = loaded(f"table:{tmp_path}/e.csv,tolerate=0.02")
    assert dataset.n_events == 98
    assert any("2 of 100 rows" in note for note in told)


def test_a_column_that_only_looks_like_kinds_is_left_alone(tmp_path: Path) -> None:
    """A type of something else is no error; asked for by name, it is."""
    (tmp_path / "e.csv").write_text("user,item,type\na,x,shoe\na,y,shoe\nb,x,view\n")
    dataset, told = loaded(f"table:{tmp_path}/e.csv")
    assert dataset.kinds is None
    assert dataset.n_events == 3
    assert any("column 'type' is not used" in note for note in told)
    with pytest.raises(DataError, match="not a kind of event"):
        load(f"table:{tmp_path}/e.csv,kind=type")
    with pytest.raises(ConfigurationError, match=r"no column of .* is known to have them"):
        load(f"table:{tmp_path}/e.csv,kind=none,kinds=shoe:view")


@pytest.mark.parametrize("text", ["buy", "buy:", "a:view,a:click", "a:gaze"])
def test_meanings_of_words_that_say_nothing_are_refused(text: str, tmp_path: Path) -> None:
    """An option that cannot be meant is an error before anything is read."""
    (tmp_path / "e.csv").write_text("user,item,type\na,x,buy\n")
    with pytest.raises(ConfigurationError):
        load(f"table:{tmp_path}/e.csv,kinds={text}")


def test_lists_of_the_wide_form_are_kinds(tmp_path: Path) -> None:
    """What was browsed was viewed, what was clicked clicked; one list alone tells none."""
    (tmp_path / "p.csv").write_text("user,history,clicks\na,x;y,z\n")
    assert sorted(kinds_of(load(f"wide:{tmp_path}/p.csv"))) == ["click", "view", "view"]
    (tmp_path / "q.csv").write_text("user,history\na,x;y\n")
    assert load(f"wide:{tmp_path}/q.csv").kinds is None


SHOPS = {
    "retailrocket": (
        "events.csv",
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n1433224214164,257597,addtocart,248676,\n"
        "1433221999827,257597,transaction,318965,13556\n",
        "",
        ["view", "purchase", "custom"],
    ),
    "taobao": (
        "UserBehavior.csv",
        "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,fav,1511561733\n"
        "1,2576651,149192,cart,1511572885\n1,3830808,4181361,buy,1511593493\n",
        ",header=no,user=1,item=2,kind=4,time=5",
        ["view", "like", "custom", "purchase"],
    ),
    "rees46": (
        "2019-Oct.csv",
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,"
        "user_session\n"
        "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d7\n"
        "2019-10-01 00:00:05 UTC,cart,3900821,2053013552326770905,a.b,aqua,33.20,541312140,72d7\n"
        "2019-10-01 00:01:00 UTC,remove_from_cart,3900821,2053013552326770905,a.b,aqua,33.20,"
        "541312140,72d7\n"
        "2019-10-01 00:09:01 UTC,purchase,17200506,2053013559792632471,x,,543.10,541312140,72d7\n",
        "",
        ["view", "custom", "purchase"],
    ),
}


@pytest.mark.parametrize("shop", SHOPS)
def test_shops_logs_are_read_in_their_published_forms(shop: str, tmp_path: Path) -> None:
    """RetailRocket, Taobao and REES46 tell kinds in their own words, and all have real times."""
    name, content, options, kinds = SHOPS[shop]
    (tmp_path / name).write_text(content)
    dataset, told = loaded(f"table:{tmp_path}/{name}{options}")
    assert kinds_of(dataset) == kinds
    assert dataset.has_times
    assert dataset.n_people == 1
    assert not any("malformed" in note for note in told)
