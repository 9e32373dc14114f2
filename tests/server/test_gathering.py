"""Rounds that ask for measures: what they add up, publish and refuse, and that others do not."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from numpy.typing import NDArray

from penchant.server import blocks
from penchant.server.blocks import BlockResult
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import RoundSettings
from penchant.shared import flower
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import TrainingResult, TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.ranker import Ranker

Content = RecordDict | Error
Answers = Callable[[Message], list[tuple[int, Content]]]
MakeSettings = Callable[..., RoundSettings]
Told = list[tuple[RoundOutcome, RoundState]]
Run = Callable[..., Told]
DEVICES = 12
SCALE = 1 / math.sqrt(3)


def measure_of(device: int) -> NDArray[np.float32]:
    """A device's measure; every third has nothing to measure."""
    if device % 3 == 0:
        return np.zeros(3, dtype=np.float32)
    hits = (device % 5) / 5
    return (np.array([hits, hits / 2, 1.0]) * SCALE).astype(np.float32)


def update_of(device: int, size: int) -> NDArray[np.float32]:
    """A device's update, of norm 0.5."""
    numbers = np.random.default_rng(device).normal(size=size)
    return (numbers / np.linalg.norm(numbers) / 2).astype(np.float32)


def task_of(message: Message, ranker: Ranker) -> TrainingTask:
    """The task a device was sent."""
    return decode_task(flower.unpack(message.content), size=ranker.settings.size)


def answers_of(ranker: Ranker, **measures: Any) -> Answers:
    """Devices that answer what is asked; some, as ``d104=...``, with a measure of their own."""

    def answers(message: Message) -> list[tuple[int, Content]]:
        device, task = message.metadata.dst_node_id, task_of(message, ranker)
        asked = task.measure_noise_multiplier is not None
        measure = measures.get(f"d{device}", measure_of(device) if asked else None)
        update = update_of(device, ranker.settings.size)
        result = TrainingResult(task.model_id, task.round_number, update, measure)
        return [(device, flower.pack(encode_result(result)))]

    return answers


def exact_sums(devices: range | list[int]) -> NDArray[np.float64]:
    """Sums of (HR, NDCG, 1) of devices."""
    total = sum(measure_of(device).astype(np.float64) for device in devices) / SCALE
    return np.asarray(total)


