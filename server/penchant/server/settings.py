"""How a server runs its rounds: one record of public constants."""

import math
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penchant.server.aggregations import AggregationName, least_updates
from penchant.shared.accounting import cohort_cap
from penchant.shared.contract import LearningRates, LocalTraining
from penchant.shared.gaussian import joint_noise_multiplier

__all__ = ["AggregationName", "OptimiserName", "OptimiserSettings", "RoundSettings"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OptimiserName(StrEnum):
    """Flower's server optimisers that a run can use."""

    FEDAVG = "fedavg"
    FEDADAM = "fedadam"


class OptimiserSettings(_Settings):
    """How the mean update moves the ranker.

    Attributes:
        name: Flower's optimiser; it turns the mean update into a step of unit rate.
        rates: what each group of numbers multiplies its step by; ``private_vector`` is not used.
        final_rate: the share of the rates left in the last round; they fall linearly from 1.
        beta_1: FedAdam's decay of the first moment.
        beta_2: FedAdam's decay of the second moment.
        tau: FedAdam's degree of adaptivity (Reddi et al., 2021, algorithm 2).
    """

    name: OptimiserName = OptimiserName.FEDADAM
    rates: LearningRates
    final_rate: float = Field(default=1.0, ge=0, le=1)
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.99, ge=0, lt=1)
    tau: float = Field(default=1e-8, gt=0)


class RoundSettings(_Settings):
    """How rounds are run.

    Attributes:
        rounds: how many in the whole run.
        population: N, devices a cohort is drawn from, at most; the accountant counts on it.
        sampling_probability: chance of each device to be in a cohort, that is, to be asked; it is
            what the accountant counts.
        over_selection: devices asked for each update that is wanted, at least 1. A round without
            noise ends when it has the updates it wants, or at the deadline. With noise it takes
            what comes until the deadline and divides by the number wanted: ending it on a count
            would let one person's update push out another's, which the noise does not cover.
        minimum_cohort: a round without noise and with fewer accepted updates is void. With noise
            no round is: standing still would tell the count, which the noise does not cover.
        training: what every device of a round does.
        noise_multiplier: user-level noise, standard deviation / clipping norm; 0 for none.
        aggregation: how updates become one. All but the sum need every update as it is: they go
            neither with noise nor with secure aggregation, and hold a round's updates in memory.
        trimmed_share: share of the updates that a trimmed mean leaves out at either end.
        assumed_malicious: f, devices of a round that Krum withstands.
        optimiser: how the mean update moves the ranker.
        reply_timeout: seconds to wait for a round's replies.
        evaluate: ask each device, with its update, for a measure of the ranker it was given. Only
            their noised sums are kept; the pair costs more privacy than the update alone.
        measure_noise_multiplier: noise on the sum of measures, standard deviation / 1; twice
            ``noise_multiplier``, if not given.
    """

    rounds: int = Field(gt=0)
    population: int = Field(gt=0)
    sampling_probability: float = Field(gt=0, le=1)
    over_selection: float = Field(default=1.0, ge=1)
    minimum_cohort: int = Field(default=1, gt=0)
    training: LocalTraining
    noise_multiplier: float = Field(default=0.0, ge=0)
    aggregation: AggregationName = AggregationName.SUM
    trimmed_share: float = Field(default=0.2, ge=0, lt=0.5)
    assumed_malicious: int = Field(default=0, ge=0)
    optimiser: OptimiserSettings
    reply_timeout: float = Field(default=3600.0, gt=0)
    evaluate: bool = False
    measure_noise_multiplier: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _noise_has_a_norm(self) -> Self:
        if self.noise_multiplier > 0 and self.training.clipping_norm is None:
            raise ValueError(
                f"noise_multiplier is {self.noise_multiplier} but clipping_norm is not set; "
                "noise is a multiple of it, so set both"
            )
        return self

    @model_validator(mode="after")
    def _minimum_can_be_reached(self) -> Self:
        if self.closing_count is not None and self.minimum_cohort > self.closing_count:
            raise ValueError(
                f"minimum_cohort is {self.minimum_cohort} but a round ends with the "
                f"{self.closing_count} updates it wants; lower it, or over_selection"
            )
        if self.minimum_cohort > self.cohort_cap:
            raise ValueError(
                f"minimum_cohort is {self.minimum_cohort} but a cohort of {self.population} "
                f"devices at {self.sampling_probability:g} has at most {self.cohort_cap}"
            )
        return self

    @model_validator(mode="after")
    def _robust_means_have_what_they_need(self) -> Self:
        if self.aggregation is not AggregationName.SUM and self.noise_multiplier > 0:
            raise ValueError(
                f"aggregation is {self.aggregation} but noise_multiplier is "
                f"{self.noise_multiplier}; this noise hides one update in a sum of clipped ones, "
                "and so does secure aggregation, while trimmed means and Krum must look at each; "
                "use aggregation = 'sum', or no noise"
            )
        least = least_updates(
            self.aggregation,
            trimmed_share=self.trimmed_share,
            assumed_malicious=self.assumed_malicious,
        )
        if self.minimum_cohort < least:
            raise ValueError(
                f"minimum_cohort is {self.minimum_cohort}; {self.aggregation} withstands nothing "
                f"with fewer than {least} updates, so raise it to that"
            )
        return self

    @model_validator(mode="after")
    def _measures_are_as_private_as_updates(self) -> Self:
        if self.measure_noise_multiplier is not None and not self.evaluate:
            raise ValueError(
                f"measure_noise_multiplier is {self.measure_noise_multiplier} but evaluate is not "
                "set, so nothing is measured; set evaluate = true, or leave it out"
            )
        if self.measure_noise == 0 and self.noise_multiplier > 0:
            raise ValueError(
                f"noise_multiplier is {self.noise_multiplier} but measure_noise_multiplier is 0; "
                "exact means would void what the noise on updates promises, so give both noise"
            )
        if self.evaluate and self.training.event_privacy is not None:
            raise ValueError(
                "evaluate is set together with event_privacy; a measure has no noise of the "
                "device's own, which rounds with event-level privacy promise; leave one of them out"
            )
        return self

    @property
    def measure_noise(self) -> float | None:
        """Noise on the sum of measures, standard deviation / 1; None where none are asked for."""
        if not self.evaluate:
            return None
        given = self.measure_noise_multiplier
        return 2.0 * self.noise_multiplier if given is None else given

    @property
    def accounted_noise_multiplier(self) -> float:
        """Multiplier of the one Gaussian mechanism that a round is: of updates, and measures."""
        if self.measure_noise is None:
            return self.noise_multiplier
        return joint_noise_multiplier(self.noise_multiplier, self.measure_noise)

    @property
    def cohort_cap(self) -> int:
        """Largest cohort a round uses."""
        return cohort_cap(self.population, sampling_probability=self.sampling_probability)

    @property
    def expected_cohort(self) -> float:
        """Mean number of devices in a cohort."""
        return self.population * self.sampling_probability

    @property
    def expected_updates(self) -> float:
        """Mean number of updates that a round wants: what a noised sum is divided by."""
        return self.expected_cohort / self.over_selection

    @property
    def closing_count(self) -> int | None:
        """How many updates end a round before its deadline; None if no number of them does."""
        if self.over_selection == 1.0 or self.noise_multiplier > 0:
            return None
        return max(1, math.ceil(self.expected_updates))
