"""Text to embeddings, with a language model in a bundle that needs no deep learning framework."""

from penchant.shared.encoding.bundle import Manifest, open_bundle
from penchant.shared.encoding.cache import CachedEncoder
from penchant.shared.encoding.encoder import Encoder

__all__ = ["CachedEncoder", "Encoder", "Manifest", "open_bundle"]
