"""Turning text into embeddings with ONNX Runtime: the only module a device needs for it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.encoding.bundle import MODEL_FILE, TOKENIZER_FILE, Manifest, open_bundle
from penchant.shared.encoding.texts import check_texts
from penchant.shared.errors import ConfigurationError, EncoderError

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

__all__ = ["Encoder", "embed", "load_session", "load_tokenizer"]


class Encoder:
    """A language model that gives each text an embedding of norm 1.

    An embedding depends on its text alone: what else is in the call moves it by no more than
    float32 rounding. An empty text, or one of white space only, gets what the model gives for
    no words: one fixed embedding, also of norm 1.

    Make one with `Encoder.open`.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: "tokenizers.Tokenizer",
        session: "onnxruntime.InferenceSession",
        *,
        batch_tokens: int,
    ) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._session = session
        self._batch_tokens = batch_tokens

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1, batch_tokens: int = 512) -> Self:
        """Load a bundle, after checking the hashes of its files.

        Args:
            folder: a bundle, made by ``penchant encoder build`` or ``ensure_bundle``.
            threads: threads that one call may use, at least 1.
            batch_tokens: most tokens, padding included, that go through the model at once, at
                least 1; it bounds memory. A longer text goes alone.

        Raises:
            EncoderError: the folder is not a bundle, or is corrupt or of another version.
            ConfigurationError: ``threads`` or ``batch_tokens`` is below 1.
        """
        for name, value in (("threads", threads), ("batch_tokens", batch_tokens)):
            if value < 1:
                raise ConfigurationError(f"{name} is {value}, expected 1 or more")
        manifest = open_bundle(folder)
        try:
            tokenizer = load_tokenizer(folder / TOKENIZER_FILE, max_length=manifest.max_length)
            session = load_session(folder / MODEL_FILE, threads=threads)
        # Both libraries raise bare Exception subclasses of their own.
        except Exception as error:
            raise EncoderError(f"{folder} cannot be loaded: {error}; build it again") from error
        return cls(manifest, tokenizer, session, batch_tokens=batch_tokens)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self._manifest

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._manifest.dimension

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides an embedding: 64 hexadecimal digits."""
        return self._manifest.fingerprint

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the texts' embeddings.

        Args:
            texts: any strings; each is cut to the bundle's maximum length in tokens.

        Returns:
            float32 of shape (len(texts), dimension); rows are in the order of ``texts`` and
            have norm 1.

        Raises:
            EncoderError: ``texts`` is one string, or holds something that is not a string or
                cannot be written in UTF-8.
        """
        check_texts(texts)
        # One at a time: the tokenizer's batch calls take every core there is.
        tokens = [self._tokenizer.encode(text if text.strip() else "").ids for text in texts]
        embeddings = np.empty((len(tokens), self.dimension), dtype=np.float32)
        for rows in _batches([len(ids) for ids in tokens], self._batch_tokens):
            embeddings[rows] = embed(self._session, [tokens[row] for row in rows])
        return embeddings


def embed(
    session: "onnxruntime.InferenceSession", batch: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """Run one batch of token ids through a bundle's model, padded to the longest.

    Returns:
        float32 of shape (len(batch), dimension).
    """
    input_ids = np.zeros((len(batch), max(map(len, batch))), dtype=np.int64)
    attention_mask = np.zeros_like(input_ids)
    for row, ids in enumerate(batch):
        input_ids[row, : len(ids)] = ids
        attention_mask[row, : len(ids)] = 1
    feed = {"input_ids": input_ids, "attention_mask": attention_mask}
    (embeddings,) = session.run(["embedding"], feed)
    return np.asarray(embeddings, dtype=np.float32)


def load_tokenizer(path: Path, *, max_length: int) -> "tokenizers.Tokenizer":
    """Load a bundle's tokenizer, set to cut texts to ``max_length`` tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def load_session(path: Path, *, threads: int = 1) -> "onnxruntime.InferenceSession":
    """Load a bundle's model on the CPU."""
    # ONNX Runtime reports to its maker unless told otherwise before it is loaded. The call is for
    # a process that had loaded it already.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batches(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """Give the rows of each batch: of like length, so that little is computed on padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > most_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
