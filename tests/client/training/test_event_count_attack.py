"""Can whoever sees a private round tell n events from n - 1? The count must not leak.

The adversary sees everything a private round gives, the private vector and the update, knows the
round's constants, the start, the other n - 1 events and the event in question, and has seen as many
rounds of both worlds as are tested. It fits a least-squares discriminant on those and is scored on
fresh rounds.

What differential privacy allows is stated, not guessed: no distinguisher is right more often than
(1 + TV) / 2, where TV, the total variation distance of the two worlds, is at most the delta that
the accountant gives at epsilon 0. The constants below keep it near 0.51, so that what the noise is
meant to hide cannot be taken for a leak of the count. An accuracy fails if so high a one, or a
higher, has a probability below ``FALSE_ALARM`` at that bound; seeds are fixed, so a run that passes
passes again.
"""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
import torch
from dp_accounting.pld import privacy_loss_distribution as pld
from numpy.typing import NDArray
from opacus import PrivacyEngine
from scipy import stats
from torch.utils.data import DataLoader, TensorDataset

from penchant.client.training.private import _EventScores, _summed_loss
from penchant.client.training.rounds import train_round
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer

ITEMS = 2000
EVENTS = 100
STEPS = 4
NEGATIVES = 10
SAMPLING = 0.1
BATCH = 10
NOISE = 4.0
FALSE_ALARM = 1e-4
START = np.array([0.8, -0.5, 0.3], dtype=np.float32)
Released = NDArray[np.float64]


@pytest.fixture(scope="module")
def scorer(make_scorer: Callable[..., Scorer]) -> Scorer:
    """A compact ranker: most of its numbers are the popularities of items never drawn."""
    return make_scorer(Preset.COMPACT, items=ITEMS)


@pytest.fixture(scope="module")
def person(scorer: Scorer, make_history: Callable[..., History]) -> History:
    """A person whose latest event is on an item of its own."""
    return make_history(scorer, np.random.default_rng(5).permutation(ITEMS)[:EVENTS].tolist())


@pytest.fixture(scope="module")
def make_round(make_training: Callable[..., LocalTraining]) -> Callable[..., LocalTraining]:
    """Make the constants of a private round with rate 1 for everything."""

    def make(noise: float = NOISE, sampling: float = SAMPLING, steps: int = STEPS) -> LocalTraining:
        return make_training(
            rate=1.0,
            steps=steps,
            negatives=NEGATIVES,
            event_privacy=EventPrivacy(
                sampling_probability=sampling,
                expected_batch_size=BATCH,
                clipping_norm=1.0,
                noise_multiplier=noise,
            ),
        )

    return make


def penchants_round(
    scorer: Scorer, history: History, training: LocalTraining, randomness: SeededRandomness
) -> Released:
    """All that one of our private rounds gives: private vector, then update, as changes."""
    ranker = scorer.ranker
    trained = train_round(
        TrainingTask(ranker.model_id, 1, training, ranker.vector),
        settings=ranker.settings,
        item_features=scorer.features,
        history=history,
        private_vector=START,
        randomness=randomness,
    )
    return np.concatenate([trained.private_vector - START, trained.update]).astype(np.float64)


