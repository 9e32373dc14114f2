"""Controls: each does what its paper says, on training events alone, and none is a straw man."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.controls import Control, Material, Setting, chosen, tune
from penchant.simulation.controls import ease as ease_module
from penchant.simulation.controls.content import EmbeddingSimilarity, TextSimilarity
from penchant.simulation.controls.ease import EASE
from penchant.simulation.controls.itemknn import ItemKNN
from penchant.simulation.controls.popularity import Popularity
from penchant.simulation.controls.recency import Recency
from penchant.simulation.datasets import Dataset
from penchant.simulation.judge import Judge
from penchant.simulation.settings import Choice
from penchant.simulation.split import LeaveOneOut, Stage, leave_one_out
from penchant.simulation.world import World

# Person by person, oldest first; the last two events of each are held out.
HISTORIES = [[0, 1, 2, 3], [1, 0, 4, 2], [1, 3, 4], [0, 1, 4, 3, 2]]
EVERYBODY = np.arange(len(HISTORIES))


@pytest.fixture
def split() -> LeaveOneOut:
    """Four people over five items."""
    return leave_one_out(
        Dataset.from_events(
            "small",
            item_ids=list("vwxyz"),
            item_texts=["a red film", "a blue film", "red", "blue", "green"],
            person_ids=["ann", "bob", "cyd", "dan"],
            people=np.repeat(EVERYBODY, [len(history) for history in HISTORIES]),
            items=np.concatenate(HISTORIES),
            times=np.arange(16),
        )
    )


@pytest.fixture
def material(split: LeaveOneOut) -> Material:
    """What controls learn from."""
    raw = np.random.default_rng(0).normal(size=(5, 3))
    embeddings = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return Material.of(split.training, embeddings, seed=0, evaluated=split.people)


def met(split: LeaveOneOut) -> NDArray[np.float64]:
    """Who met what in training, and the held-out item of nobody."""
    return split.observed(EVERYBODY, stage="validation").astype(np.float64)


def test_popularity_counts_training_events_only(split: LeaveOneOut, material: Material) -> None:
    """Held-out events do not count, and everybody gets the same scores."""
    scores = Popularity().fit(material, {}).score(split, np.array([2, 0]), stage="test")
    assert scores.tolist() == [met(split).sum(axis=0).tolist()] * 2


def test_recency_counts_the_past_with_half_lives(split: LeaveOneOut, material: Material) -> None:
    """Each training event before the held-out one counts 0.5^(age / half-life), and later none."""
    fitted = Recency().fit(material, {"half-life": 0.3})
    times = split.training.times
    half_life = 0.3 * (times.max() - times.min())
    stages: tuple[Stage, ...] = ("validation", "test")
    for stage in stages:
        moments = split.test_times if stage == "test" else split.validation_times
        expected = np.zeros((4, 5))
        for person in EVERYBODY:
            for item, time in zip(split.training.items, times, strict=True):
                if time < moments[person]:
                    expected[person, item] += 0.5 ** ((moments[person] - time) / half_life)
        scores = fitted.score(split, EVERYBODY, stage=stage)
        np.testing.assert_allclose(scores, expected)


def test_item_knn_is_shrunk_cosine(split: LeaveOneOut, material: Material) -> None:
    """With as many neighbours as items, scores are sums of shrunk cosines with what was met."""
    fitted = ItemKNN().fit(material, {"neighbours": 5, "shrinkage": 2})
    matrix = met(split)
    norms = np.linalg.norm(matrix, axis=0)
    similarities = matrix.T @ matrix / (np.outer(norms, norms) + 2)
    np.fill_diagonal(similarities, 0)
    known = split.observed(EVERYBODY, stage="test").astype(np.float64)
    scores = fitted.score(split, EVERYBODY, stage="test")
    np.testing.assert_allclose(scores, known @ similarities, rtol=1e-5)


def test_item_knn_keeps_the_nearest(split: LeaveOneOut, material: Material) -> None:
    """With one neighbour an item is scored only by the one most like it."""
    whole = ItemKNN().fit(material, {"neighbours": 5, "shrinkage": 0})
    nearest = ItemKNN().fit(material, {"neighbours": 1, "shrinkage": 0})
    few = (nearest.score(split, EVERYBODY, stage="test") > 0).sum()
    assert few < (whole.score(split, EVERYBODY, stage="test") > 0).sum()


def test_ease_minimises_its_objective(split: LeaveOneOut, material: Material) -> None:
    """Its weights have a zero diagonal, and the objective's gradient is zero off it."""
    fitted = EASE().fit(material, {"lambda": 3})
    matrix, weights = met(split), fitted.weights.astype(np.float64)
    gram = matrix.T @ matrix
    gradient = (gram + 3 * np.eye(5)) @ weights - gram
    np.fill_diagonal(gradient, 0)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert np.diag(weights).tolist() == [0] * 5
    known = split.observed(EVERYBODY, stage="validation").astype(np.float64)
    scores = fitted.score(split, EVERYBODY, stage="validation")
    np.testing.assert_allclose(scores, known @ weights, rtol=1e-5, atol=1e-7)


