"""A ranker, round settings, and a grid whose devices answer as they are told to."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import OptimiserSettings, RoundSettings
from penchant.shared.contract import LearningRates, LocalTraining
from penchant.shared.features import FeatureMap
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset, Ranker, RankerSettings

RATES = LearningRates(
    private_vector=0.0,
    item_projection=0.1,
    context_projection=0.2,
    attention=0.3,
    popularity=0.4,
    item_residual=0.5,
)

Answers = Callable[[Message], list[tuple[int, RecordDict | Error]]]


@pytest.fixture
def ranker() -> Ranker:
    """A small ranker that has learnt something."""
    settings = RankerSettings(
        preset=Preset.FULL, items=4, features=3, dimension=2, history_length=2
    )
    embeddings = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    vector = np.random.default_rng(2).normal(size=settings.size).astype(np.float32)
    feature_map = FeatureMap.principal(embeddings, rank=3)
    return Ranker.initial(settings, feature_map).with_vector(vector)


@pytest.fixture
def make_settings() -> Callable[..., RoundSettings]:
    """Make round settings, some fields of them changed."""

    def make(**changes: Any) -> RoundSettings:
        training = LocalTraining(
            steps=1, examples=1, negatives=1, rates=RATES, clipping_norm=changes.pop("norm", 1.0)
        )
        fields: dict[str, Any] = {
            "rounds": 3,
            "population": 12,
            "sampling_probability": 1.0,
            "training": training,
            "optimiser": OptimiserSettings(name="fedavg", rates=RATES),
        }
        return RoundSettings.model_validate(fields | changes)

    return make


class ScriptedGrid(Grid):
    """Delivers each message to a script and yields its replies one at a time.

    Args:
        devices: how many nodes there are.
        answers: the replies to a message, each with the node it comes from.
    """

    def __init__(self, devices: int, answers: Answers) -> None:
        self._devices = devices
        self._answers = answers
        self._run = Run.create_empty(1)
        TaskIdentity.task_id = TaskIdentity.run_id = 1
        TaskIdentity.node_id = SUPERLINK_NODE_ID

    def set_run(self, run: Run) -> None:
        """Set the run."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run."""
        return self._run

    def create_message(self, *arguments: Any, **keywords: Any) -> Message:
        """Refuse: strategies make their messages themselves."""
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        """Return the nodes: 100 and up."""
        return range(100, 100 + self._devices)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Refuse: there is no mailbox."""
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Refuse: there is no mailbox."""
        raise NotImplementedError

    def send_and_receive(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,  # noqa: ARG002
    ) -> Iterator[Message]:
        """Yield the scripted replies to each message."""
        for message in messages:
            message.metadata.__dict__["_message_id"] = uuid.uuid4().hex
            for node, content in self._answers(message):
                yield self._reply(message, node, content)

    def _reply(self, message: Message, node: int, content: RecordDict | Error) -> Message:
        TaskIdentity.node_id = node
        try:
            reply = Message(content, reply_to=message)
        finally:
            TaskIdentity.node_id = SUPERLINK_NODE_ID
        reply.metadata.__dict__["_src_node_id"] = node
        return reply


@pytest.fixture
def make_grid() -> Callable[[int, Answers], Grid]:
    """Make a grid of a number of devices and what they answer."""
    return ScriptedGrid


@pytest.fixture
def run_rounds(
    ranker: Ranker, make_grid: Callable[[int, Answers], Grid]
) -> Callable[..., list[tuple[RoundOutcome, RoundState]]]:
    """Run rounds over twelve devices that answer as they please; return what each came to."""

    def run(
        settings: RoundSettings, answers: Answers, *, in_blocks: bool = False
    ) -> list[tuple[RoundOutcome, RoundState]]:
        told: list[tuple[RoundOutcome, RoundState]] = []
        app = server_app(
            ranker,
            RoundState.initial(ranker.vector),
            settings=settings,
            randomness=SeededRandomness(6),
            on_cohort=lambda *_: None,
            on_round=lambda outcome, state: told.append((outcome, state)),
            takes_blocks=in_blocks,
        )
        nothing = RecordDict()
        context = Context(run_id=1, node_id=0, node_config={}, state=nothing, run_config={})
        app(make_grid(12, answers), context)
        return told

    return run
