"""Tests of rounds, driven through Flower with devices that answer as they please."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from numpy.typing import NDArray

from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import OptimiserSettings, RoundSettings
from penchant.server.strategy import CohortStrategy
from penchant.shared import flower
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import TrainingResult, TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Ranker

Reply = tuple[int, RecordDict | Error]
Answers = Callable[[Message], list[Reply]]
MakeSettings = Callable[..., RoundSettings]
MakeGrid = Callable[[int, Answers], Grid]


@dataclass
class Record:
    """What a run told: cohorts before each round, outcomes and states after."""

    cohorts: list[tuple[int, int]] = field(default_factory=list)
    outcomes: list[RoundOutcome] = field(default_factory=list)
    states: list[RoundState] = field(default_factory=list)


Run = Callable[..., Record]


@pytest.fixture
def run(ranker: Ranker, make_grid: MakeGrid) -> Run:
    """Run the rounds left over a number of devices; by default from the beginning."""

    def run_rounds(
        settings: RoundSettings,
        answers: Answers,
        *,
        devices: int = 12,
        state: RoundState | None = None,
        seed: int = 6,
        record: Record | None = None,
    ) -> Record:
        record = Record() if record is None else record

        def round_done(outcome: RoundOutcome, after: RoundState) -> None:
            record.outcomes.append(outcome)
            record.states.append(after)

        app = server_app(
            ranker,
            state or RoundState.initial(ranker.vector),
            settings=settings,
            randomness=SeededRandomness(seed),
            on_cohort=lambda number, size: record.cohorts.append((number, size)),
            on_round=round_done,
        )
        nothing = RecordDict()
        context = Context(run_id=1, node_id=0, node_config={}, state=nothing, run_config={})
        app(make_grid(devices, answers), context)
        return record

    return run_rounds


def task_of(message: Message, size: int) -> TrainingTask:
    """The task a device was sent."""
    return decode_task(flower.unpack(message.content), size=size)


def update_of(device: int, round_number: int, size: int) -> NDArray[np.float32]:
    """A device's update, of norm below 1; another for each device and round."""
    rng = np.random.default_rng([device, round_number])
    numbers = rng.normal(size=size)
    return (numbers / np.linalg.norm(numbers) * 0.9).astype(np.float32)


def answer(message: Message, size: int) -> RecordDict:
    """What an honest device answers."""
    task = task_of(message, size)
    device = message.metadata.dst_node_id
    update = update_of(device, task.round_number, size)
    return flower.pack(encode_result(TrainingResult(task.model_id, task.round_number, update)))


@pytest.fixture
def honest(ranker: Ranker) -> Answers:
    """Every device answers once, rightly."""
    return lambda message: [(message.metadata.dst_node_id, answer(message, ranker.settings.size))]


def vectors_of(record: Record) -> list[bytes]:
    """The rankers after each round, as bytes."""
    return [state.vector.tobytes() for state in record.states]


def test_a_round_is_the_mean_of_the_updates(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers
) -> None:
    """FedAvg over everybody moves the ranker by rate x mean update, each round from the last."""
    record = run(make_settings(), honest)
    size, vector = ranker.settings.size, ranker.vector.astype(np.float64)
    rates = np.concatenate(
        [
            np.full(array.size, make_settings().optimiser.rates.of(name))
            for name, array in ranker.arrays.items()
        ]
    )
    for number, state in enumerate(record.states, start=1):
        mean = np.mean([update_of(100 + i, number, size) for i in range(12)], axis=0)
        vector = vector + rates * mean
        np.testing.assert_allclose(state.vector, vector, rtol=1e-5, atol=1e-6)
        assert state.round_number == number
    assert record.cohorts == [(1, 12), (2, 12), (3, 12)]
    assert record.outcomes == [RoundOutcome(number, 12, 12, 0, False) for number in (1, 2, 3)]


def test_devices_are_sent_the_current_ranker_and_the_public_constants(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers
) -> None:
    """Every device of a round gets the same task: the ranker as it stands, and the constants."""
    tasks: list[TrainingTask] = []
    settings = make_settings(rounds=2, noise_multiplier=2.5)

    def noting(message: Message) -> list[Reply]:
        assert message.metadata.message_type == "train"
        tasks.append(task_of(message, ranker.settings.size))
        return honest(message)

    record = run(settings, noting)
    assert all(task.training == settings.training for task in tasks)
    # What a device's ledger goes by is the noise that is added indeed.
    assert all(task.noise_multiplier == settings.noise_multiplier for task in tasks)
    assert {task.model_id for task in tasks} == {ranker.model_id}
    assert [task.round_number for task in tasks] == [1] * 12 + [2] * 12
    assert {task.vector.tobytes() for task in tasks[:12]} == {ranker.vector.tobytes()}
    assert {task.vector.tobytes() for task in tasks[12:]} == {record.states[0].vector.tobytes()}


