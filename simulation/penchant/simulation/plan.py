"""The plan of a run: every constant that settings, recipe and privacy budget together fix."""

import math
from dataclasses import dataclass

from pydantic import ValidationError

from penchant.server.aggregations import least_updates
from penchant.server.settings import RoundSettings
from penchant.shared.accounting import (
    EventMechanism,
    UserMechanism,
    default_delta,
)
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import EventPrivacy, LocalTraining
from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import RankerSettings
from penchant.simulation.recipes import Recipe, recipe
from penchant.simulation.settings import SimulationSettings

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Constants of a run.

    Attributes:
        recipe: what is tuned.
        rounds: how rounds are run.
        dropout: chance of a device that is asked not to answer.
        delta: the delta of every epsilon of the run.
        user: user-level mechanism of a round, or None.
        event: event-level mechanism of a local step, or None; a device is counted as if it took
            part in every round.
    """

    recipe: Recipe
    rounds: RoundSettings
    dropout: float
    delta: float
    user: UserMechanism | None
    event: EventMechanism | None

    @classmethod
    def of(
        cls, settings: SimulationSettings, *, population: int, tuned: Recipe | None = None
    ) -> "Plan":
        """Return the plan for ``population`` devices.

        Noise is the least that keeps the whole run within the epsilon asked for.

        Args:
            settings: what to simulate.
            population: how many devices there are.
            tuned: the recipe; that of preset and privacy unit, if not given.

        Raises:
            ConfigurationError: the cohort is larger than the population, or cannot have as many
                updates as a round needs.
            PrivacyError: no noise keeps within epsilon.
        """
        chosen = tuned or recipe(settings.preset, settings.privacy)
        rounds = settings.rounds or chosen.rounds
        probability = _sampling_probability(settings, chosen, population)
        delta = settings.delta or default_delta(population)
        user = event = None
        user_noise, event_privacy = 0.0, None
        if settings.epsilon is not None and settings.privacy.has_user:
            user = UserMechanism(population, probability)
            user_noise = user.noise_multiplier(epsilon=settings.epsilon, rounds=rounds, delta=delta)
        if settings.epsilon is not None and settings.privacy.has_event:
            event = EventMechanism(chosen.event.sampling_probability)
            event_privacy = EventPrivacy(
                sampling_probability=chosen.event.sampling_probability,
                expected_batch_size=chosen.event.expected_batch_size,
                clipping_norm=chosen.event.clipping_norm,
                noise_multiplier=event.noise_multiplier(
                    epsilon=settings.epsilon, steps=chosen.steps * rounds, delta=delta
                ),
            )
        training = LocalTraining(
            steps=chosen.steps,
            examples=chosen.examples,
            negatives=chosen.negatives,
            rates=chosen.local_rates,
            clipping_norm=settings.clip or chosen.clipping_norm,
            event_privacy=event_privacy,
        )
        try:
            how = RoundSettings(
                rounds=rounds,
                population=population,
                sampling_probability=probability,
                over_selection=settings.over_selection,
                minimum_cohort=settings.minimum_cohort or _least(settings),
                training=training,
                noise_multiplier=user_noise,
                aggregation=settings.aggregation,
                trimmed_share=settings.trimmed_share,
                assumed_malicious=settings.assumed_malicious,
                optimiser=chosen.optimiser,
            )
        except ValidationError as error:
            raise ConfigurationError(
                error.errors()[0]["msg"].removeprefix("Value error, ")
            ) from error
        return cls(
            recipe=chosen,
            rounds=how,
            dropout=settings.dropout,
            delta=delta,
            user=user,
            event=event,
        )

    @property
    def rounds_of_a_device(self) -> int:
        """In how many rounds a device trains on average, rounded up."""
        rounds = self.rounds
        share = rounds.sampling_probability * (1.0 - self.dropout)
        if rounds.closing_count is not None:
            share = min(share, rounds.closing_count / rounds.population)
        return math.ceil(rounds.rounds * share)

    @property
    def plain_training(self) -> LocalTraining:
        """The local training without anything that protects it."""
        return self.rounds.training.model_copy(
            update={"event_privacy": None, "clipping_norm": None}
        )

    def ranker_settings(
        self, settings: SimulationSettings, feature_map: FeatureMap, catalogue: Catalogue
    ) -> RankerSettings:
        """Return the shape of the ranker for a catalogue."""
        return RankerSettings(
            preset=settings.preset,
            items=len(catalogue),
            features=feature_map.rank,
            # A small catalogue has fewer directions than a recipe has numbers for.
            dimension=min(self.recipe.dimension, feature_map.rank),
            history_length=self.recipe.history_length,
            catalogue=catalogue.fingerprint,
        )

    def user_epsilon(self, rounds: int) -> float | None:
        """Return the user-level epsilon spent after ``rounds`` rounds, None without."""
        if self.user is None:
            return None
        return self.user.epsilon(
            noise_multiplier=self.rounds.accounted_noise_multiplier,
            rounds=rounds,
            delta=self.delta,
        )

    def event_epsilon(self, rounds: int) -> float | None:
        """Return the event-level epsilon of a device in each of ``rounds`` rounds, or None."""
        privacy = self.rounds.training.event_privacy
        if self.event is None or privacy is None:
            return None
        return self.event.epsilon(
            noise_multiplier=privacy.noise_multiplier,
            steps=self.recipe.steps * rounds,
            delta=self.delta,
        )


def _sampling_probability(settings: SimulationSettings, chosen: Recipe, population: int) -> float:
    if settings.cohort is None:
        return chosen.sampling_probability
    if settings.cohort > population:
        raise ConfigurationError(
            f"--cohort is {settings.cohort}; there are only {population} devices"
        )
    return settings.cohort / population


def _least(settings: SimulationSettings) -> int:
    return least_updates(
        settings.aggregation,
        trimmed_share=settings.trimmed_share,
        assumed_malicious=settings.assumed_malicious,
    )