def test_without_noise_the_means_are_exact(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """Each round tells HR@10, NDCG@10 and the number of devices that measured."""
    told = run_rounds(make_settings(evaluate=True), answers_of(ranker))
    hits, gains, devices = exact_sums(range(100, 112))
    assert devices == pytest.approx(8)
    for outcome, _ in told:
        found = outcome.measured
        assert found is not None
        assert (found.hits, found.gains, found.devices) == pytest.approx(
            (hits, gains, devices), abs=1e-6
        )
        assert found.deviation == 0
        assert found.hit_rate is not None
        assert found.hit_rate.mean == pytest.approx(hits / devices)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_asking_changes_nothing_but_what_is_measured(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings, noise: float
) -> None:
    """The rankers are those of rounds that do not ask, to the bit, with noise and without."""
    asking, plain = (
        run_rounds(make_settings(evaluate=evaluate, noise_multiplier=noise), answers_of(ranker))
        for evaluate in (True, False)
    )
    assert [s.vector.tobytes() for _, s in asking] == [s.vector.tobytes() for _, s in plain]
    assert all(outcome.measured is None for outcome, _ in plain)
    assert all(outcome.measured is not None for outcome, _ in asking)


def test_what_devices_are_told_is_what_is_done(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """The noise in the task is the noise on the sums: other each round, of the deviation told."""
    tasks: list[TrainingTask] = []
    honest = answers_of(ranker)

    def noting(message: Message) -> list[tuple[int, Content]]:
        tasks.append(task_of(message, ranker))
        return honest(message)

    settings = make_settings(evaluate=True, noise_multiplier=2.5, rounds=2)
    told = [outcome.measured for outcome, _ in run_rounds(settings, noting)]
    assert {task.measure_noise_multiplier for task in tasks} == {settings.measure_noise} == {5.0}
    assert all(one is not None for one in told)
    off = [np.array([one.hits, one.gains, one.devices]) for one in told if one is not None]
    deviations = [one.deviation for one in told if one is not None]
    assert deviations == pytest.approx([5 * math.sqrt(3)] * 2)
    exact = exact_sums(range(100, 112))
    assert (np.abs(off[0] - exact) > 1e-3).all()
    assert (off[0] != off[1]).all()


def test_a_void_round_tells_nothing(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """With too few answers, or too few that measured, means of a few would be told: they are not.

    With noise the sums are told whatever came, so that the number is not.
    """
    honest = answers_of(ranker)

    def few(message: Message) -> list[tuple[int, Content]]:
        return honest(message) if message.metadata.dst_node_id < 109 else []

    void = run_rounds(make_settings(evaluate=True, minimum_cohort=10, rounds=1), few)
    assert (void[0][0].void, void[0][0].measured) == (True, None)
    sparse = run_rounds(make_settings(evaluate=True, minimum_cohort=9, rounds=1), few)
    assert (sparse[0][0].void, sparse[0][0].measured) == (False, None)
    enough = run_rounds(make_settings(evaluate=True, minimum_cohort=6, rounds=1), few)
    assert enough[0][0].measured is not None
    noised = run_rounds(
        make_settings(evaluate=True, minimum_cohort=10, rounds=1, noise_multiplier=1.0), few
    )
    assert noised[0][0].measured is not None


BAD_MEASURES = {
    "none": (None, "malformed"),
    "too long": (np.array([1.0, 1.0, SCALE], np.float32), "over the norm"),
    "ndcg above hr": (np.array([0.1, 0.3, SCALE], np.float32), "malformed"),
    "negative": (np.array([-0.1, -0.2, SCALE], np.float32), "malformed"),
    "half a weight": (np.array([0.1, 0.1, SCALE / 2], np.float32), "malformed"),
    "no weight": (np.array([0.1, 0.1, 0.0], np.float32), "malformed"),
}


@pytest.mark.parametrize("kind", BAD_MEASURES)
def test_a_bad_measure_and_its_update_do_not_count(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings, kind: str
) -> None:
    """Missing, too long, or none that a device can make: all of the reply is rejected, counted."""
    measure, reason = BAD_MEASURES[kind]
    settings = make_settings(evaluate=True, rounds=1)
    honest = answers_of(ranker)

    def silent(message: Message) -> list[tuple[int, Content]]:
        return [] if message.metadata.dst_node_id == 104 else honest(message)

    ((found, state),) = run_rounds(settings, answers_of(ranker, d104=measure))
    ((expected, without),) = run_rounds(settings, silent)
    assert (found.accepted, found.rejected, dict(found.reasons)) == (11, 1, {reason: 1})
    assert state.vector.tobytes() == without.vector.tobytes()
    assert found.measured == expected.measured


def test_a_measure_that_is_not_finite_does_not_count(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """As for updates, one broken number makes the reply malformed."""
    honest = answers_of(ranker)

    def broken(message: Message) -> list[tuple[int, Content]]:
        ((device, content),) = honest(message)
        assert isinstance(content, RecordDict)
        data = flower.unpack(content)[:-4] + np.float32(np.nan).tobytes()
        return [(device, flower.pack(data) if device == 104 else content)]

    ((found, _),) = run_rounds(make_settings(evaluate=True, rounds=1), broken)
    assert dict(found.reasons) == {"malformed": 1}


def test_a_measure_that_was_not_asked_for_does_not_count(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """A device that sends one unasked is rejected: it would be a measure without noise."""
    ((found, _),) = run_rounds(make_settings(rounds=1), answers_of(ranker, d104=measure_of(104)))
    assert (found.accepted, dict(found.reasons), found.measured) == (11, {"malformed": 1}, None)


def block_answers(ranker: Ranker, **changes: Any) -> Answers:
    """Every fourth device answers for four; ``changes`` are made to its block."""

    def answers(message: Message) -> list[tuple[int, Content]]:
        device, task = message.metadata.dst_node_id, task_of(message, ranker)
        if device % 4 != 3:
            return []
        devices = list(range(device - 3, device + 1))
        total = sum(update_of(one, ranker.settings.size) for one in devices)
        fields: dict[str, Any] = {
            "model_id": task.model_id,
            "round_number": task.round_number,
            "devices": np.array(devices, dtype=np.uint64),
            "failed": np.array([], dtype=np.uint64),
            "total": np.asarray(total, dtype=np.float32),
        }
        if task.measure_noise_multiplier is not None:
            fields["measures"] = exact_sums(devices) * SCALE
        return [(device, blocks.pack(BlockResult(**(fields | changes))))]

    return answers


def test_sums_of_several_devices_measure_the_same(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """Three blocks of four tell what twelve devices tell, and without being asked nothing."""
    settings = make_settings(evaluate=True, rounds=1)
    ((blocked, _),) = run_rounds(settings, block_answers(ranker), in_blocks=True)
    ((single, _),) = run_rounds(settings, answers_of(ranker))
    assert blocked.measured is not None
    assert single.measured is not None
    assert blocked.measured.hits == pytest.approx(single.measured.hits, abs=1e-6)
    assert blocked.measured.devices == pytest.approx(single.measured.devices, abs=1e-6)
    ((plain, _),) = run_rounds(make_settings(rounds=1), block_answers(ranker), in_blocks=True)
    assert plain.measured is None


@pytest.mark.parametrize("evaluate", [True, False])
def test_blocks_that_do_not_answer_what_is_asked_end_the_run(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings, evaluate: bool
) -> None:
    """Measures missing or unasked, and sums longer than measures can make them."""
    settings = make_settings(evaluate=evaluate, rounds=1)
    wrong = None if evaluate else np.zeros(3)
    with pytest.raises(RoundError, match="measures where none are asked for"):
        run_rounds(settings, block_answers(ranker, measures=wrong), in_blocks=True)
    if evaluate:
        with pytest.raises(RoundError, match="add up to at most 4"):
            run_rounds(settings, block_answers(ranker, measures=np.full(3, 4.0)), in_blocks=True)


def test_errors_are_no_measures(
    run_rounds: Run, ranker: Ranker, make_settings: MakeSettings
) -> None:
    """A device that refuses is rejected as ever, and the others are measured without it."""
    honest = answers_of(ranker)

    def one_refuses(message: Message) -> list[tuple[int, Content]]:
        device = message.metadata.dst_node_id
        error = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, "refused")
        return [(device, error)] if device == 104 else honest(message)

    ((found, _),) = run_rounds(make_settings(evaluate=True, rounds=1), one_refuses)
    assert found.measured is not None
    assert found.measured.devices == pytest.approx(7, abs=1e-6)
