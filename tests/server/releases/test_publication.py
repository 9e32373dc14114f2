"""Publishing a catalogue that changed: what a ranker goes on with, and where new items begin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from penchant.server.checkpoints import RoundState
from penchant.server.optimiser import Moments
from penchant.server.releases.continuation import carried
from penchant.server.releases.publication import (
    Publication,
    PublicationSettings,
    publish_embedded,
)
from penchant.server.releases.shelf import Shelf
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ReleaseError
from penchant.shared.newitems import extended, ranked
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.scoring import Scorer

OLD, NEW, WIDTH, FEATURES, ROUNDS = 30, 7, 12, 8, 6
presets = pytest.mark.parametrize("preset", list(Preset))


def catalogue_of(*rows: int) -> Catalogue:
    """Items of one long list."""
    raw = np.random.default_rng(3).standard_normal((OLD + NEW, WIDTH))
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return Catalogue.of([f"item{row}" for row in rows], embeddings[list(rows)])


FIRST = tuple(range(OLD))
# Some gone, new ones before and after, and the others in another order.
CHANGED = (33, *range(OLD - 1, 4, -1), 30, 31)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Releases."""
    return Shelf(tmp_path / "releases", ed25519.Ed25519PrivateKey.generate())


def publish(
    shelf: Shelf, catalogue: Catalogue, *, encoder: str = "test", **settings: Any
) -> Publication:
    """Publish as precisely as can be."""
    chosen = PublicationSettings(precision="float32", **settings)
    return publish_embedded(shelf, catalogue, encoder=encoder, settings=chosen)


def latest(shelf: Shelf) -> Ranker:
    """The ranker in use."""
    found = shelf.ranker()
    assert found is not None
    return found[1]


def train(shelf: Shelf, *, rounds: int = ROUNDS, seed: int = 5) -> Ranker:
    """Release the ranker in use with other numbers, as after so many rounds."""
    found = shelf.ranker()
    assert found is not None
    manifest, ranker = found
    counted = ranker.item_rounds
    assert counted is not None
    noise = np.random.default_rng(seed).standard_normal(ranker.settings.size).astype(np.float32)
    learnt = Ranker(
        ranker.settings,
        ranker.feature_map,
        ranker.vector + noise,
        counted + np.int32(rounds),
    )
    number = manifest.round_number + rounds
    shelf.publish_ranker(learnt, catalogue=manifest.catalogue, round_number=number)
    return learnt


def first(shelf: Shelf, preset: Preset) -> Ranker:
    """Publish the first catalogue and train its ranker."""
    publish(
        shelf,
        catalogue_of(*FIRST),
        preset=preset,
        dimension=4,
        features=FEATURES,
        history_length=5,
    )
    return train(shelf)


@presets
def test_devices_rank_new_items_as_the_evaluation_does(shelf: Shelf, preset: Preset) -> None:
    """What is released over a larger catalogue scores it to 1e-5 as ``extended`` does."""
    before = Scorer.bind(first(shelf, preset), catalogue_of(*FIRST))
    larger = catalogue_of(*range(OLD + NEW))
    made = publish(shelf, larger)
    assert made.new_items == NEW
    assert made.ranker.round_number == ROUNDS
    released = ranked(Scorer.bind(latest(shelf), larger))
    profile = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    np.testing.assert_allclose(
        released.scores(profile), extended(before, larger).scores(profile), rtol=1e-5, atol=1e-5
    )
    assert released.ranker.new_items.tolist() == list(range(OLD, OLD + NEW))


@presets
def test_items_that_stay_keep_what_was_learnt_of_them(shelf: Shelf, preset: Preset) -> None:
    """Wherever they now are, though others are gone: their scores do not change."""
    before = Scorer.bind(first(shelf, preset), catalogue_of(*FIRST))
    after = Scorer.bind(latest_of(shelf, CHANGED), catalogue_of(*CHANGED))
    profile = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    then, now = before.scores(profile), ranked(after).scores(profile)
    stayed = [place for place, row in enumerate(CHANGED) if row < OLD]
    assert len(stayed) == OLD - 5
    np.testing.assert_allclose(
        now[stayed], then[[CHANGED[place] for place in stayed]], rtol=1e-5, atol=1e-5
    )
    assert after.ranker.family == before.ranker.model_id
    assert after.ranker.settings.continues == before.ranker.model_id
    assert np.isfinite(now).all()


def latest_of(shelf: Shelf, rows: tuple[int, ...]) -> Ranker:
    """Publish another catalogue; return its ranker."""
    publish(shelf, catalogue_of(*rows))
    return latest(shelf)


def test_a_line_of_catalogues_is_one_family(shelf: Shelf) -> None:
    """Items that came twice, and went: each publication has a ranker of its own, of one family."""
    line = [first(shelf, Preset.COMPACT)]
    for rows in (CHANGED, FIRST, CHANGED):
        line.append(latest_of(shelf, rows))
        line[-1] = train(shelf)
    assert len({ranker.model_id for ranker in line}) == 4
    assert {ranker.family for ranker in line} == {line[0].model_id}
    rounds = line[2].item_rounds
    assert rounds is not None
    # The first five were gone for one catalogue and are new again.
    assert rounds.tolist() == [ROUNDS] * 5 + [3 * ROUNDS] * (OLD - 5)


def test_the_same_items_published_again_change_nothing(shelf: Shelf) -> None:
    """Texts may have been embedded anew: the ranker is the same, to the number."""
    before = first(shelf, Preset.TEXT)
    made = publish(shelf, catalogue_of(*FIRST))
    assert made.new_items == 0
    assert latest(shelf).model_id == before.model_id
    np.testing.assert_array_equal(latest(shelf).vector, before.vector)


