"""The catalogue: the items that can be recommended, in memory or mapped from disk."""

from penchant.shared.catalogue.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.catalogue.precision import Precision

__all__ = ["UNKNOWN_ITEM", "Catalogue", "Precision"]
