"""Tests of bringing a log onto a device."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from penchant.client import Device
from penchant.client.imports import import_log, read_log
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.scoring import Scorer

LOG = (
    "item,time,action,title\nitem-1,2024-01-01,view,One\nnowhere,2024-01-02,click,\n"
    "other,2024-01-03,like,an item of elsewhere\n,2024-01-04,search,winter coats\n"
)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A log with a known item, an unknown one, one with a text, and a search."""
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def test_what_is_known_or_has_words_is_observed(
    log_file: Path, make_scorer: Callable[..., Scorer], open_device: Callable[..., Device]
) -> None:
    """Events on unknown items without a text are left out and counted; the device learns."""
    scorer = make_scorer()
    device = open_device(scorer)
    before = device.scores(now=1_704_400_000)
    told: list[int] = []
    done = import_log(device, read_log(log_file), scorer.catalogue, progress=told.append)
    assert (done.events, done.unknown, done.texts, done.kept, done.refused) == (4, 1, 2, 3, 0)
    assert done.kinds == {"view": 1, "like": 1, "search": 1}
    assert device.event_count() == 3
    assert told == [3]
    assert not np.array_equal(before, device.scores(now=1_704_400_000))


def test_importing_is_observing(
    make_scorer: Callable[..., Scorer], open_device: Callable[..., Device], tmp_path: Path
) -> None:
    """A device that imports a log ranks as one that observed its events one by one."""
    from penchant.client import Event

    scorer = make_scorer()
    path = tmp_path / "log.csv"
    path.write_text(
        "item,time\n" + "".join(f"item-{n % 30},{1.6e9 + 60 * n:.0f}\n" for n in range(90))
    )
    imported, observed = open_device(scorer), open_device(scorer, name="other")
    import_log(imported, read_log(path), scorer.catalogue)
    for number in range(90):
        observed.observe(
            Event(kind="view", item=f"item-{number % 30}", time=1_600_000_000 + 60 * number)
        )
    np.testing.assert_allclose(
        imported.scores(now=1_600_010_000), observed.scores(now=1_600_010_000), rtol=1e-5
    )


def test_log_of_another_catalogue_is_refused(
    make_scorer: Callable[..., Scorer], open_device: Callable[..., Device], tmp_path: Path
) -> None:
    """Nothing in it is known: the error shows an identifier of each, and nothing is kept."""
    path = tmp_path / "log.csv"
    path.write_text("item\n17\n18\n")
    device, scorer = open_device(make_scorer()), make_scorer()
    with pytest.raises(DataError, match="items such as '17', the catalogue such as 'item-0'"):
        import_log(device, read_log(path), scorer.catalogue)
    assert device.event_count() == 0


def test_texts_without_an_encoder_are_refused_before_anything_is_kept(
    log_file: Path, make_scorer: Callable[..., Scorer], open_device: Callable[..., Device]
) -> None:
    """The error counts them."""
    device, scorer = open_device(make_scorer()), make_scorer()
    with pytest.raises(ConfigurationError, match=r"2 of the 4 events .* needs an encoder"):
        import_log(device, read_log(log_file), scorer.catalogue, can_embed=False)
    assert device.event_count() == 0


def test_wide_entries_are_items_by_identifier_or_text(
    make_scorer: Callable[..., Scorer], open_device: Callable[..., Device], tmp_path: Path
) -> None:
    """What is neither is a text of its own."""
    scorer = make_scorer()
    catalogue = Catalogue.of(
        scorer.catalogue.items,
        scorer.catalogue.embeddings,
        texts=[f"Film {number}" for number in range(30)],
    )
    path = tmp_path / "people.csv"
    path.write_text("user,history,searches\na,item-3;film  7;A film of elsewhere,best films\n")
    done = import_log(open_device(scorer), read_log(path), catalogue)
    assert (done.unknown, done.texts, done.kept) == (0, 2, 4)