def opacus_round(scorer: Scorer, history: History, seed: int) -> Released:
    """The same model and constants, made private by Opacus as its manual shows."""
    arrays = {name: torch.from_numpy(array.copy()) for name, array in scorer.ranker.arrays.items()}
    start = {"private_vector": torch.from_numpy(START.copy()), **arrays}
    model = _EventScores(start, torch.from_numpy(scorer.features))
    loader = DataLoader(
        TensorDataset(torch.from_numpy(history.items)),
        batch_size=BATCH,
        generator=torch.Generator().manual_seed(seed),
    )
    module, optimizer, loader = PrivacyEngine(accountant="rdp").make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=loader,
        noise_multiplier=NOISE,
        max_grad_norm=1.0,
        poisson_sampling=True,
        noise_generator=torch.Generator().manual_seed(seed + 1_000_000),
    )
    negatives = SeededRandomness(seed)
    for (targets,) in islice(loader, STEPS):
        optimizer.zero_grad()
        drawn = torch.from_numpy(negatives.integers(NEGATIVES, below=ITEMS))
        loss = _summed_loss(module, targets, drawn) / len(targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    changes = [
        (trained.detach() - start[name]).flatten() for name, trained in model.named_parameters()
    ]
    return torch.cat(changes).numpy().astype(np.float64)


def direction(
    scorer: Scorer, person: History, make_round: Callable[..., LocalTraining]
) -> Released:
    """Where the latest event alone pulls, without noise: the best linear look at it."""
    training = make_round(noise=1e-9, sampling=1.0, steps=1)
    pull = penchants_round(scorer, person.latest(1), training, SeededRandomness(0))
    return pull / np.linalg.norm(pull)


def views(released: Released, person: History, pull: Released) -> NDArray[np.float64]:
    """What the adversary looks at.

    First the log scale of the popularities of items the person has not had to do with, nearly all
    of them pure noise; then the pull of the event in question and the popularity of its own item;
    then the mean and the log scale of each part.
    """
    dimension = len(START)
    private, projection, popularity = np.split(released, [dimension, len(released) - ITEMS])
    parts = (private, projection, popularity)
    scale = np.log(np.delete(popularity, person.items).std())
    spreads = [np.log(part.std()) for part in parts]
    means = [part.mean() for part in parts]
    own = popularity[person.items[-1]]
    return np.array([scale, released @ pull, own, *spreads, *means])


VIEWS = {"noise scale": [0], "mean": [1, 2], "all": list(range(9))}
Release = Callable[[History, int, int], Released]


def accuracies(
    person: History, pull: Released, release: Release, *, rounds: int
) -> dict[str, float]:
    """How often each look tells a person from the same one without their latest event.

    Args:
        person: all events.
        pull: see ``direction``.
        release: gives what a round of a history, in world 0 or 1, of a number, releases.
        rounds: how many of each world; half are seen, half tested.
    """
    without = History(person.features[:-1], person.items[:-1], person.kinds[:-1], person.times[:-1])
    present, absent = (
        np.array([views(release(history, world, number), person, pull) for number in range(rounds)])
        for world, history in enumerate((person, without))
    )
    return {
        name: accuracy(present[:, columns], absent[:, columns]) for name, columns in VIEWS.items()
    }


def accuracy(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """How often a discriminant fitted on every other round is right about the rest."""
    seen = np.concatenate([present[::2], absent[::2]])
    centre, spread = seen.mean(axis=0), seen.std(axis=0)

    def design(rounds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.ones(len(rounds)), (rounds - centre) / spread])

    labels = np.repeat([1.0, -1.0], [len(present[::2]), len(absent[::2])])
    weights, *_ = np.linalg.lstsq(design(seen), labels, rcond=None)
    right = [design(present[1::2]) @ weights > 0, design(absent[1::2]) @ weights <= 0]
    return float(np.concatenate(right).mean())


def allowed(trials: int) -> float:
    """The accuracy that differential privacy explains, with the false-alarm rate stated above."""
    step = pld.from_gaussian_mechanism(
        NOISE, value_discretization_interval=1e-4, sampling_prob=SAMPLING
    )
    total_variation = step.self_compose(STEPS).get_delta_for_epsilon(0.0)
    assert total_variation < 0.03
    return float(stats.binom.isf(FALSE_ALARM, trials, (1 + total_variation) / 2) / trials)


@pytest.mark.parametrize("events", [EVENTS, 1])
def test_n_events_cannot_be_told_from_one_fewer(
    scorer: Scorer, person: History, make_round: Callable[..., LocalTraining], events: int
) -> None:
    """With n or n - 1 events a round looks the same, by scale, mean and all; as with 1 or none."""
    training, randomness, rounds = make_round(), SeededRandomness(11), 600

    def release(history: History, world: int, number: int) -> Released:
        return penchants_round(scorer, history, training, randomness.spawn(world, number))

    reached = accuracies(
        person.latest(events), direction(scorer, person, make_round), release, rounds=rounds
    )
    assert max(reached.values()) <= allowed(rounds), reached


@pytest.mark.filterwarnings("ignore:Secure RNG turned off", "ignore:Full backward hook is firing")
def test_the_scale_tells_the_count_of_opacus_as_it_comes(
    scorer: Scorer, person: History, make_round: Callable[..., LocalTraining]
) -> None:
    """Positive control: the same adversary tells n from n - 1 of Opacus's own make_private."""

    def release(history: History, world: int, number: int) -> Released:
        return opacus_round(scorer, history, 2 * number + world)

    rounds = 100
    reached = accuracies(person, direction(scorer, person, make_round), release, rounds=rounds)
    assert min(reached["noise scale"], reached["all"]) > max(0.95, allowed(rounds)), reached


def test_the_mean_tells_an_event_when_noise_is_low(
    scorer: Scorer, person: History, make_round: Callable[..., LocalTraining]
) -> None:
    """Positive control: the look at the mean sees the event once there is little noise."""
    training, randomness = make_round(noise=0.05, sampling=1.0), SeededRandomness(12)

    def release(history: History, world: int, number: int) -> Released:
        return penchants_round(scorer, history, training, randomness.spawn(world, number))

    reached = accuracies(person, direction(scorer, person, make_round), release, rounds=60)
    assert reached["mean"] > 0.95, reached
