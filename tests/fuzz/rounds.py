"""Whole rounds of a real server, four devices of which are honest and the fifth is not."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, MetricRecord, RecordDict
from flwr.proto.message_pb2 import Message as ProtoMessage
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.fuzz.errands import failing_reply_to, reply_to
from tests.fuzz.mutations import mutated, nearly_json
from tests.fuzz.server import Asked, FuzzedServer, new_key
from tests.fuzz.target import Target

from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import RoundSettings
from penchant.shared import flower
from penchant.shared.codec import encode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.errors import RoundError
from penchant.shared.measures import unscaled
from penchant.shared.randomness import SeededRandomness
from penchant.shared.requests import public_key_text

__all__ = ["round_target"]

HONEST = 4
MEASURE = (np.array([0.5, 0.25, 1.0]) / np.sqrt(3)).astype(np.float32)
BOUND = 1.0
TOLERANCE = 1e-3  # what float32 adds to a norm, and to a sum
RATES = {
    "private_vector": 0.0, "item_projection": 1.0, "context_projection": 1.0, "attention": 1.0,
    "popularity": 1.0, "item_residual": 1.0,
}  # fmt: skip
TRAINING = {"steps": 1, "examples": 4, "negatives": 4, "rates": RATES, "clipping_norm": BOUND}
SETTINGS: dict[str, dict[str, Any]] = {
    "sum": {},
    "noised sum": {"noise_multiplier": 4.0},
    "no bound": {"training": TRAINING | {"clipping_norm": None}},
    "trimmed mean": {"aggregation": "trimmed-mean", "minimum_cohort": 5},
    "krum": {"aggregation": "krum", "assumed_malicious": 1, "minimum_cohort": 5},
    "measures": {"evaluate": True},
    "noised measures": {"evaluate": True, "noise_multiplier": 4.0},
    "adam": {"optimiser": {"name": "fedadam", "rates": RATES}},
}
REASONS = {"failed", "malformed", "of another round", "over the norm"}
PULL, PUSH = Asked("POST", "/v1/fleet/pull"), Asked("POST", "/v1/fleet/push")
Reply = Callable[[bytes], bytes]  # makes one of the task


@dataclass(frozen=True)
class Attack:
    """One round.

    Attributes:
        settings: a name of them.
        replies: what the fifth device sends, one after the other.
        last: whether it sends after the honest ones.
    """

    settings: str
    replies: tuple[Reply, ...]
    last: bool


def round_target(server: FuzzedServer) -> Target:
    """Return rounds in which the enrolled device sends what it should not."""
    honest = [
        server.parts.state.register(public_key_text(new_key().public_key()), label="honest")
        for _ in range(HONEST)
    ]
    rounds = _Rounds(server, honest)
    attacks = st.builds(
        Attack,
        st.sampled_from([*SETTINGS]),
        st.lists(_replies(server), min_size=1, max_size=3).map(tuple),
        st.booleans(),
    )
    return Target("replies in a round", attacks, rounds.check, 4)


class _Rounds:
    """Runs one round at a time, always from the released ranker."""

    def __init__(self, server: FuzzedServer, honest: list[int]) -> None:
        self._server = server
        self._honest = honest
        size = server.ranker.settings.size
        rng = np.random.default_rng(0)
        drawn = [rng.standard_normal(size) for _ in honest]
        self._updates = [(one / np.linalg.norm(one) / 2).astype(np.float32) for one in drawn]

    def check(self, attack: Attack) -> None:
        """The honest ones count whatever the fifth sends, and it moves no more than its share."""
        before = self._server.ranker.vector
        outcomes: list[tuple[RoundOutcome, RoundState]] = []
        try:
            self._run(attack, lambda outcome, state: outcomes.append((outcome, state)))
        except RoundError:
            # What has no norm to be held to may be as large as numbers are.
            assert attack.settings == "no bound"
            return
        ((outcome, state),) = outcomes
        assert outcome.cohort == HONEST + 1
        assert outcome.accepted in {HONEST, HONEST + 1}
        assert outcome.accepted + outcome.rejected == HONEST + 1
        assert set(outcome.reasons) <= REASONS
        assert np.isfinite(state.vector).all()
        if attack.settings == "measures":
            self._check_measures(outcome)
        if attack.settings in {"sum", "measures"}:
            self._check_share(state.vector - before, outcome.accepted)
        elif attack.settings == "krum" and not outcome.void:
            # One update is chosen, and it is no longer than the bound.
            assert np.linalg.norm(state.vector - before) <= BOUND + TOLERANCE
        if outcome.void:
            assert outcome.accepted == HONEST
            assert np.array_equal(state.vector, before)

    def _check_share(self, step: NDArray[np.float32], accepted: int) -> None:
        own = accepted * step - np.sum(self._updates, axis=0)
        bound = BOUND if accepted > HONEST else 0.0
        assert np.linalg.norm(own) <= bound + TOLERANCE, (accepted, np.linalg.norm(own))

    def _check_measures(self, outcome: RoundOutcome) -> None:
        assert outcome.measured is not None
        measured = outcome.measured.devices, outcome.measured.hits, outcome.measured.gains
        own = np.array(measured) - HONEST * unscaled(MEASURE.astype(np.float64))[[2, 0, 1]]
        assert (own > -TOLERANCE).all()
        assert (own < (outcome.accepted > HONEST) + TOLERANCE).all(), own

    def _run(self, attack: Attack, on_round: Callable[[RoundOutcome, RoundState], None]) -> None:
        server = self._server
        grid = server.parts.grid
        settings = _settings(attack.settings)
        app = server_app(
            server.ranker,
            RoundState.initial(server.ranker.vector),
            settings=settings,
            randomness=SeededRandomness(0),
            on_cohort=lambda _number, _cohort: None,
            on_round=on_round,
            at_once=1,
        )
        context = Context(
            run_id=grid.run.run_id, node_id=0, node_config={}, state=RecordDict(), run_config={}
        )
        announce = grid._on_messages

        def answered(nodes: list[int]) -> None:
            announce(nodes)
            turns: list[Callable[[], None]] = [
                partial(self._answer_honestly, MEASURE if settings.evaluate else None),
                partial(self._answer_otherwise, attack.replies),
            ]
            for turn in turns[:: 1 if attack.last else -1]:
                turn()

        with patch.object(grid, "_on_messages", answered):
            app(grid, context)

    def _answer_honestly(self, measure: NDArray[np.float32] | None) -> None:
        state = self._server.parts.state
        for node, update in zip(self._honest, self._updates, strict=True):
            task = state.take(node)
            assert task is not None
            content = encode_result(
                TrainingResult(self._server.ranker.model_id, 1, update, measure)
            )
            reply = reply_to(task, node, flower.pack(content))
            _, asked = state.answer(node, reply)
            self._server.parts.grid.replied(asked)

    def _answer_otherwise(self, replies: tuple[Reply, ...]) -> None:
        task = self._server.ask_devices(PULL).body
        told = [self._pushed(make(task)) for make in replies]
        if 200 not in told:
            # Nothing was taken for a reply; with this one the round need not wait for its deadline.
            assert self._pushed(failing_reply_to(task, self._server.node)) == 200

    def _pushed(self, reply: bytes) -> int:
        status = self._server.ask_devices(replace(PUSH, body=(reply,))).status
        assert status in {200, 400, 409, 413}
        return status


def _settings(name: str) -> RoundSettings:
    fields = {
        "rounds": 5,
        "population": HONEST + 1,
        "sampling_probability": 1.0,
        "training": TRAINING,
        "optimiser": {"name": "fedavg", "rates": RATES},
        "reply_timeout": 60.0,
    }
    return RoundSettings.model_validate(fields | SETTINGS[name])


def _replies(server: FuzzedServer) -> st.SearchStrategy[Reply]:
    """Give replies in a right envelope with hostile content, and in an envelope nearly right."""
    node = server.node

    def packed(content: bytes) -> Reply:
        return lambda task: reply_to(task, node, flower.pack(content))

    def recorded(record: RecordDict) -> Reply:
        return lambda task: reply_to(task, node, record)

    contents = _contents(server.ranker.model_id, size=server.ranker.settings.size)
    return st.one_of(
        contents.map(packed),
        contents.map(packed),
        contents.flatmap(_records).map(recorded),
        st.tuples(contents, _envelopes()).map(
            lambda pair: lambda task: _addressed(packed(pair[0])(task), pair[1])
        ),
        st.just(lambda task: failing_reply_to(task, node)),
    )


def _contents(model_id: str, *, size: int) -> st.SearchStrategy[bytes]:
    """Give updates: too long, not finite, of another size, ranker or round, cut off, garbled."""
    rng = np.random.default_rng(1)
    unit = rng.standard_normal(size).astype(np.float32)
    unit /= np.linalg.norm(unit)
    right = encode_result(TrainingResult(model_id, 1, unit))
    head = right[: -4 * size]
    header = {"kind": "training result", "model_id": model_id, "round_number": 1}
    norms = st.one_of(st.floats(0.0, 3.0), st.sampled_from([1.00005, 1.0002, 1e10, 1e19, 1e30]))
    numbers = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e19, 1e-45, -0.0])
    places = st.dictionaries(st.integers(0, size - 1), numbers, max_size=3)
    counts = st.one_of(st.just(size), st.just(size), st.integers(0, 2 * size))

    def numbered(norm: float, odd: dict[int, float], count: int) -> bytes:
        vector = np.resize((unit.astype(np.float64) * norm).astype("<f4"), count)
        for place, number in odd.items():
            if place < count:
                vector[place] = number
        return head + vector.tobytes()

    def headed(text: bytes) -> bytes:
        return right[:6] + len(text).to_bytes(4, "little") + text + right[-4 * size :]

    measuring = encode_result(TrainingResult(model_id, 1, unit, MEASURE))
    told = st.sampled_from([0.0, 0.5773503, 0.5, -0.5, 0.2, 1.0, 1e30, np.nan, np.inf, -0.0])

    def measured(numbers: list[float]) -> bytes:
        return measuring[:-12] + np.array(numbers, dtype="<f4").tobytes()

    return st.one_of(
        st.lists(told, min_size=3, max_size=3).map(measured),
        st.lists(told, max_size=5).map(measured),
        mutated([measuring]),
        norms.map(lambda norm: numbered(norm, {}, size)),
        norms.map(lambda norm: numbered(norm, {}, size)),
        st.builds(numbered, norms, places, counts),
        st.sampled_from([2, 0, 2**31, 2**31 + 1, -1]).map(
            lambda number: headed(_json(header | {"round_number": number}))
        ),
        st.just(headed(_json(header | {"model_id": "f" * 16}))),
        nearly_json([header]).map(headed),
        mutated([right]),
        st.sampled_from([b"", right[:-1], right + b"\0", right + right]),
        st.binary(max_size=100),
    )


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _records(content: bytes) -> st.SearchStrategy[RecordDict]:
    """Give records that are not exactly one with one field of bytes."""
    array = Array(np.frombuffer(content[: len(content) // 4 * 4], dtype="<f4"))
    values: list[Any] = [content, content.decode("latin-1"), 1, 1.0, True, [content], [content] * 2]
    fields = st.dictionaries(
        st.sampled_from(["message", "Message", "", "more"]), st.sampled_from(values), max_size=2
    )
    kinds = st.one_of(
        fields.map(ConfigRecord),
        st.just(ArrayRecord({"message": array})),
        st.just(MetricRecord({"message": 1})),
        st.just(ConfigRecord({"message": content})),
    )
    names = st.sampled_from(["penchant", "penchant", "Penchant", ""])
    return st.dictionaries(names, kinds, max_size=2).map(RecordDict)


def _envelopes() -> st.SearchStrategy[dict[str, Any]]:
    """Give what to write on a reply instead of what is right."""
    numbers = st.sampled_from([0, 1, 2, 2**32, 2**63, 2**64 - 1])
    texts = st.sampled_from(["", "x", "train", "evaluate", "train.x", "0" * 32, "\x00", "é" * 5000])
    times = st.sampled_from([0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), time.time()])
    fields = {
        **dict.fromkeys(["run_id", "src_node_id", "dst_node_id", "src_task_id"], numbers),
        **dict.fromkeys(["message_id", "reply_to_message_id", "group_id", "message_type"], texts),
        **dict.fromkeys(["ttl", "created_at"], times),
    }
    return st.one_of(*(st.fixed_dictionaries({name: one}) for name, one in fields.items()))


def _addressed(reply: bytes, changes: dict[str, Any]) -> bytes:
    message = ProtoMessage.FromString(reply)
    for name, value in changes.items():
        setattr(message.metadata, name, value)
    changed: bytes = message.SerializeToString()
    return changed
