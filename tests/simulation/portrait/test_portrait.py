"""One person's interests over time: an ordinary person, a marked change, and what is said of it."""

from pathlib import Path

import numpy as np
import pytest

from penchant.client.interests import Tags, Taxonomy
from penchant.shared.errors import DataError
from penchant.simulation.datasets import Dataset
from penchant.simulation.portrait.choice import choose
from penchant.simulation.portrait.record import portrait_of, read_portrait, write_portrait
from penchant.simulation.portrait.section import portrait_section
from penchant.simulation.portrait.tags import NamedTags, PlacedTags, named_tags

GENRES = ("Action", "Drama", "Farce, Noir", "Musical")
ITEMS = 80


def texts() -> list[str]:
    """Films of four kinds, one of them with two genres."""
    return [f"Film {item} (1990). {GENRES[item % 4]}" for item in range(ITEMS)]


def people(lengths: list[int], *, changed: int) -> Dataset:
    """People who stay with one kind of film, but for one, who goes on to another half way."""
    who, what, when = [], [], []
    for person, length in enumerate(lengths):
        for place in range(length):
            kind = 2 if person == changed and place >= length // 2 else person % 2
            who.append(person)
            what.append((4 * place + kind) % ITEMS)
            when.append(place)
    return Dataset.from_events(
        "cinema",
        item_ids=[str(item) for item in range(ITEMS)],
        item_texts=texts(),
        person_ids=[f"p{person}" for person in range(len(lengths))],
        people=who,
        items=what,
        times=when,
    )


def tags() -> NamedTags:
    """The tags that the texts end with."""
    found = named_tags(texts())
    assert found is not None
    return found


def test_tags_are_what_texts_end_with() -> None:
    """Names of the data, an item's share even over its own; prose and rare words are no tags."""
    found = tags()
    assert sorted(found.names) == ["Action", "Drama", "Farce", "Musical", "Noir"]
    shares = found.shares(np.array([0, 2]))
    assert shares.sum(axis=1).tolist() == [1, 1]
    assert shares[1, found.names.index("Noir")] == 0.5
    assert named_tags([f"Film {item}. A story of the {item}th" for item in range(40)]) is None
    assert named_tags([f"Film {item}" for item in range(40)]) is None
    rare = named_tags([*texts(), "Odd. Western", "Dr. Who"])
    assert rare is not None
    assert "Western" not in rare.names
    assert not rare.shares(np.array([ITEMS])).any()


def test_the_person_is_ordinary_and_changes_most() -> None:
    """Of ten people by length the middle two are looked at; who changes more elsewhere is not."""
    lengths = [20, 22, 24, 26, 28, 30, 32, 34, 36, 38]
    chosen = choose(people(lengths, changed=5), tags())
    assert chosen is not None
    assert (chosen.person, chosen.looked_at) == (5, 2)
    assert chosen.change == pytest.approx(1.0)
    other = choose(people(lengths, changed=9), tags())
    assert other is not None
    assert other.person in (4, 5)
    assert other.change == pytest.approx(0.0)


def test_nobody_with_events_enough_is_nobody() -> None:
    """Short histories show no change over time."""
    assert choose(people([19, 19], changed=0), tags()) is None
    assert portrait_of(people([19, 19], changed=0), tags()) is None


def test_shares_are_of_the_latest_ten_events() -> None:
    """Each point counts the ten events up to it, and the change shows where it happened."""
    found = portrait_of(people([60], changed=0), tags())
    assert found is not None
    assert (found.events[0], found.events[-1], len(found.events)) == (10, 60, 40)
    by_tag = dict(zip(found.tags, found.shares, strict=True))
    assert set(by_tag) == {"Action", "Farce", "Noir"}  # and nothing that never had a share
    for place, event in enumerate(found.events):
        old = min(1.0, max(0.0, (40 - event) / 10))
        assert by_tag["Action"][place] == pytest.approx(old)
        assert by_tag["Noir"][place] == pytest.approx((1 - old) / 2)


def test_without_tags_of_their_own_items_are_placed_in_the_taxonomy() -> None:
    """The device's tags tell what items are about; shares still sum to 1."""
    placed = Tags(Taxonomy.of(["cats", "dogs"]), np.eye(2, dtype=np.float32))
    found = PlacedTags(placed, np.array([[1, 0], [0, 1]], dtype=np.float32))
    shares = found.shares(np.array([0, 1, 1]))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert (shares.argmax(axis=1) == [0, 1, 1]).all()
    assert list(found.names) == ["cats", "dogs"]


def test_the_page_says_who_it_is_and_why_it_may_be_shown(tmp_path: Path) -> None:
    """The rule, whose data they are, and every number of the figure as a table."""
    found = portrait_of(people([40], changed=0), tags())
    assert found is not None
    write_portrait(found, tmp_path)
    assert read_portrait(tmp_path) == found
    section = portrait_section(found)
    assert "Person p0 with 40 events" in section.words[0]
    assert "middle fifth by activity" in section.words[0]
    assert "data are the team's own" in section.words[1]
    (plot,) = section.plots
    assert "Action 100% at first, 0% at the end" in plot.picture.alt
    assert [row[0].value for row in plot.table.rows] == [str(event) for event in found.events]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """One sentence; and no file is no portrait."""
    assert read_portrait(tmp_path) is None
    (tmp_path / "portrait.json").write_text("{}")
    with pytest.raises(DataError, match=r"portrait.json is not a valid Portrait"):
        read_portrait(tmp_path)
