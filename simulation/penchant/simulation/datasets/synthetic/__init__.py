"""Generated populations: people whose interests drift and switch, as many as wanted."""

from penchant.simulation.datasets.synthetic.population import Truth, generate
from penchant.simulation.datasets.synthetic.settings import SYNTHETIC, PopulationSettings, Texts

__all__ = ["SYNTHETIC", "PopulationSettings", "Texts", "Truth", "generate"]
