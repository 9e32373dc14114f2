"""A catalogue as one file: ids and embeddings, in the order that rankers share."""

import json
from pathlib import Path

import numpy as np
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
    ids = np.frombuffer(json.dumps(catalogue.items).encode(), dtype=np.uint8)
    tensors = {"embeddings": np.ascontiguousarray(catalogue.embeddings), "items": ids}
    write_atomically(path, safetensors.save(tensors, metadata={FORMAT: encoder}))


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue that ``save_catalogue`` wrote.

    Raises:
        DataError: ``path`` is not a catalogue file.
    """
    try:
        tensors = safetensors.load(path.read_bytes())
        items = json.loads(tensors["items"].tobytes())
        embeddings = tensors["embeddings"]
        if not (isinstance(items, list) and all(isinstance(item, str) for item in items)):
            raise ValueError("its ids are not a list of texts")
        if embeddings.dtype != np.float32:
            raise ValueError(f"its embeddings are {embeddings.dtype}; float32 ones are needed")
    except (OSError, KeyError, ValueError, RecursionError, SafetensorError) as error:
        raise DataError(f"{path} is not a catalogue file: {error}") from error
    return Catalogue.of(items, embeddings)