def test_ease_is_refused_beyond_a_size(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says how many items there are, and how many there may be."""
    assert EASE().obstacle(material) is None
    monkeypatch.setattr(ease_module, "MOST_ITEMS", 4)
    assert EASE().obstacle(material) == (
        "5 items; up to 4 can be had, since the time grows with the cube of their number"
    )


def test_content_similarity_is_the_mean_over_what_was_met(
    split: LeaveOneOut, material: Material
) -> None:
    """At validation the training items count, at test the validation item as well."""
    embeddings = material.embeddings
    fitted = EmbeddingSimilarity().fit(material, {"latest": "all"})
    at_validation = fitted.score(split, np.array([2, 0]), stage="validation")
    at_test = fitted.score(split, np.array([0]), stage="test")
    assert at_validation[0] == pytest.approx(embeddings @ embeddings[1])
    assert at_validation[1] == pytest.approx(embeddings @ embeddings[[0, 1]].mean(axis=0))
    assert at_test[0] == pytest.approx(embeddings @ embeddings[[0, 1, 2]].mean(axis=0))
    latest = (
        EmbeddingSimilarity().fit(material, {"latest": 1}).score(split, np.array([0]), stage="test")
    )
    assert latest[0] == pytest.approx(embeddings @ embeddings[2])


@pytest.mark.parametrize("of", ["words", "letters"])
def test_tf_idf_finds_what_shares_terms(split: LeaveOneOut, material: Material, of: str) -> None:
    """After "red", "a red film" is nearer than "a blue film", and "green" shares nothing."""
    fitted = TextSimilarity().fit(material, {"of": of, "latest": 1})
    scores = fitted.score(split, np.array([0]), stage="test")[0]  # the latest is "red"
    assert scores[2] == pytest.approx(1)
    assert scores[0] > scores[1] == 0


def test_texts_without_words_are_refused(split: LeaveOneOut) -> None:
    """There is nothing to weigh; the reason says so."""
    from dataclasses import replace

    training = replace(split.training, item_texts=("…", "?", "", "--", "!"))
    material = Material.of(training, np.ones((5, 1)), seed=0, evaluated=split.people)
    assert TextSimilarity().obstacle(material) == "no item's text has a letter or a digit"


def test_embeddings_of_other_items_are_refused(split: LeaveOneOut) -> None:
    """There must be one embedding an item."""
    with pytest.raises(DataError, match=r"shape \(5, m\); got \(4, 3\)"):
        Material.of(split.training, np.zeros((4, 3)), seed=0, evaluated=split.people)


def test_large_data_is_sampled(split: LeaveOneOut) -> None:
    """Beyond a number of events controls learn from some people, the evaluated ones among them."""
    evaluated = np.array([3])
    material = Material.of(
        split.training, np.ones((5, 1)), seed=0, evaluated=evaluated, most_events=4
    )
    assert 3 in material.people
    assert len(material.people) < len(EVERYBODY)
    rows, items, times = material.events
    histories = [split.training.history(int(person)) for person in material.people]
    np.testing.assert_array_equal(items, np.concatenate([history[0] for history in histories]))
    np.testing.assert_array_equal(times, np.concatenate([history[1] for history in histories]))
    np.testing.assert_array_equal(material.interactions.sum(axis=1), np.bincount(rows))


@pytest.fixture(scope="module")
def planted(world: Callable[..., World]) -> World:
    """People who choose items of one theme, which neither texts nor counts give away alone."""
    return world(preset="full")


def judge_of(made: World, *, test: bool) -> Judge:
    """Return a judge of the planted world."""
    return Judge.of(
        made.split,
        "test" if test else "validation",
        history_length=made.plan.recipe.history_length,
        rng=np.random.default_rng(int(test)),
    )


def controls_of(made: World) -> list[Control]:
    """Return every control."""
    return chosen(Choice.ALL, initial=made.scorer, catalogue=made.scorer.catalogue)


def material_of(made: World) -> Material:
    """Return what the controls of a world learn from."""
    embeddings = made.scorer.catalogue.embeddings
    return Material.of(made.split.training, embeddings, seed=0, evaluated=made.split.people)


@pytest.mark.parametrize(
    "name", ["item-knn", "ease", "als", "embedding-similarity", "lightgbm", "central"]
)
def test_personal_controls_find_planted_tastes(planted: World, name: str) -> None:
    """Tuned on validation, each is far above popularity, which cannot tell people apart.

    Chance is 0.1 and 40 people are tested; 0.3 or more by chance has probability below 0.001.
    """
    control = next(control for control in controls_of(planted) if control.name == name)
    material, judge = material_of(planted), judge_of(planted, test=True)
    assert control.obstacle(material) is None
    tuned = tune(control, material, planted.split, judge_of(planted, test=False).evaluate)
    evaluation = judge.evaluate(partial(tuned.fitted.score, planted.split, stage="test"))
    assert evaluation.as_dict()["sampled99"]["hr@10"] > 0.3


def test_fitting_again_gives_the_same(planted: World) -> None:
    """The same seed gives the same scores, whichever library draws, but for rounding."""
    material, people = material_of(planted), planted.split.people[:5]
    for control in controls_of(planted):
        setting = control.budget[0]
        first, second = (
            control.fit(material, setting).score(planted.split, people, stage="test")
            for _ in range(2)
        )
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5, err_msg=control.name)


def test_basic_controls_are_some_of_all(planted: World) -> None:
    """Popularity is always there, and comes first."""
    names = {
        choice: [
            control.name
            for control in chosen(
                choice, initial=planted.scorer, catalogue=planted.scorer.catalogue
            )
        ]
        for choice in Choice
    }
    assert names[Choice.NONE] == ["popularity"]
    assert names[Choice.ALL][: len(names[Choice.BASIC])] == names[Choice.BASIC]
    assert {"lightgbm", "central"} <= set(names[Choice.ALL]) - set(names[Choice.BASIC])


def test_tuning_takes_the_best_on_validation(planted: World) -> None:
    """Of a straw man and the truth, by whichever order they are tried, the truth is taken."""
    truth = planted.split.validation_items

    class Known:
        """Knows the validation items, if its setting lets it."""

        name, title = "known", "known"
        budget: tuple[Setting, ...] = ({"share": 0.1}, {"share": 1.0}, {"share": 0.5})

        def obstacle(self, material: Material) -> None:
            """Return None."""

        def fit(self, material: Material, setting: Setting) -> "Known":  # noqa: ARG002
            """Remember the share."""
            self.share = float(setting["share"])
            return self

        def score(
            self, split: LeaveOneOut, people: NDArray[np.int64], *, stage: str
        ) -> NDArray[np.float64]:
            """Give the truth the best score for some."""
            assert stage == "validation"
            scores = np.zeros((len(people), split.training.n_items))
            known = people < self.share * len(truth)
            scores[np.flatnonzero(known), truth[people[known]]] = 1.0
            return scores

    material, validate = material_of(planted), judge_of(planted, test=False).evaluate
    tuned = tune(Known(), material, planted.split, validate)
    assert (tuned.setting["share"], tuned.tried) == (1.0, 3)
    Known.budget = tuple({"share": 0.1} for _ in range(9))
    with pytest.raises(ConfigurationError, match="'known' has 9 settings to try; give it 1 to 8"):
        tune(Known(), material, planted.split, validate)
