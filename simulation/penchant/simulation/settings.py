"""What to simulate: the flags of ``penchant simulate`` as one validated record."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from penchant.server.aggregations import AggregationName
from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Preset

if TYPE_CHECKING:
    from penchant.client.events import EventKind

__all__ = ["Choice", "Fidelity", "PrivacyUnit", "Protocol", "SimulationSettings"]


class Fidelity(StrEnum):
    """How devices are simulated.

    ``cohort``: all devices of a round are trained together, as tensor work. ``device``: each is a
    real ``Device`` with its own store. The numbers are the same.
    """

    COHORT = "cohort"
    DEVICE = "device"


class Protocol(StrEnum):
    """What is held out.

    ``leave-one-out``: each person's last two events. ``time``: for everybody, what comes after one
    moment. ``cold-start``: some people and some items, wholly, as ``coldstart`` says.
    """

    LEAVE_ONE_OUT = "leave-one-out"
    TIME = "time"
    COLD_START = "cold-start"


class Choice(StrEnum):
    """Which controls a run has.

    ``none``: popularity, and no more. ``basic``: those that take seconds. ``all``: every one.
    """

    ALL = "all"
    BASIC = "basic"
    NONE = "none"


class PrivacyUnit(StrEnum):
    """What differential privacy hides.

    ``event``: one event of a person, from whoever sees the updates, the server included.
    ``user``: a person's whole contribution, from whoever sees the released rankers.
    """

    NONE = "none"
    EVENT = "event"
    USER = "user"
    BOTH = "both"

    @property
    def has_event(self) -> bool:
        """Whether devices train with event-level privacy."""
        return self in (PrivacyUnit.EVENT, PrivacyUnit.BOTH)

    @property
    def has_user(self) -> bool:
        """Whether the server adds user-level noise."""
        return self in (PrivacyUnit.USER, PrivacyUnit.BOTH)


class SimulationSettings(BaseModel):
    """One simulation; the same settings on the same machine give the same result.

    Attributes:
        dataset: name of a data set.
        preset: which parts the ranker shares.
        fidelity: how devices are simulated.
        rounds: number of rounds; the recipe's, if not given.
        devices: how many people, the data set's first; all, if not given.
        cohort: expected devices asked in a round; the recipe's share of the devices, if not given.
        dropout: chance of a device that is asked not to answer.
        over_selection: devices asked for each update that is wanted; see ``RoundSettings``, as for
            all that follow.
        minimum_cohort: fewest updates of a round; as few as the aggregation can have, if not given.
        aggregation: how a round's updates become one.
        trimmed_share: share of the updates that a trimmed mean leaves out at either end.
        assumed_malicious: devices of a round that Krum withstands.
        privacy: unit of differential privacy.
        epsilon: bound for each unit that is private, over the whole run.
        delta: its delta; min(1e-6, devices^-1.1), if not given.
        clip: clipping norm of updates; the recipe's, which may be none, if not given.
        seed: of every draw.
        encoder: what item texts are embedded with: an asset's name, or a bundle's folder.
        protocol: what is held out.
        targets: kinds of events that are held out, between commas, such as ``purchase``; all, if
            not given.
        controls: which controls the run has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "movielens-100k"
    preset: Preset = Preset.FULL
    fidelity: Fidelity = Fidelity.COHORT
    rounds: int | None = Field(default=None, gt=0)
    devices: int | None = Field(default=None, gt=0)
    cohort: int | None = Field(default=None, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    over_selection: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    minimum_cohort: int | None = Field(default=None, gt=0)
    aggregation: AggregationName = AggregationName.SUM
    trimmed_share: float = Field(default=0.2, ge=0, lt=0.5)
    assumed_malicious: int = Field(default=0, ge=0)
    privacy: PrivacyUnit = PrivacyUnit.NONE
    epsilon: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    delta: float | None = Field(default=None, gt=0, lt=1)
    clip: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0)
    encoder: str = "minilm"
    protocol: Protocol = Protocol.LEAVE_ONE_OUT
    targets: str | None = None
    controls: Choice = Choice.BASIC

    @field_validator("targets")
    @classmethod
    def _targets_are_kinds(cls, text: str | None) -> str | None:
        from penchant.client.events import EventKind

        if text is None:
            return None
        words = {word.strip() for word in text.split(",")}
        usable = [kind.value for kind in EventKind if kind is not EventKind.DISLIKE]
        if not words <= set(usable):
            raise ValueError(f"give kinds of events between commas: {', '.join(usable)}")
        return ",".join(sorted(words))

    @model_validator(mode="after")
    def _epsilon_goes_with_privacy(self) -> Self:
        if self.privacy is not PrivacyUnit.NONE and self.epsilon is None:
            raise ValueError(f"--privacy {self.privacy} needs --epsilon, such as --epsilon 8")
        if self.privacy is PrivacyUnit.NONE and (self.epsilon, self.delta) != (None, None):
            raise ValueError("epsilon and delta mean nothing without --privacy event, user or both")
        return self

    @model_validator(mode="after")
    def _single_updates_can_be_had(self) -> Self:
        noised, sums = self.privacy.has_user, self.aggregation is AggregationName.SUM
        if noised and not sums:
            raise ValueError(
                f"--aggregation {self.aggregation} and --privacy {self.privacy} exclude each "
                "other: noise hides one update in a sum of clipped ones, and a trimmed mean or "
                "Krum lets one update decide which others count; use --aggregation sum, or "
                "--privacy none or event"
            )
        if self.fidelity is Fidelity.COHORT and not sums:
            raise ValueError(
                f"--aggregation {self.aggregation} looks at each device's update, and --fidelity "
                "cohort has only sums of many; add --fidelity device"
            )
        if self.fidelity is Fidelity.COHORT and not noised and self.over_selection > 1:
            raise ValueError(
                f"--over-selection {self.over_selection:g} ends a round without user-level noise "
                "with the first updates that come, and --fidelity cohort has only sums of many; "
                "add --fidelity device"
            )
        return self

    @model_validator(mode="after")
    def _parts_of_an_aggregation_go_with_it(self) -> Self:
        for name, given, owner in (
            ("trimmed-share", "trimmed_share", AggregationName.TRIMMED_MEAN),
            ("assumed-malicious", "assumed_malicious", AggregationName.KRUM),
        ):
            default = type(self).model_fields[given].default
            if self.aggregation is not owner and getattr(self, given) != default:
                raise ValueError(
                    f"--{name} means nothing with --aggregation {self.aggregation}; "
                    f"it is for {owner}"
                )
        return self

    @model_validator(mode="after")
    def _targets_go_with_the_protocol(self) -> Self:
        if self.targets is not None and self.protocol is Protocol.COLD_START:
            raise ValueError("targets are for --protocol leave-one-out and time, not cold-start")
        return self

    @property
    def target_kinds(self) -> "tuple[EventKind, ...]":
        """Kinds of events that are held out; none for all."""
        from penchant.client.events import EventKind

        return () if self.targets is None else tuple(map(EventKind, self.targets.split(",")))

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Return the settings that ``fields`` give; those that are None take their defaults.

        Raises:
            ConfigurationError: a field is not usable.
        """
        try:
            return cls.model_validate({k: v for k, v in fields.items() if v is not None})
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ")
            if not first["loc"]:
                raise ConfigurationError(message) from error
            name = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{name} is {first['input']!r}: {message}") from error
