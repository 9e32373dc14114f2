"""What a simulation starts from: people and items, their split, and the initial ranker."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from penchant.client.interests import Tags, Taxonomy
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.errors import DataError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation import datasets
from penchant.simulation.coldstart import ColdStart, cold_start
from penchant.simulation.datasets import Dataset
from penchant.simulation.datasets.scripts import encoder_warnings
from penchant.simulation.evaluation import evaluated_sample, rankable, spare_items
from penchant.simulation.plan import Plan
from penchant.simulation.report.summary import EncoderIdentity
from penchant.simulation.settings import Protocol, SimulationSettings
from penchant.simulation.split import LeaveOneOut, leave_one_out
from penchant.simulation.textless import recipe_for
from penchant.simulation.timesplit import time_split

__all__ = ["Cold", "World", "prepare"]

COLD_STREAM = 5
NEGATIVES = 99


@dataclass(frozen=True, eq=False)
class Cold:
    """People and items kept from training.

    Attributes:
        start: who and what they are.
        catalogue: all items, those that are trained on first.
    """

    start: ColdStart
    catalogue: Catalogue


@dataclass(frozen=True, eq=False)
class World:
    """What a simulation starts from.

    Attributes:
        dataset: people and items.
        split: what is trained on and what is held out.
        plan: constants of the run.
        scorer: the initial ranker over the catalogue that is trained on.
        encoder: which language model embedded the items.
        cold: what is kept from training, if anything is.
        taxonomy: gives the device's default tags, placed among the items; None if nothing can.
    """

    dataset: Dataset
    split: LeaveOneOut
    plan: Plan
    scorer: Scorer
    encoder: EncoderIdentity
    cold: Cold | None = None
    taxonomy: Callable[[], Tags] | None = None


def prepare(settings: SimulationSettings, *, tell: Callable[[str], None]) -> World:
    """Return the world of a simulation; the first time, this fetches and builds what is missing.

    Args:
        settings: what to simulate.
        tell: told what is being done, for people.

    Raises:
        ConfigurationError: settings and data set do not fit together.
        DataError: the data set is malformed, or has nothing to hold out or to rank it against.
        AssetError: data or model cannot be fetched, or are not the pinned ones.
        PrivacyError: no noise keeps within epsilon.
    """
    dataset = datasets.load(settings.dataset, tell=tell)
    if settings.devices is not None:
        dataset = dataset.head(settings.devices)
    tell(
        f"{dataset.name}: {dataset.n_people:,} people, {dataset.n_items:,} items, "
        f"{dataset.n_events:,} events"
    )
    split, start = _held_out(dataset, settings)
    evaluated, split = len(split.people), rankable(split)
    if len(split.people) < evaluated:
        tell(f"{evaluated - len(split.people)} people have met every item: they only train")
    spare = spare_items(split)
    if spare < NEGATIVES:
        tell(
            f"somebody has met all but {spare} items: metrics with {NEGATIVES} negatives have "
            f"{spare} instead, and are higher for it"
        )
    trained = split.training
    tuned = recipe_for(settings, trained)
    plan = Plan.of(settings, population=trained.n_people, tuned=tuned)
    tell(f"language model {settings.encoder} embeds the item texts")
    bundle = Encoder.open(find_bundle(settings.encoder))
    encoder = CachedEncoder(bundle)
    for warning in encoder_warnings(dataset, bundle.manifest.languages):
        tell(warning)
    catalogue = Catalogue.of(trained.item_ids, encoder.encode(trained.item_words))
    largest = FeatureMap.largest_rank(catalogue.embeddings)
    rank = min(plan.recipe.feature_rank or largest, largest)
    feature_map = FeatureMap.principal(
        catalogue.embeddings, rank=rank, length=plan.recipe.feature_scale
    )
    shape = plan.ranker_settings(settings, feature_map, catalogue)
    cold = None
    if start is not None:
        items = start.learnt_from.training
        cold = Cold(start, Catalogue.of(items.item_ids, encoder.encode(items.item_words)))
    return World(
        dataset=dataset,
        split=split,
        plan=plan,
        scorer=Scorer.bind(Ranker.initial(shape, feature_map), catalogue),
        encoder=EncoderIdentity(
            model=bundle.manifest.model_id,
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
        ),
        cold=cold,
        taxonomy=partial(_taxonomy, settings.encoder),
    )


def _taxonomy(encoder: str) -> Tags:
    return Tags.embed(Encoder.open(find_bundle(encoder)), Taxonomy.built_in())


def _held_out(
    dataset: Dataset, settings: SimulationSettings
) -> tuple[LeaveOneOut, ColdStart | None]:
    """Return what is trained on and, if people and items are kept from training, those too."""
    if settings.protocol is Protocol.LEAVE_ONE_OUT:
        return evaluated_sample(leave_one_out(dataset, targets=settings.target_kinds)), None
    if settings.protocol is Protocol.TIME:
        if not dataset.has_times:
            raise DataError(
                f"the times of '{dataset.name}' only tell each person's order, so no moment is "
                "the same for all; use --protocol leave-one-out"
            )
        return evaluated_sample(time_split(dataset, targets=settings.target_kinds)), None
    start = cold_start(dataset, rng=np.random.default_rng([settings.seed, COLD_STREAM]))
    return start.training, start
