"""Data quality: observed events are cleaned or refused by stated rules, and counted."""

from penchant.client.quality.health import Health, Refused, Tally
from penchant.client.quality.inspection import Happening, Inspected, inspect
from penchant.client.quality.rules import Cleaning, QualityRules, Refusal
from penchant.client.quality.text import clean_text

__all__ = [
    "Cleaning",
    "Happening",
    "Health",
    "Inspected",
    "QualityRules",
    "Refusal",
    "Refused",
    "Tally",
    "clean_text",
    "inspect",
]
