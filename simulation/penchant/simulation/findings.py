"""What a run finds out beside its test: drift of its ranker, and one person's interests."""

from pathlib import Path

import numpy as np

from penchant.shared.scoring import Scorer
from penchant.simulation.drift.runs import RunDrift
from penchant.simulation.drift.table import write_json
from penchant.simulation.portrait.choice import LEAST_EVENTS
from penchant.simulation.portrait.record import portrait_of, write_portrait
from penchant.simulation.portrait.tags import ItemTags, PlacedTags, named_tags
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.world import World

__all__ = ["write_findings"]

LEAST_TEXTS = 0.5  # share of the items


def write_findings(
    world: World, settings: SimulationSettings, trained: Scorer, folder: Path
) -> None:
    """Write ``drift.json`` of a few people and ``portrait.json``, where the data allow.

    Args:
        world: what the run started from.
        settings: what was asked.
        trained: its ranker, over the catalogue that was trained on.
        folder: the run's.
    """
    run = RunDrift.of(world, settings, trained)
    drift = run.in_brief(folder)
    if drift is not None:
        write_json(drift, folder)
    tags = _tags(world, run)
    portrait = None if tags is None else portrait_of(run.dataset, tags)
    if portrait is not None:
        write_portrait(portrait, folder)


def _tags(world: World, run: RunDrift) -> ItemTags | None:
    """Return the data's own tags; those of the device's taxonomy, if the data have none.

    None where there is nothing to place that with, or nobody whose interests could be shown; and
    where most items have no text, whose identifiers the language model would place at random.
    """
    if np.diff(run.dataset.offsets).max() < LEAST_EVENTS:
        return None
    named = named_tags(run.dataset.item_texts)
    if named is not None or world.taxonomy is None:
        return named
    if np.mean([bool(text.strip()) for text in run.dataset.item_texts]) < LEAST_TEXTS:
        return None
    return PlacedTags(world.taxonomy(), run.scorer.catalogue.embeddings)
