"""Sentence encoders of word pieces and their n-grams, without a transformer; as torch modules.

Source: Y. Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval, ACL 2020
(demonstrations): embeddings of pieces beside convolutions over 2, 3 and 5 of them, summed, divided
by the root of their number, and put through a residual network. A checkpoint is two files:

``sp.model``
    the pieces, a SentencePiece unigram model with its normaliser.
``weights.npz``
    the weights. Embeddings of pieces are whole numbers in blocks ``q1``, ``q2``, ... of rows
    (piece p is row p // k of the block 1 + p % k, of k), with a ``scale`` and a ``lo`` a block.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn import functional

from penchant.shared.encoding.checkpoint import NGRAM_PIECES, NGRAM_WEIGHTS
from penchant.shared.errors import EncoderError

__all__ = ["NgramEmbedder", "load_ngram", "write_ngram_tokenizer"]

_ORDERS = (2, 3, 5)
_SPACE = "\u2581"


class NgramEmbedder(torch.nn.Module):
    """Embeddings of pieces and of their n-grams: ids and mask in, embeddings out."""

    pooling: ClassVar[Literal["sum"]] = "sum"

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        super().__init__()
        self._eps = float(weights["eps"])
        self._hold("pieces", _table(weights))
        for name, parts, axis in (
            ("proj", "proj", 1),
            ("proj_b", "proj_b", 0),
            ("proj_ln_g", "ln_g", 0),
            ("proj_ln_b", "ln_b", 0),
        ):
            self._hold(name, np.concatenate([weights[f"{parts}{n}"] for n in _ORDERS], axis=axis))
        for name in ("ln_g", "ln_b", "cnn_W", "cnn_b", "d0", "d1", "d2", "d3", "p1", "p3"):
            self._hold(name, weights[name])
        for order in _ORDERS:
            for layer in ("1", "2"):
                matrix = weights[f"w{layer}_{order}"]
                width = matrix.shape[1]
                kernel = matrix.reshape(order, width, width).transpose(2, 1, 0)
                self._hold(f"w{layer}_{order}", kernel)
                self._hold(f"b{layer}_{order}", weights[f"b{layer}_{order}"])

    def _hold(self, name: str, array: NDArray[Any]) -> None:
        whole = np.ascontiguousarray(array, dtype=np.float32)
        self.register_buffer(name, torch.from_numpy(whole))

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.get_buffer("d3").shape[1])

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return embeddings, float32 (n, dimension), for ids and mask, int64 (n, tokens)."""
        of = self.get_buffer
        mask = attention_mask.unsqueeze(-1).to(torch.float32)
        pieces = functional.embedding(input_ids, of("pieces"))
        projected = functional.layer_norm(
            pieces @ of("proj") + of("proj_b"),
            of("proj_b").shape,
            of("proj_ln_g"),
            of("proj_ln_b"),
            self._eps,
        )
        branches = torch.split(projected, of("proj_b").shape[0] // len(_ORDERS), dim=-1)
        parts = [pieces]
        for order, branch in zip(_ORDERS, branches, strict=True):
            first = self._convolved(branch * mask, "1", order) + branch
            parts.append(self._convolved(first * mask, "2", order) + first)
        features = functional.layer_norm(
            torch.cat(parts, dim=-1), of("ln_g").shape, of("ln_g"), of("ln_b"), self._eps
        )
        count = mask.sum(dim=1)
        pooled = ((features * mask).sum(dim=1) @ of("cnn_W") + count * of("cnn_b")) / count.sqrt()
        first = torch.relu(pooled @ of("p1") + torch.relu(pooled @ of("d0")) @ of("d1"))
        second = torch.relu(first @ of("d2"))
        last = torch.tanh(first @ of("p3") + second @ of("d3"))
        return functional.normalize(last, dim=-1)

    def _convolved(self, tokens: torch.Tensor, layer: str, order: int) -> torch.Tensor:
        """Return what a layer makes of each run of pieces, zeros around the text."""
        left = (order - 1) // 2
        padded = functional.pad(tokens.transpose(1, 2), (left, order - 1 - left))
        kernel, bias = self.get_buffer(f"w{layer}_{order}"), self.get_buffer(f"b{layer}_{order}")
        return torch.relu(functional.conv1d(padded, kernel, bias)).transpose(1, 2)


def load_ngram(folder: Path) -> NgramEmbedder:
    """Load a checkpoint's weights.

    Raises:
        EncoderError: they cannot be read, or some are missing.
    """
    path = folder / NGRAM_WEIGHTS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return NgramEmbedder(dict(arrays)).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EncoderError(f"{path} cannot be used: {error}") from error


def write_ngram_tokenizer(folder: Path, path: Path) -> None:
    """Write a checkpoint's pieces as a tokenizer that penchant loads.

    Raises:
        EncoderError: they cannot be read, or are no unigram model.
    """
    from transformers.utils import sentencepiece_model_pb2_new as sentencepiece

    source = folder / NGRAM_PIECES
    found = sentencepiece.ModelProto()  # type: ignore[attr-defined]
    try:
        found.ParseFromString(source.read_bytes())
        vocabulary = [(piece.piece, piece.score) for piece in found.pieces]
        tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=found.trainer_spec.unk_id))
        # SentencePiece's own order: its normaliser, then spaces at the ends and beside others.
        characters = found.normalizer_spec.precompiled_charsmap
        tokenizer.normalizer = normalizers.Sequence(
            [
                *([normalizers.Precompiled(characters)] if characters else []),
                normalizers.Replace(Regex(r"\A +| +\z"), ""),
                normalizers.Replace(Regex(" {2,}"), " "),
            ]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="always")
        begin, end = found.trainer_spec.bos_piece, found.trainer_spec.eos_piece
        ids = [(piece, tokenizer.token_to_id(piece)) for piece in (begin, end)]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}", special_tokens=ids
        )
        tokenizer.save(str(path))
    # protobuf and tokenizers raise bare Exception subclasses of their own.
    except Exception as error:
        raise EncoderError(f"{source} is not a SentencePiece unigram model: {error}") from error


def _table(weights: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the embeddings of pieces, float32 (pieces, width)."""
    scales, lows = weights["scale"], weights["lo"]
    blocks = len(scales)
    rows, width = weights["q1"].shape
    table = np.empty((rows * blocks, width), dtype=np.float32)
    for block in range(blocks):
        table[block::blocks] = weights[f"q{block + 1}"] * scales[block] + lows[block]
    return table
