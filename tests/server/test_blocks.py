"""Sums in place of single replies: only where asked for, each device once."""

from collections.abc import Callable

import numpy as np
import pytest
from flwr.app import ConfigRecord, Error, Message, RecordDict

from penchant.server import blocks
from penchant.server.blocks import BlockResult
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import RoundSettings
from penchant.shared import flower
from penchant.shared.codec import decode_task
from penchant.shared.errors import CodecError, RoundError
from penchant.shared.ranker import Ranker

Answers = Callable[[Message], list[tuple[int, RecordDict | Error]]]
MakeSettings = Callable[..., RoundSettings]
RunRounds = Callable[..., list[tuple[RoundOutcome, RoundState]]]
Change = Callable[[BlockResult], BlockResult]

DEVICES, BLOCK = 12, 4


def test_a_result_comes_back_as_it_was() -> None:
    """Packing and unpacking keep every field, node ids above 2**63 too."""
    result = BlockResult(
        "0123456789abcdef",
        7,
        devices=np.array([3, 2**64 - 1], dtype=np.uint64),
        failed=np.array([], dtype=np.uint64),
        total=np.array([0.5, -1.0], dtype=np.float32),
    )
    found = blocks.unpack(blocks.pack(result))
    assert (found.model_id, found.round_number) == (result.model_id, 7)
    np.testing.assert_array_equal(found.devices, result.devices)
    np.testing.assert_array_equal(found.failed, result.failed)
    np.testing.assert_array_equal(found.total, result.total)


@pytest.mark.parametrize(
    "record",
    [
        RecordDict(),
        flower.pack(b"a single reply"),
        RecordDict({blocks.RECORD: ConfigRecord({"model_id": "0", "round_number": 1})}),
    ],
    ids=["nothing", "a single reply", "fields missing"],
)
def test_other_records_are_refused(record: RecordDict) -> None:
    """A record that is no block is a codec error."""
    with pytest.raises(CodecError):
        blocks.unpack(record)


def run(
    ranker: Ranker, settings: RoundSettings, run_rounds: RunRounds, *, change: Change | None = None
) -> list[tuple[RoundOutcome, RoundState]]:
    """Run rounds in which every fourth device answers for four; ``change`` distorts its answer."""

    def answers(message: Message) -> list[tuple[int, RecordDict | Error]]:
        device = message.metadata.dst_node_id
        if device % BLOCK != BLOCK - 1:
            return []
        task = decode_task(flower.unpack(message.content), size=ranker.settings.size)
        devices = np.arange(device - BLOCK + 1, device + 1, dtype=np.uint64)
        total = np.zeros(ranker.settings.size, dtype=np.float32)
        total[device % 5] = 0.9 * BLOCK
        result = BlockResult(
            task.model_id, task.round_number, devices, np.array([], dtype=np.uint64), total
        )
        return [(device, blocks.pack(result if change is None else change(result)))]

    return run_rounds(settings, answers, in_blocks=True)


def test_sums_count_for_as_many_devices_as_they_are_of(
    ranker: Ranker, make_settings: MakeSettings, run_rounds: RunRounds
) -> None:
    """Three sums of four updates are twelve updates, and the ranker moves by their mean."""
    settings = make_settings(rounds=1)
    ((outcome, state),) = run(ranker, settings, run_rounds)
    assert outcome == RoundOutcome(1, 12, 12, 0, False)
    rates = np.concatenate(
        [
            np.full(array.size, settings.optimiser.rates.of(name))
            for name, array in ranker.arrays.items()
        ]
    )
    mean = np.zeros(ranker.settings.size)
    for last in range(100 + BLOCK - 1, 100 + DEVICES, BLOCK):
        mean[last % 5] += 0.9 * BLOCK / DEVICES
    np.testing.assert_allclose(state.vector, ranker.vector + rates * mean, rtol=1e-5, atol=1e-6)


def test_devices_that_gave_nothing_are_rejected(
    ranker: Ranker, make_settings: MakeSettings, run_rounds: RunRounds
) -> None:
    """A block says which of its devices failed: they were asked, and do not count."""

    def one_failed(result: BlockResult) -> BlockResult:
        return BlockResult(
            result.model_id,
            result.round_number,
            devices=result.devices[1:],
            failed=result.devices[:1],
            total=result.total * np.float32(0.75),
        )

    ((outcome, _),) = run(ranker, make_settings(rounds=1), run_rounds, change=one_failed)
    assert outcome == RoundOutcome(1, 12, 9, 3, False)


def _changed(**fields: object) -> Change:
    return lambda result: BlockResult(**(vars(result) | fields))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_changed(devices=np.arange(100, 104, dtype=np.uint64)), "not awaited"),
        (_changed(devices=np.array([103, 103], dtype=np.uint64)), "not awaited"),
        (_changed(devices=np.array([5], dtype=np.uint64)), "not awaited"),
        (_changed(round_number=2), "round 2"),
        (_changed(model_id="f" * 16), "of ranker ffff"),
        (lambda result: _changed(total=result.total * 2)(result), "norm 7.2"),
        (lambda result: _changed(total=result.total * np.nan)(result), "norm nan"),
    ],
    ids=["twice", "twice in one", "stranger", "round", "ranker", "too long", "not a number"],
)
def test_a_sum_that_cannot_be_right_ends_the_run(
    ranker: Ranker,
    make_settings: MakeSettings,
    run_rounds: RunRounds,
    change: Change,
    reason: str,
) -> None:
    """Nothing is counted twice, of another round or longer than clipped updates can be."""
    with pytest.raises(RoundError, match=reason):
        run(ranker, make_settings(rounds=1), run_rounds, change=change)


def test_a_server_in_the_field_takes_no_sums(
    ranker: Ranker, make_settings: MakeSettings, run_rounds: RunRounds
) -> None:
    """Unless told that its grid makes them, the strategy rejects a sum like any malformed reply."""
    total = np.zeros(ranker.settings.size, dtype=np.float32)

    def answers(message: Message) -> list[tuple[int, RecordDict | Error]]:
        device = message.metadata.dst_node_id
        one = np.array([device], dtype=np.uint64)
        block = BlockResult(ranker.model_id, 1, one, one[:0], total)
        return [(device, blocks.pack(block))]

    ((told, _),) = run_rounds(make_settings(rounds=1), answers)
    assert told == RoundOutcome(1, 12, 0, 12, True)
