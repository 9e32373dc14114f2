"""What kind of population to generate: ``synthetic:devices=1e6,drift=0.5`` as a record."""

import hashlib
import math
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.synthetic.vocabulary import TOPICS

__all__ = ["SYNTHETIC", "PopulationSettings", "Texts"]

SYNTHETIC = "synthetic"
FILMS, FILM_TOPICS = 1682, 18  # items and genres of MovieLens-100K
DEFAULT_ITEMS = 10_000
# Enters the fingerprint: raise it whenever the same settings give another population.
VERSION = 1


class Texts(StrEnum):
    """Where item texts come from."""

    GENERATED = "generated"
    MOVIELENS_100K = "movielens-100k"


def _whole(value: Any) -> Any:
    """Take ``1e6`` for the whole number that it is."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ValueError("expected a whole number, such as 10000 or 1e4")
    return int(number)


Whole = Annotated[int, BeforeValidator(_whole)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PopulationSettings(BaseModel):
    """A population; docs/populations.md has the model. Equal settings give equal histories.

    Attributes:
        devices: people. The first N of a larger population are the same people.
        items: size of the catalogue.
        seed: of items and people.
        texts: ``generated``, or ``movielens-100k``: its titles, with its genres as topics.
        topics: how many topics there are.
        skew: exponent of the popularity law; 0 makes all items equally popular.
        plateau: share of the items at which the popularity law begins to fall.
        interests: how many topics a person has interests in, of different strengths.
        contrast: standard deviation of the logarithm of an interest's strength.
        drift: rate a month at which the strengths forget what they were; 0: they stay.
        switches: mean number a month of abrupt switches, each replacing the strongest interest.
        events: mean number of events of a person, but for the cut at ``most``.
        fewest: least number of events of a person.
        most: greatest number of events of a person, and at most half of the items.
        spread: standard deviation of the logarithm of a person's events beyond the fewest.
        session: mean number of events in a session.
        focus: share of a session's events that are of its one focus.
        noise: share of events that have nothing to do with interests.
        repeats: whether a person may meet an item again.
        pace: median seconds between two events of a session.
        gap: median days between two sessions.
        gap_spread: standard deviation of the logarithm of those days.
        days: people's first events are spread evenly over so many days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: Whole = Field(default=10_000, ge=1, le=100_000_000)
    items: Whole = Field(default=DEFAULT_ITEMS, ge=200, le=1_000_000)
    seed: Whole = Field(default=0, ge=0, lt=2**32)
    texts: Texts = Texts.GENERATED
    topics: Whole = Field(default=len(TOPICS), ge=2, le=len(TOPICS))
    skew: NotNegative = 2.0
    plateau: Annotated[float, Field(gt=0, le=1)] = 0.1
    interests: Whole = Field(default=8, ge=1)
    contrast: NotNegative = 1.0
    drift: NotNegative = 0.1
    switches: NotNegative = 0.1
    events: Positive = 30
    fewest: Whole = Field(default=5, ge=1)
    most: Whole = Field(default=500, ge=1)
    spread: NotNegative = 1.1
    session: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 6
    focus: Share = 0.5
    noise: Share = 0.1
    repeats: bool = False
    pace: Positive = 60
    gap: Positive = 5
    gap_spread: NotNegative = 1.5
    days: NotNegative = 210

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_films(cls, fields: dict[str, Any]) -> dict[str, Any]:
        if fields.get("texts") == Texts.MOVIELENS_100K:
            return {"items": FILMS, "topics": FILM_TOPICS} | fields
        return fields

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.texts is Texts.MOVIELENS_100K and self.items > FILMS:
            raise ValueError(
                f"items={self.items}: movielens-100k has {FILMS} titles; ask for 200 to {FILMS}, "
                "or for texts=generated"
            )
        if self.texts is Texts.MOVIELENS_100K and self.topics != FILM_TOPICS:
            raise ValueError(
                f"topics={self.topics}: with texts=movielens-100k the topics are the {FILM_TOPICS} "
                "genres; leave topics out"
            )
        if self.interests >= self.topics:
            raise ValueError(
                f"interests={self.interests}: there are {self.topics} topics and a switch needs "
                f"one to switch to; ask for 1 to {self.topics - 1}"
            )
        if self.events <= self.fewest:
            raise ValueError(
                f"events={self.events:g}: the mean must be above the fewest, {self.fewest}"
            )
        if self.most < self.fewest:
            raise ValueError(f"most={self.most}: it must be at least the fewest, {self.fewest}")
        if 2 * self.fewest > self.items:
            raise ValueError(
                f"fewest={self.fewest}: a person meets at most half of the {self.items} items"
            )
        return self

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the settings that a data set's name gives.

        Args:
            name: ``synthetic``, or ``synthetic:KEY=VALUE,...``; whole numbers may be written 1e6.

        Raises:
            ConfigurationError: a key is not known or given twice, or a value cannot be used.

        >>> PopulationSettings.parse("synthetic:devices=1e6,drift=0.5").devices
        1000000
        """
        prefix, _, text = name.partition(":")
        if prefix != SYNTHETIC:
            raise ConfigurationError(
                f"'{name}' is no {SYNTHETIC} population; write {SYNTHETIC}:KEY=VALUE,…"
            )
        fields: dict[str, str] = {}
        for part in text.split(",") if text else ():
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not (key and equals and value):
                raise ConfigurationError(
                    f"'{part}' in '{name}' is not KEY=VALUE; "
                    f"write {SYNTHETIC}:devices=1e5,drift=0.5"
                )
            if key not in cls.model_fields:
                raise ConfigurationError(
                    f"a {SYNTHETIC} population has no setting '{key}'; "
                    f"it has {', '.join(sorted(cls.model_fields))}"
                )
            if key in fields:
                raise ConfigurationError(f"'{key}' is given twice in '{name}'; give it once")
            fields[key] = value
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ")
            where = f"{first['loc'][0]}={first['input']}: " if first["loc"] else ""
            raise ConfigurationError(f"{SYNTHETIC} population: {where}{message}") from error

    def of_size(self, devices: int | None) -> Self:
        """Return the same population with so many devices, with the usual number if None.

        Raises:
            ConfigurationError: there cannot be so many.
        """
        size = type(self).model_fields["devices"].default if devices is None else devices
        try:
            return type(self).model_validate(self.model_dump() | {"devices": size})
        except ValidationError as error:
            raise ConfigurationError(
                f"a {SYNTHETIC} population of {size} devices cannot be generated; ask for 1 to 1e8"
            ) from error

    @property
    def name(self) -> str:
        """The data set's name: the shortest text that parses to these settings."""
        usual = type(self).model_validate({"texts": self.texts}).model_dump()
        usual["texts"] = Texts.GENERATED
        given = {key: value for key, value in self.model_dump().items() if value != usual[key]}
        text = ",".join(f"{key}={_written(value)}" for key, value in given.items())
        return f"{SYNTHETIC}:{text}" if text else SYNTHETIC

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides the population, 16 hexadecimal digits."""
        text = f"{VERSION} {self.model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def greatest(self) -> int:
        """Greatest number of events of a person: ``most``, or half of the items."""
        return min(self.most, self.items // 2)


def _written(value: object) -> str:
    return str(value).removesuffix(".0").lower()
