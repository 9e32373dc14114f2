"""Where bundles are found that penchant built by itself."""

from pathlib import Path

from penchant.shared.assets import find
from penchant.shared.encoding.bundle import FORMAT_VERSION
from penchant.shared.files import cache_folder

__all__ = ["cached_bundle", "find_bundle"]


def cached_bundle(asset: str) -> Path:
    """Return where the bundle of an asset is, or will be when it has been built.

    Raises:
        AssetError: there is no such asset.
    """
    fingerprint = find(asset).fingerprint
    return cache_folder() / "encoders" / f"{asset}-{fingerprint}-v{FORMAT_VERSION}"


def find_bundle(source: str) -> Path:
    """Return the folder of a bundle, building it the first time if an asset is named.

    Args:
        source: a bundle's folder, or the name of an asset that is a checkpoint.

    Raises:
        AssetError: there is neither such a folder nor such an asset, or it cannot be fetched.
        EncoderError: the bundle cannot be built.
        MissingExtraError: it has to be built, and the ``encoder`` extra is not installed.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    built = cached_bundle(source)
    if built.is_dir():
        return built
    from penchant.shared.encoding.builder import ensure_bundle

    return ensure_bundle(source)
