"""DP-SGD on the device: whose gradient is bounded by what, and which noise is added."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from opacus import GradSampleModule
from scipy import stats

from penchant.client.training.model import Model
from penchant.client.training.private import _EventScores, _summed_loss
from penchant.client.training.rounds import Trained, train_round
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import Randomness, SeededRandomness, SystemRandomness
from penchant.shared.ranker import Preset, split_vector
from penchant.shared.scoring import Scorer

START = np.array([0.8, -0.5, 0.3], dtype=np.float32)
QUIET = 1e-9  # a noise multiplier that hides nothing
EVERY_ITEM = 1000  # more negatives than items: all of them, so that nothing depends on the draw
FALSE_ALARM = 1e-4
UNSEEDED_FALSE_ALARM = 1e-11
MakeHistory = Callable[..., History]
MakeScorer = Callable[..., Scorer]
Trainer = Callable[..., Trained]


@pytest.fixture
def train(make_training: Callable[..., LocalTraining]) -> Trainer:
    """Run one private round."""

    def run(
        scorer: Scorer,
        history: History,
        *,
        noise: float = QUIET,
        clipping_norm: float = 1.0,
        sampling: float = 1.0,
        batch: float = 1.0,
        randomness: Randomness | None = None,
        **constants: object,
    ) -> Trained:
        privacy = EventPrivacy(
            sampling_probability=sampling,
            expected_batch_size=batch,
            clipping_norm=clipping_norm,
            noise_multiplier=noise,
        )
        chosen: dict[str, object] = {"rate": 1.0, "steps": 1, "negatives": EVERY_ITEM}
        training = make_training(**(chosen | constants), event_privacy=privacy)
        ranker = scorer.ranker
        return train_round(
            TrainingTask(ranker.model_id, 1, training, ranker.vector),
            settings=ranker.settings,
            item_features=scorer.features,
            history=history,
            private_vector=START,
            randomness=randomness or SeededRandomness(0),
        )

    return run


def movement(trained: Trained) -> NDArray[np.float64]:
    """What a round changed, of private vector and ranker together."""
    return np.concatenate([trained.private_vector - START, trained.update]).astype(np.float64)


def event_loss(
    parameters: dict[str, torch.Tensor], features: torch.Tensor, target: int, rows: Sequence[int]
) -> torch.Tensor:
    """The loss of one event in plain torch: softmax of its item against those of ``rows``."""
    vectors = features @ parameters["item_projection"]
    if "item_residual" in parameters:
        vectors = vectors + parameters["item_residual"]
    scores = vectors @ parameters["private_vector"] + parameters["popularity"]
    others = [row for row in rows if row != target]
    return torch.logsumexp(scores[[target, *others]], dim=0) - scores[target]


def event_gradients(
    scorer: Scorer, targets: Sequence[int], rows: Sequence[int]
) -> list[dict[str, torch.Tensor]]:
    """Autograd's gradient of each event's loss, one event at a time."""
    features = torch.from_numpy(scorer.features)
    found = []
    for target in targets:
        model = Model.of(scorer.ranker.settings, scorer.ranker.vector, START)
        parameters = {
            name: tensor.requires_grad_()
            for name, tensor in model.parameters().items()
            if not name.startswith(("context_", "attention_"))
        }
        gradients = torch.autograd.grad(
            event_loss(parameters, features, target, rows), list(parameters.values())
        )
        found.append(dict(zip(parameters, gradients, strict=True)))
    return found


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_gradients_by_example_are_autograds(scorer: Scorer) -> None:
    """The grad sampler gives what autograd gives for each example alone, repeats included."""
    targets, negatives = [3, 7, 3, 11], [7, 0, 5, 5, 3, 20]
    expected = event_gradients(scorer, targets, negatives)
    model = Model.of(scorer.ranker.settings, scorer.ranker.vector, START)
    trained = {name: model.parameters()[name] for name in expected[0]}
    module = GradSampleModule(
        _EventScores(trained, torch.from_numpy(scorer.features)), loss_reduction="sum"
    )
    loss = _summed_loss(module, torch.tensor(targets), torch.tensor(negatives))
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in module._module.named_parameters():
        by_example = torch.stack([gradients[name] for gradients in expected])
        torch.testing.assert_close(parameter.grad_sample, by_example, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("clipping_norm", [0.05, 1.0, 1e3])
def test_a_step_is_the_sum_of_jointly_clipped_gradients(
    scorer: Scorer, make_history: MakeHistory, train: Trainer, clipping_norm: float
) -> None:
    """Each event's gradient is clipped over private vector and ranker together, then summed."""
    targets, batch = [3, 7, 3, 11, 29], 8.0
    trained = train(scorer, make_history(scorer, targets), clipping_norm=clipping_norm, batch=batch)
    total: dict[str, torch.Tensor] = {}
    for gradients in event_gradients(scorer, targets, range(30)):
        norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients.values()))
        for name, gradient in gradients.items():
            clipped = gradient * min(1.0, clipping_norm / norm)
            total[name] = total.get(name, torch.zeros_like(gradient)) + clipped
    moved = split_vector(scorer.ranker.settings, trained.update)
    moved["private_vector"] = trained.private_vector - START
    for name, summed in total.items():
        np.testing.assert_allclose(moved[name], -summed / batch, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("event", range(6))
def test_an_event_moves_its_own_example_only(
    scorer: Scorer, make_history: MakeHistory, train: Trainer, event: int
) -> None:
    """Without an event the sum differs by at most C: no other example and no scale knows of it."""
    rows, clipping_norm = [3, 7, -1, 3, 11, 29], 0.3
    history = make_history(scorer, rows)
    kept = np.delete(np.arange(len(rows)), event)
    without = History(
        history.features[kept], history.items[kept], history.kinds[kept], history.times[kept]
    )
    difference = movement(train(scorer, history, clipping_norm=clipping_norm)) - movement(
        train(scorer, without, clipping_norm=clipping_norm)
    )
    bound = 0.0 if rows[event] < 0 else clipping_norm
    # Every gradient here is longer than C, so that the bound is reached exactly.
    assert np.linalg.norm(difference) == pytest.approx(bound, rel=1e-4, abs=1e-6)


def test_the_bound_holds_whatever_the_ranker(
    make_scorer: MakeScorer, make_history: MakeHistory, train: Trainer
) -> None:
    """A ranker chosen to overflow on one item does not tell who has it.

    Its gradients are infinite or NaN there; without care the round fails, or gives NaN, exactly on
    the devices that have the item, whatever the noise.
    """
    scorer = make_scorer(Preset.FULL)
    having, lacking = make_history(scorer, [3, 7, 11]), make_history(scorer, [3, 7])
    for poison in (3e38, -3e38, 1e30):
        vector = scorer.ranker.vector.copy()
        split_vector(scorer.ranker.settings, vector)["item_residual"][11] = poison * np.sign(START)
        # The poisoned item is no negative here, so that those who lack it train as ever.
        one, other = (
            train(scorer.with_vector(vector), history, negatives=2, randomness=FixedDraws(30))
            for history in (having, lacking)
        )
        assert np.linalg.norm(movement(one) - movement(other)) <= 1.0 + 1e-4


class FixedDraws(SeededRandomness):
    """The same negatives whatever the person has, so that two people can be compared."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._negatives = SeededRandomness(seed, (1,))

    def integers(self, size: int, *, below: int) -> NDArray[np.int64]:
        """Draw from a stream that nothing else draws from, items 0 to 9 only."""
        return self._negatives.integers(size, below=min(below, 10))


def test_context_and_attention_do_not_move(
    make_scorer: MakeScorer, make_history: MakeHistory, train: Trainer
) -> None:
    """What would mix events into each other's examples keeps its released value, to the bit."""
    scorer = make_scorer(Preset.FULL)
    trained = train(scorer, make_history(scorer, [3, 7, 11, 3]), noise=1.0, steps=3)
    for name, moved in split_vector(scorer.ranker.settings, trained.update).items():
        still = name.startswith(("context_", "attention_"))
        assert (moved == 0).all() if still else (moved != 0).any()


@pytest.mark.parametrize("rows", [[], [-1, -1], [3, 7, 11]], ids=["nothing", "texts", "items"])
@pytest.mark.parametrize(
    ("source", "false_alarm"),
    [(SeededRandomness(3), FALSE_ALARM), (SystemRandomness(), UNSEEDED_FALSE_ALARM)],
)
def test_noise_has_the_stated_scale(
    scorer: Scorer,
    make_history: MakeHistory,
    train: Trainer,
    rows: list[int],
    source: Randomness,
    false_alarm: float,
) -> None:
    """Noise is normal with deviation rate * noise multiplier * C / expected batch size, always.

    An empty history or an empty Poisson sample changes nothing. Sums of squares are compared
    with their chi-square quantiles, and the Kolmogorov-Smirnov distance with its own: each case is
    false with probability below 3e-4 over all seeds if the law is as stated, and the three with
    draws of the operating system, which have no seed, below 1e-10 in every run.
    """
    rates = {"private_vector": 2.0, "item_projection": 3.0, "popularity": 0.5, "item_residual": 1.0}
    noise, clipping_norm, batch, steps = 5.0, 0.7, 4.0, 3
    standard: list[NDArray[np.float64]] = []
    for repetition in range(60):
        trained = train(
            scorer,
            make_history(scorer, rows),
            noise=noise,
            clipping_norm=clipping_norm,
            batch=batch,
            sampling=1e-9,  # Poisson samples are empty
            steps=steps,
            rates=rates,
            randomness=source.spawn(repetition),
        )
        moved = split_vector(scorer.ranker.settings, trained.update)
        moved["private_vector"] = trained.private_vector - START
        for name, rate in rates.items():
            if name in moved:
                deviation = rate * noise * clipping_norm / batch * math.sqrt(steps)
                standard.append(moved[name].ravel().astype(np.float64) / deviation)
    values = np.concatenate(standard)
    tail = stats.chi2.cdf((values**2).sum(), len(values))
    assert false_alarm / 2 < tail < 1 - false_alarm / 2
    assert stats.kstest(values, "norm").pvalue > false_alarm
    # Coordinates are independent: neighbours do not share noise.
    lagged = (values[1:] * values[:-1]).sum() / math.sqrt(len(values) - 1)
    assert abs(lagged) < stats.norm.isf(false_alarm / 2)


def test_events_are_sampled_one_by_one(
    make_scorer: MakeScorer, make_history: MakeHistory, train: Trainer
) -> None:
    """Each event is in a step's batch with the stated probability, independently (Poisson).

    With C far below every gradient and no noise, an item's popularity moves if and only if one of
    its events was drawn; batch sizes follow the binomial law (chi-square, false with 1e-4).
    """
    scorer = make_scorer(Preset.COMPACT)
    rows, sampling, repetitions = [3, 7, 11, 19], 0.3, 400
    history = make_history(scorer, rows)
    sizes = []
    for repetition in range(repetitions):
        trained = train(
            scorer,
            history,
            sampling=sampling,
            negatives=1,
            rates={"private_vector": 0.0, "item_projection": 0.0},
            randomness=SeededRandomness(4).spawn(repetition),
        )
        popularity = split_vector(scorer.ranker.settings, trained.update)["popularity"]
        sizes.append(int((popularity[rows] > 1e-4).sum()))
    expected = stats.binom.pmf(range(5), 4, sampling) * repetitions
    observed = np.bincount(sizes, minlength=5).astype(float)
    # The last two sizes are rare; they are counted together.
    observed[3] += observed[4]
    expected[3] += expected[4]
    assert stats.chisquare(observed[:4], expected[:4]).pvalue > FALSE_ALARM


def test_the_divisor_is_the_public_constant(
    scorer: Scorer, make_history: MakeHistory, train: Trainer
) -> None:
    """Twice the expected batch size halves the step, whatever the number of events."""
    for rows in ([3], [3, 7, 11, 3, 20]):
        history = make_history(scorer, rows)
        one, half = (movement(train(scorer, history, batch=batch)) for batch in (1.0, 2.0))
        np.testing.assert_allclose(one, 2 * half, rtol=1e-3, atol=1e-6)


def test_private_training_learns(
    make_scorer: MakeScorer, make_history: MakeHistory, train: Trainer
) -> None:
    """With little noise, private rounds raise the scores of what the person likes."""
    scorer = make_scorer(Preset.TEXT)
    liked = [3, 7, 11]
    trained = train(scorer, make_history(scorer, liked * 4), steps=30, batch=12.0, noise=0.01)
    scores = scorer.with_vector(scorer.ranker.vector + trained.update).scores(
        trained.private_vector
    )
    assert set(np.argsort(-scores)[:3]) == set(liked)
