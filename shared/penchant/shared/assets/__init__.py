"""Named files with pinned hashes: language models and data sets, fetched once and kept."""

from penchant.shared.assets.asset import Asset, AssetFile, Progress, silent
from penchant.shared.assets.catalogue import find, names
from penchant.shared.assets.store import AssetStore, fetch, path, verify

__all__ = [
    "Asset",
    "AssetFile",
    "AssetStore",
    "Progress",
    "fetch",
    "find",
    "names",
    "path",
    "silent",
    "verify",
]