def result(ranker: Ranker, message: Message, **changes: object) -> RecordDict:
    """A result with fields of its own choosing."""
    fields: dict[str, object] = {
        "model_id": ranker.model_id,
        "round_number": task_of(message, ranker.settings.size).round_number,
        "update": np.ones(ranker.settings.size, dtype=np.float32),
    }
    made = TrainingResult(**(fields | changes))  # type: ignore[arg-type]
    return flower.pack(encode_result(made))


def not_finite(ranker: Ranker, message: Message) -> RecordDict:
    """A well-formed result whose last number is not one."""
    content = flower.unpack(result(ranker, message))
    return flower.pack(content[:-4] + np.float32(np.nan).tobytes())


BAD_REPLIES: dict[str, Callable[[Ranker, Message], RecordDict | Error]] = {
    "garbage": lambda _ranker, _message: flower.pack(b"garbage"),
    "nothing": lambda _ranker, _message: RecordDict(),
    "the task itself": lambda _ranker, message: flower.pack(flower.unpack(message.content)),
    "more than a result": lambda ranker, message: RecordDict(
        {**result(ranker, message), "metrics": MetricRecord({"loss": 0.1})}
    ),
    "error": lambda _ranker, _message: Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, "no"),
    "wrong round": lambda ranker, message: result(ranker, message, round_number=99),
    "wrong ranker": lambda ranker, message: result(ranker, message, model_id="f" * 16),
    "wrong size": lambda ranker, message: result(ranker, message, update=np.ones(3, np.float32)),
    "not finite": not_finite,
}


