"""Generated populations: people whose interests drift and switch, as many as wanted."""

from penchant.simulation.datasets.synthetic.population import Truth, generate
from penchant.simulation.datasets.synthetic.settings import PopulationSettings, Texts

__all__ = ["PopulationSettings", "Texts", "Truth", "generate"]
