"""Recipes: the tuned constants of training for each preset and privacy unit.

All were chosen on the validation items of MovieLens-100K, but for ``without_texts``.
"""

from dataclasses import dataclass, replace

from penchant.server.settings import OptimiserName, OptimiserSettings
from penchant.shared.contract import LearningRates
from penchant.shared.ranker import Preset
from penchant.simulation.settings import PrivacyUnit

__all__ = ["EventRecipe", "Recipe", "recipe", "retuned", "without_texts"]


@dataclass(frozen=True)
class EventRecipe:
    """Constants of event-level DP-SGD; see ``EventPrivacy``."""

    sampling_probability: float
    expected_batch_size: float
    clipping_norm: float


@dataclass(frozen=True)
class Recipe:
    """Constants of a run.

    Attributes:
        dimension: d.
        feature_rank: k; None for as many as the embeddings have.
        history_length: L.
        rounds: rounds of the run.
        sampling_probability: chance of a device to be in a cohort.
        steps: local steps.
        examples: next events of a step, at most.
        negatives: catalogue items of a step.
        local_rates: step sizes on the device.
        optimiser: how the server moves the ranker.
        clipping_norm: bound on an update; None for no bound.
        event: event-level constants, used where the unit has them.
        feature_scale: root mean square length of the item features over the catalogue.
    """

    dimension: int
    feature_rank: int | None
    history_length: int
    rounds: int
    sampling_probability: float
    steps: int
    examples: int
    negatives: int
    local_rates: LearningRates
    optimiser: OptimiserSettings
    clipping_norm: float | None
    event: EventRecipe
    feature_scale: float = 1.0


def _rates(
    *,
    private_vector: float = 0.0,
    projections: float,
    attention: float,
    popularity: float,
    item_residual: float = 0.0,
) -> LearningRates:
    return LearningRates(
        private_vector=private_vector,
        item_projection=projections,
        context_projection=projections,
        attention=attention,
        popularity=popularity,
        item_residual=item_residual,
    )


def _averaging(*, projections: float, attention: float, popularity: float) -> OptimiserSettings:
    return OptimiserSettings(
        name=OptimiserName.FEDAVG,
        rates=_rates(projections=projections, attention=attention, popularity=popularity),
    )


# One step of rate 1 on the shared numbers: the update is the gradient, and the server's Adam, which
# does not mind its scale, sets the pace of each group.
_GRADIENT = _rates(
    private_vector=0.25, projections=1.0, attention=1.0, popularity=1.0, item_residual=1.0
)

# Many rounds of small cohorts: each device takes part in about 25, and the server steps more often.
_FULL = Recipe(
    dimension=32,
    feature_rank=None,
    history_length=10,
    rounds=90,
    sampling_probability=0.28,
    steps=1,
    examples=64,
    negatives=256,
    local_rates=_GRADIENT,
    optimiser=OptimiserSettings(
        name=OptimiserName.FEDADAM,
        rates=_rates(projections=0.01, attention=0.1, popularity=0.1, item_residual=0.03),
        final_rate=1 / 60,
    ),
    clipping_norm=None,
    event=EventRecipe(sampling_probability=0.1, expected_batch_size=10.0, clipping_norm=1.0),
)
# The private vector moves slowly: what it learns of known items' projections, by heart, it does not
# leave for the projections to learn from their texts.
_TEXT = replace(
    _FULL,
    dimension=64,
    rounds=80,
    sampling_probability=0.42,
    local_rates=_GRADIENT.model_copy(update={"private_vector": 0.05}),
    optimiser=_FULL.optimiser.model_copy(
        update={"rates": _rates(projections=0.02, attention=0.1, popularity=0.1)}
    ),
)

# With user-level privacy every update is clipped to one norm, which popularity and projections
# share; the server's rates undo the scale of each. Plain averaging, because Adam would make noise
# as large as signal; few rounds, because each costs.
_USER = Recipe(
    dimension=16,
    feature_rank=32,
    history_length=10,
    rounds=20,
    sampling_probability=0.5,
    steps=1,
    examples=64,
    negatives=256,
    local_rates=_rates(
        private_vector=0.5, projections=1.0, attention=1.0, popularity=10.0, item_residual=1.0
    ),
    optimiser=_averaging(projections=5.0, attention=0.0, popularity=20.0),
    clipping_norm=1.0,
    event=EventRecipe(sampling_probability=0.2, expected_batch_size=16.0, clipping_norm=1.0),
)

# With event-level privacy the device clips and noises each gradient itself; its update is averaged
# as it is, and clipped only where the user level is asked for too.
_EVENT = replace(
    _USER,
    local_rates=_rates(
        private_vector=0.1, projections=1.0, attention=1.0, popularity=1.0, item_residual=1.0
    ),
    optimiser=_averaging(projections=2.0, attention=0.0, popularity=60.0),
    clipping_norm=None,
)
_BOTH = replace(_EVENT, clipping_norm=1.0)


def _large(private: Recipe) -> Recipe:
    """Return a private recipe for the larger presets, which drown in the same noise.

    Their projections move a tenth as fast, and residuals, which would need a far larger population,
    not at all.
    """
    rates = private.optimiser.rates
    optimiser = _averaging(
        projections=rates.item_projection / 10, attention=0.0, popularity=rates.popularity
    )
    return replace(private, feature_rank=None, optimiser=optimiser)


_RECIPES = {
    (Preset.FULL, PrivacyUnit.NONE): _FULL,
    (Preset.TEXT, PrivacyUnit.NONE): _TEXT,
    (Preset.COMPACT, PrivacyUnit.NONE): _USER,
    (Preset.COMPACT, PrivacyUnit.USER): _USER,
    (Preset.COMPACT, PrivacyUnit.EVENT): _EVENT,
    (Preset.COMPACT, PrivacyUnit.BOTH): _BOTH,
}


def without_texts(*, items: int) -> Recipe:
    """Return the recipe of ``full`` for people with few events on items that have no texts.

    What it differs by was chosen on validation items of a generated set of 6,000 people, 3,300
    items and 9 events a person, in 40 themes:

    - Features say nothing, so they only tell items apart at the start: short, and projected by what
      does not move. Items are learnt by their residuals, in more dimensions.
    - No private vector: after a handful of events it knows those by heart, and residuals that learn
      to go with it do too. The attention over the latest events is all there is of a person.
    - FedAdam's degree of adaptivity is a tenth of an item's mean share of all events. Numbers of
      items that are met more seldom than that move by their gradients, and not by full steps that
      make as much of one event as of a hundred.

    Args:
        items: J.
    """
    optimiser = _FULL.optimiser.model_copy(
        update={
            "rates": _rates(projections=0.0, attention=0.1, popularity=0.1, item_residual=0.1),
            "tau": 0.1 / items,
        }
    )
    return replace(
        _FULL,
        dimension=64,
        rounds=45,
        local_rates=_rates(projections=1.0, attention=1.0, popularity=1.0, item_residual=1.0),
        optimiser=optimiser,
        feature_scale=0.2,
    )


def recipe(preset: Preset, unit: PrivacyUnit) -> Recipe:
    """Return the recipe for a preset under a privacy unit."""
    found = _RECIPES.get((preset, unit))
    return _large(_RECIPES[Preset.COMPACT, unit]) if found is None else found


def retuned(preset: Preset, unit: PrivacyUnit) -> bool:
    """Return whether a preset is trained by another recipe under a privacy unit than without."""
    return recipe(preset, unit) != recipe(preset, PrivacyUnit.NONE)