@pytest.mark.parametrize("kind", BAD_REPLIES)
def test_bad_replies_are_counted_and_never_added(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers, kind: str
) -> None:
    """A round with bad replies ends as it would have without those devices."""
    bad = (102, 105)

    def some_bad(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        if device in bad:
            return [(device, BAD_REPLIES[kind](ranker, message))]
        return honest(message)

    def some_silent(message: Message) -> list[Reply]:
        return [] if message.metadata.dst_node_id in bad else honest(message)

    found, expected = run(make_settings(), some_bad), run(make_settings(), some_silent)
    assert vectors_of(found) == vectors_of(expected)
    assert found.outcomes[0] == RoundOutcome(1, 12, 10, 2, False)
    assert expected.outcomes[0] == RoundOutcome(1, 12, 10, 0, False)


def test_a_device_counts_once(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers
) -> None:
    """A second reply of one device is rejected, whatever it holds: one person, one norm."""

    def twice(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        extra = [(device, result(ranker, message))] * 3
        return honest(message) + (extra if device == 104 else [])

    found = run(make_settings(), twice)
    assert vectors_of(found) == vectors_of(run(make_settings(), honest))
    assert found.outcomes[0] == RoundOutcome(1, 12, 12, 3, False)


def test_a_right_reply_after_a_bad_one_still_counts(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers
) -> None:
    """A device whose late reply of another round comes first is not shut out."""

    def late(message: Message) -> list[Reply]:
        stale = (message.metadata.dst_node_id, result(ranker, message, round_number=99))
        return [stale, *honest(message)]

    found = run(make_settings(), late)
    assert vectors_of(found) == vectors_of(run(make_settings(), honest))
    assert found.outcomes[0] == RoundOutcome(1, 12, 12, 12, False)


def test_devices_that_were_not_asked_are_rejected(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers
) -> None:
    """Who is not in the cohort does not count: its chance is what the accountant relies on."""
    settings = make_settings(sampling_probability=0.4)

    def with_strangers(message: Message) -> list[Reply]:
        return [(999, result(ranker, message)), (7, result(ranker, message)), *honest(message)]

    found = run(settings, with_strangers)
    assert vectors_of(found) == vectors_of(run(settings, honest))
    for outcome in found.outcomes:
        assert 0 < outcome.cohort < 12
        assert outcome.rejected == 2 * outcome.cohort
        assert outcome.accepted == outcome.cohort


@pytest.mark.parametrize("factor", [1.001, 1e20])
def test_updates_above_the_norm_are_rejected(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers, factor: float
) -> None:
    """A device that does not clip gains nothing by it: its update is not added, and counted."""

    def greedy(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        if device != 103:
            return honest(message)
        update = update_of(device, 1, ranker.settings.size) / np.float32(0.9)
        return [(device, result(ranker, message, update=update * np.float32(factor)))]

    def silent(message: Message) -> list[Reply]:
        return [] if message.metadata.dst_node_id == 103 else honest(message)

    settings = make_settings(rounds=1)
    found = run(settings, greedy)
    assert vectors_of(found) == vectors_of(run(settings, silent))
    assert found.outcomes[0] == RoundOutcome(1, 12, 11, 1, False)
    assert found.outcomes[0].reasons == {"over the norm": 1}


def test_updates_of_the_very_norm_are_added(
    run: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """Clipping in float32 may leave a norm a little above the bound; that is no fault."""

    def clipped(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        update = update_of(device, 1, ranker.settings.size) / np.float32(0.9)
        return [(device, result(ranker, message, update=update * np.float32(1.00001)))]

    found = run(make_settings(rounds=1), clipped)
    assert found.outcomes[0] == RoundOutcome(1, 12, 12, 0, False)


def test_a_round_ends_when_it_has_the_updates_it_wants(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """Twelve are asked for eight updates: the first eight that count are the mean, no other."""
    asked: list[int] = []

    def answers(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        asked.append(device)
        return honest(message) if device != 102 else [(device, RecordDict())]

    found = run(make_settings(rounds=1, over_selection=1.5), answers)
    assert found.cohorts == [(1, 12)]
    assert found.outcomes == [RoundOutcome(1, 12, 8, 1, False)]
    assert asked == list(range(100, 109))
    rest = run(
        make_settings(rounds=1),
        lambda message: (
            honest(message) if message.metadata.dst_node_id in {100, 101, *range(103, 109)} else []
        ),
    )
    assert vectors_of(found) == vectors_of(rest)


@pytest.mark.parametrize("missing", [100, 105, 111])
def test_with_noise_one_device_moves_the_sum_by_no_more_than_the_norm(
    run: Run, ranker: Ranker, make_settings: MakeSettings, honest: Answers, missing: int
) -> None:
    """Over-selected rounds with noise take every update, so that nobody's pushes out another's."""
    rates = {"rates": dict.fromkeys(make_settings().optimiser.rates.model_dump(), 1.0)}
    settings = make_settings(
        rounds=1, over_selection=1.5, noise_multiplier=0.5, optimiser={"name": "fedavg", **rates}
    )
    full = run(settings, honest)
    without = run(
        settings,
        lambda message: [] if message.metadata.dst_node_id == missing else honest(message),
    )
    assert full.outcomes[0].accepted == 12
    difference = (full.states[0].vector - without.states[0].vector) * settings.expected_updates
    np.testing.assert_allclose(
        difference, update_of(missing, 1, ranker.settings.size), rtol=0, atol=1e-4
    )
    assert np.linalg.norm(difference) <= 1.0


@pytest.mark.parametrize("name", ["trimmed-mean", "krum"])
def test_robust_rounds_withstand_a_device_that_pushes_away(
    run: Run, ranker: Ranker, make_settings: MakeSettings, name: str
) -> None:
    """Through Flower and the contract: one liar of twelve moves the mean, and hardly the others."""
    size = ranker.settings.size
    rates = dict.fromkeys(make_settings().optimiser.rates.model_dump(), 1.0)
    wanted = update_of(1, 1, size)

    def answers(message: Message) -> list[Reply]:
        device = message.metadata.dst_node_id
        close = wanted + np.float32(0.01) * update_of(device, 1, size)
        update = -close if device == 104 else close
        return [(device, result(ranker, message, update=update))]

    def moved(**changes: object) -> float:
        settings = make_settings(
            rounds=1, minimum_cohort=5, optimiser={"name": "fedavg", "rates": rates}, **changes
        )
        record = run(settings, answers)
        assert record.outcomes == [RoundOutcome(1, 12, 12, 0, False)]
        return float(np.linalg.norm(record.states[0].vector - ranker.vector - wanted))

    assert moved() > 0.14
    assert moved(aggregation=name, assumed_malicious=1) < 0.03


def test_robust_rounds_need_single_updates(ranker: Ranker, make_settings: MakeSettings) -> None:
    """A grid that answers in blocks refuses them."""
    with pytest.raises(RoundError, match=r"aggregation is krum"):
        CohortStrategy(
            ranker,
            RoundState.initial(ranker.vector),
            settings=make_settings(aggregation="krum", minimum_cohort=3),
            randomness=SeededRandomness(1),
            on_cohort=lambda *_: None,
            on_round=lambda *_: None,
            takes_blocks=True,
        )


def test_sums_cannot_be_cut(ranker: Ranker, make_settings: MakeSettings) -> None:
    """A grid that answers in blocks refuses rounds that end on a count."""
    with pytest.raises(RoundError, match=r"over_selection is 1\.5"):
        CohortStrategy(
            ranker,
            RoundState.initial(ranker.vector),
            settings=make_settings(over_selection=1.5),
            randomness=SeededRandomness(1),
            on_cohort=lambda *_: None,
            on_round=lambda *_: None,
            takes_blocks=True,
        )


def fed_adam(make_settings: MakeSettings, **changes: object) -> RoundSettings:
    """Settings with noise, sampling and an optimiser that remembers."""
    rates = make_settings().optimiser.rates
    return make_settings(
        optimiser=OptimiserSettings(rates=rates, final_rate=0.5),
        sampling_probability=0.7,
        **{"noise_multiplier": 0.5, **changes},
    )


def test_a_void_round_counts_and_changes_nothing(
    run: Run, make_settings: MakeSettings, honest: Answers, ranker: Ranker
) -> None:
    """Below the minimum the ranker and the moments stay; the round is spent all the same."""
    settings = fed_adam(make_settings, rounds=4, minimum_cohort=3, noise_multiplier=0.0)

    def silent_in_round_2(message: Message) -> list[Reply]:
        task = task_of(message, ranker.settings.size)
        if task.round_number == 2 and message.metadata.dst_node_id > 101:
            return []
        return honest(message)

    record = run(settings, silent_in_round_2)
    assert [outcome.void for outcome in record.outcomes] == [False, True, False, False]
    assert [outcome.round_number for outcome in record.outcomes] == [1, 2, 3, 4]
    first, void, third = record.states[:3]
    assert void.round_number == 2
    assert void.vector.tobytes() == first.vector.tobytes()
    assert void.moments.first.tobytes() == first.moments.first.tobytes()
    assert void.moments.second.tobytes() == first.moments.second.tobytes()
    assert third.vector.tobytes() != void.vector.tobytes()


def test_a_noised_round_always_moves(run: Run, make_settings: MakeSettings, ranker: Ranker) -> None:
    """With noise no reply at all still moves the ranker: standing still would tell the count."""
    settings = fed_adam(make_settings, rounds=1, minimum_cohort=3)
    record = run(settings, lambda _message: [])
    assert [outcome.void for outcome in record.outcomes] == [False]
    assert record.states[0].vector.tobytes() != ranker.vector.tobytes()


def test_a_round_of_the_minimum_is_not_void(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """The minimum itself is enough; one fewer is not."""
    for minimum, void in ((10, False), (11, True)):
        record = run(
            make_settings(rounds=1, minimum_cohort=minimum),
            lambda message: [] if message.metadata.dst_node_id < 102 else honest(message),
        )
        assert record.outcomes == [RoundOutcome(1, 12, 10, 0, void)]


def test_rounds_without_devices_are_void(
    run: Run, make_settings: MakeSettings, honest: Answers, ranker: Ranker
) -> None:
    """An empty population costs rounds, not the run."""
    record = run(make_settings(), honest, devices=0)
    assert record.outcomes == [RoundOutcome(number, 0, 0, 0, True) for number in (1, 2, 3)]
    assert record.states[-1].vector.tobytes() == ranker.vector.tobytes()


@pytest.mark.parametrize("finished", [1, 2, 4])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    run: Run, make_settings: MakeSettings, honest: Answers, finished: int
) -> None:
    """From any checkpoint the same cohorts and noise are drawn, to the same ranker, bit for bit."""
    settings = fed_adam(make_settings, rounds=5)
    whole = run(settings, honest)
    resumed = run(settings, honest, state=whole.states[finished - 1])
    assert resumed.cohorts == whole.cohorts[finished:]
    assert resumed.outcomes == whole.outcomes[finished:]
    assert vectors_of(resumed) == vectors_of(whole)[finished:]
    assert resumed.states[-1].moments.second.tobytes() == (
        whole.states[-1].moments.second.tobytes()
    )


def test_a_finished_run_does_nothing_more(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """Resuming after the last round asks no device."""
    whole = run(make_settings(), honest)
    again = run(make_settings(), honest, state=whole.states[-1])
    assert again == Record()


def test_noise_is_added_to_the_sum_and_differs_by_round(
    run: Run, make_settings: MakeSettings, honest: Answers, ranker: Ranker
) -> None:
    """With noise the step is (sum + noise) / expected cohort, noise of its own in each round."""
    quiet = run(make_settings(), honest)
    loud = run(make_settings(noise_multiplier=0.5), honest)
    rates = (quiet.states[0].vector - ranker.vector) / np.mean(
        [update_of(100 + i, 1, ranker.settings.size) for i in range(12)], axis=0
    )
    noises = []
    before = [RoundState.initial(ranker.vector)] * 2
    for states in zip(quiet.states, loud.states, strict=True):
        steps = [after.vector - start.vector for after, start in zip(states, before, strict=True)]
        noises.append((steps[1] - steps[0]) / rates * 12 / 0.5)
        before = list(states)
    # 3 x 36 standard normal numbers: their mean square is near 1, but for one seed in a million.
    assert 0.4 < np.mean(np.square(noises)) < 2.0
    assert abs(np.corrcoef(noises[0], noises[1])[0, 1]) < 0.75


def test_seeds_draw_their_own_cohorts_and_noise(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """Another seed is another run."""
    settings = fed_adam(make_settings)
    first, other = run(settings, honest, seed=6), run(settings, honest, seed=7)
    assert vectors_of(run(settings, honest, seed=6)) == vectors_of(first)
    assert vectors_of(other) != vectors_of(first)


def test_replies_are_dropped_as_they_are_added(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """Memory does not grow with the cohort: at most the reply in hand is alive at any time."""
    replies: list[weakref.ref[RecordDict]] = []
    alive: list[int] = []

    def watched(message: Message) -> list[Reply]:
        alive.append(sum(reference() is not None for reference in replies))
        ((device, content),) = honest(message)
        assert isinstance(content, RecordDict)
        replies.append(weakref.ref(content))
        return [(device, content)]

    run(make_settings(population=200, rounds=1), watched, devices=200)
    assert len(replies) == 200
    # The strategy's own name for the last reply, and the script's.
    assert max(alive) <= 2


def test_more_devices_than_were_accounted_for_stop_the_run(
    run: Run, make_settings: MakeSettings, honest: Answers
) -> None:
    """The accountant relies on the stated population; the error gives both numbers."""
    with pytest.raises(RoundError, match=r"13 devices .* population of 12"):
        run(make_settings(), honest, devices=13)


@pytest.mark.parametrize("name", ["fedavg", "fedadam"])
def test_a_ranker_that_is_no_longer_finite_is_never_a_state(
    run: Run, ranker: Ranker, make_settings: MakeSettings, name: str
) -> None:
    """A diverged round stops the run with a reason, so that the last good checkpoint stays."""
    told = Record()
    rates = dict.fromkeys(make_settings().optimiser.rates.model_dump(), 1e30)

    def huge(message: Message) -> list[Reply]:
        update = np.full(ranker.settings.size, 1e30, dtype=np.float32)
        return [(message.metadata.dst_node_id, result(ranker, message, update=update))]

    settings = make_settings(norm=None, optimiser={"name": name, "rates": rates})
    with np.errstate(over="ignore"), pytest.raises(RoundError, match=r"round 1 .* lower"):
        run(settings, huge, record=told)
    assert told.cohorts == [(1, 12)]
    assert not told.states


def test_nothing_is_asked_for_evaluation(
    ranker: Ranker, make_settings: MakeSettings, make_grid: MakeGrid, honest: Answers
) -> None:
    """No measure of a device leaves it without noise."""
    strategy = CohortStrategy(
        ranker,
        RoundState.initial(ranker.vector),
        settings=make_settings(),
        randomness=SeededRandomness(1),
        on_cohort=lambda *_: None,
        on_round=lambda *_: None,
    )
    grid = make_grid(12, honest)
    assert not list(strategy.configure_evaluate(1, ArrayRecord(), ConfigRecord(), grid))
    assert strategy.aggregate_evaluate(1, []) is None