def test_a_ranker_that_cannot_go_on_begins_anew(shelf: Shelf) -> None:
    """Asked to, of another shape, by another encoder, of other items: what was learnt is gone."""
    learnt = first(shelf, Preset.TEXT)
    larger = catalogue_of(*range(OLD + NEW))
    others = Catalogue.of([f"other{n}" for n in range(OLD)], catalogue_of(*FIRST).embeddings)
    for catalogue, changes in (
        (larger, {"anew": True}),
        (larger, {"dimension": 3}),
        (larger, {"preset": "compact"}),
        (larger, {"encoder": "another"}),
        (others, {}),
    ):
        made = publish(shelf, catalogue, **changes)
        assert made.new_items is None
        assert latest(shelf).untrained
        assert latest(shelf).settings.family is None
        # Of what is not given, the shape is that of the ranker in use.
        assert made.shape.dimension == changes.get("dimension", 4)
        assert made.shape.history_length == 5
        shelf.publish_ranker(learnt, catalogue=catalogue_of(*FIRST).fingerprint, round_number=6)


def test_a_ranker_published_anew_is_none_of_those_before(shelf: Shelf) -> None:
    """Of the same items and shape, too, and again; what follows is of its line.

    The very first ranker has no other to be told from.
    """
    settings: dict[str, Any] = {"preset": "text", "dimension": 4}
    publish(shelf, catalogue_of(*FIRST), anew=True, **settings)
    assert latest(shelf).settings.anew is None
    met = [train(shelf)]
    for _ in range(2):
        assert publish(shelf, catalogue_of(*FIRST), anew=True, **settings).new_items is None
        met.append(latest(shelf))
    assert len({ranker.model_id for ranker in met}) == 3
    assert len({ranker.family for ranker in met}) == 3
    last = train(shelf)
    assert latest_of(shelf, CHANGED).settings.anew == last.settings.anew
    publish(shelf, catalogue_of(*FIRST), preset="compact", dimension=4)
    publish(shelf, catalogue_of(*FIRST), **settings)
    assert latest(shelf).model_id == last.model_id


def test_going_on_a_second_time_makes_another_ranker(shelf: Shelf) -> None:
    """From the very same ranker to the very same items, after it has learnt more."""
    before = first(shelf, Preset.COMPACT)
    once = latest_of(shelf, CHANGED)
    shelf.publish_ranker(before, catalogue=catalogue_of(*FIRST).fingerprint, round_number=6)
    twice = latest_of(shelf, CHANGED)
    assert once.settings.continues == twice.settings.continues == before.model_id
    assert once.family == twice.family
    assert once.model_id != twice.model_id


def test_a_ranker_that_has_learnt_nothing_is_not_gone_on_with(shelf: Shelf) -> None:
    """Its features would be those of the first catalogue for no reason."""
    publish(shelf, catalogue_of(*FIRST), preset="text", dimension=4)
    made = publish(shelf, catalogue_of(*range(OLD + NEW)))
    assert made.new_items is None
    assert made.shape.features == WIDTH
    assert made.shape.preset is Preset.TEXT


@presets
def test_few_known_items_leave_projections(shelf: Shelf, preset: Preset) -> None:
    """Where no more known items are left than features, a new item has its plain projection."""
    first(shelf, preset)
    few = (*range(FEATURES), *range(OLD, OLD + NEW))
    scorer = ranked(Scorer.bind(latest_of(shelf, few), catalogue_of(*few)))
    projected = scorer.features @ scorer.ranker.arrays["item_projection"]
    np.testing.assert_allclose(
        scorer.item_vectors[FEATURES:], projected[FEATURES:], rtol=1e-5, atol=1e-6
    )


@presets
def test_rounds_go_on_with_their_memory(shelf: Shelf, preset: Preset) -> None:
    """A round after the release that was gone on from is not lost, nor is the optimiser's memory.

    New items keep what they begin with.
    """
    before = first(shelf, preset)
    after = latest_of(shelf, CHANGED)
    rng = np.random.default_rng(0)
    vector, one, two = rng.standard_normal((3, before.settings.size)).astype(np.float32)
    state = carried(
        RoundState(9, vector, Moments(one, two)),
        before,
        after,
        shelf.origin(of=after, before=before),
    )
    assert state.round_number == 9
    expected, given = before.with_vector(vector).arrays, after.with_vector(state.vector).arrays
    stayed = [place for place, row in enumerate(CHANGED) if row < OLD]
    rows = [CHANGED[place] for place in stayed]
    new = [place for place, row in enumerate(CHANGED) if row >= OLD]
    for name, array in given.items():
        of_items = name in ("popularity", "item_residual")
        np.testing.assert_array_equal(
            array[stayed] if of_items else array,
            expected[name][rows] if of_items else expected[name],
        )
        if of_items:
            np.testing.assert_array_equal(array[new], after.arrays[name][new])
    memory = after.with_vector(state.moments.second).arrays["popularity"]
    np.testing.assert_array_equal(
        memory[stayed], before.with_vector(two).arrays["popularity"][rows]
    )
    assert (memory[new] == 0).all()


def test_items_are_found_in_the_catalogue_before(shelf: Shelf) -> None:
    """By their ids; what is not released is said."""
    before, after = first(shelf, Preset.COMPACT), latest_of(shelf, CHANGED)
    expected = [row if row < OLD else UNKNOWN_ITEM for row in CHANGED]
    assert shelf.origin(of=after, before=before).tolist() == expected
    with pytest.raises(ReleaseError, match="catalogue 0000 is not among the releases"):  # noqa: SIM117
        with shelf.catalogue("0000"):
            pass
