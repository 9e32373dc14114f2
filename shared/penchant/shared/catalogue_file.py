"""A catalogue as one file, as it is released: ids, texts and embeddings, in the shared order."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically

__all__ = ["load_catalogue", "save_catalogue"]

FORMAT = "penchant catalogue 1"


def save_catalogue(path: Path, catalogue: Catalogue, *, encoder: str) -> None:
    """Write ``catalogue`` to ``path``, whole or not at all.

    Args:
        path: the file.
        catalogue: what to write.
        encoder: fingerprint of the encoder that embedded it.
    """
    tensors: dict[str, NDArray[Any]] = {
        "embeddings": np.ascontiguousarray(catalogue.embeddings),
        "items": _packed(catalogue.items),
    }
    if catalogue.texts is not None:
        tensors["texts"] = _packed(catalogue.texts)
    write_atomically(path, safetensors.save(tensors, metadata={FORMAT: encoder}))


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue that ``save_catalogue`` wrote.

    Raises:
        DataError: ``path`` is not a catalogue file.
    """
    try:
        tensors = safetensors.load(path.read_bytes())
        items = _unpacked(tensors["items"])
        texts = _unpacked(tensors["texts"]) if "texts" in tensors else None
        embeddings = tensors["embeddings"]
        if embeddings.dtype != np.float32:
            raise ValueError(f"its embeddings are {embeddings.dtype}; float32 ones are needed")
    except (OSError, KeyError, ValueError, RecursionError, SafetensorError) as error:
        raise DataError(f"{path} is not a catalogue file: {error}") from error
    return Catalogue.of(items, embeddings, texts=texts)


def _packed(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(list(texts)).encode(), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> list[str]:
    texts = json.loads(packed.tobytes())
    if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise ValueError("its ids or texts are not a list of texts")
    return texts
