"""What a simulation starts from: people and items, their split, and the initial ranker."""

from collections.abc import Callable
from dataclasses import dataclass

from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation import datasets
from penchant.simulation.datasets import Dataset
from penchant.simulation.datasets.scripts import encoder_warnings
from penchant.simulation.evaluation import evaluated_sample
from penchant.simulation.plan import Plan
from penchant.simulation.report.summary import EncoderIdentity
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.split import LeaveOneOut, leave_one_out

__all__ = ["World", "prepare"]


@dataclass(frozen=True, eq=False)
class World:
    """What a simulation starts from.

    Attributes:
        dataset: people and items.
        split: what is trained on and what is held out.
        plan: constants of the run.
        scorer: the initial ranker over the data set's catalogue.
        encoder: which language model embedded the items.
    """

    dataset: Dataset
    split: LeaveOneOut
    plan: Plan
    scorer: Scorer
    encoder: EncoderIdentity


def prepare(settings: SimulationSettings, *, tell: Callable[[str], None]) -> World:
    """Return the world of a simulation; the first time, this fetches and builds what is missing.

    Args:
        settings: what to simulate.
        tell: told what is being done, for people.

    Raises:
        ConfigurationError: settings and data set do not fit together.
        AssetError: data or model cannot be fetched, or are not the pinned ones.
        PrivacyError: no noise keeps within epsilon.
    """
    dataset = datasets.load(settings.dataset, tell=tell)
    if settings.devices is not None:
        dataset = dataset.head(settings.devices)
    plan = Plan.of(settings, population=dataset.n_people)
    tell(
        f"{dataset.name}: {dataset.n_people:,} people, {dataset.n_items:,} items, "
        f"{dataset.n_events:,} events"
    )
    tell(f"language model {settings.encoder} embeds the item texts")
    bundle = Encoder.open(find_bundle(settings.encoder))
    encoder = CachedEncoder(bundle)
    for warning in encoder_warnings(dataset, bundle.manifest.languages):
        tell(warning)
    catalogue = Catalogue.of(dataset.item_ids, encoder.encode(dataset.item_texts))
    rank = plan.recipe.feature_rank or FeatureMap.largest_rank(catalogue.embeddings)
    feature_map = FeatureMap.principal(catalogue.embeddings, rank=rank)
    shape = plan.ranker_settings(settings, feature_map, catalogue)
    return World(
        dataset=dataset,
        split=evaluated_sample(leave_one_out(dataset)),
        plan=plan,
        scorer=Scorer.bind(Ranker.initial(shape, feature_map), catalogue),
        encoder=EncoderIdentity(
            model=bundle.manifest.model_id,
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
        ),
    )
