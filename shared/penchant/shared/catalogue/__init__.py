"""The catalogue: the items that can be recommended, in memory or mapped from disk."""

from penchant.shared.catalogue.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.catalogue.manifest import Manifest, Precision

__all__ = ["UNKNOWN_ITEM", "Catalogue", "Manifest", "Precision"]
