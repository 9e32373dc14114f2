"""Building a bundle from a transformers checkpoint; needs the ``encoder`` extra.

The graph ends in pooling and L2 normalisation, so what a bundle's model gives is the embedding.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock

from penchant.shared.assets import Progress, silent
from penchant.shared.encoding.bundle import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    Agreement,
    Manifest,
)
from penchant.shared.encoding.cached import cached_bundle
from penchant.shared.encoding.checkpoint import Checkpoint, find_checkpoint
from penchant.shared.encoding.encoder import embed, load_session, load_tokenizer
from penchant.shared.encoding.sample import SAMPLE, SAMPLE_NAME
from penchant.shared.errors import EncoderError, MissingExtraError
from penchant.shared.files import sha256_of, whole_folder

try:
    import onnx
    import torch
    import transformers
    from tokenizers import normalizers

    from penchant.shared.encoding.ngram import (
        NgramEmbedder,
        load_ngram,
        write_ngram_tokenizer,
    )
    from penchant.shared.encoding.quantisation import quantised
except ImportError:
    raise MissingExtraError("encoder", "building an encoder bundle") from None

__all__ = ["Embedder", "build_bundle", "ensure_bundle", "exported", "load_embedder"]

OPSET = 17
LEAST_AGREEMENT = 0.98
PACKAGES = ("onnx", "onnxruntime", "tokenizers", "torch", "transformers")


class Embedder(torch.nn.Module):
    """A transformer with pooling and L2 normalisation: ids and mask in, embeddings out."""

    transformer: transformers.PreTrainedModel

    def __init__(
        self, transformer: transformers.PreTrainedModel, pooling: Literal["mean", "cls"]
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.pooling = pooling

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.transformer.config.hidden_size)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return embeddings, float32 (n, dimension), for ids and mask, int64 (n, tokens)."""
        hidden = self.transformer(input_ids=input_ids, attention_mask=attention_mask)[0]
        if self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        return torch.nn.functional.normalize(pooled, dim=-1)


def build_bundle(
    source: str,
    folder: Path,
    *,
    max_length: int | None = None,
    prefix: str | None = None,
    name: str | None = None,
    languages: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Build a bundle; it appears in ``folder`` whole, or not at all.

    Args:
        source: a checkpoint: an asset's name, a folder, or a hub id.
        folder: where the bundle goes; it must be absent or empty.
        max_length: tokens that a text is cut to, special tokens included; by default what the
            checkpoint says.
        prefix: what goes before every text that has any, such as ``"query: "``; by default the
            checkpoint's default prompt. It is part of the bundle's tokenizer.
        name: model id for the manifest; by default the checkpoint's.
        languages: ISO 639-1 codes for the manifest; by default the checkpoint's.
        progress: told of every step.

    Returns:
        The manifest of the new bundle.

    Raises:
        EncoderError: the checkpoint cannot be found or made into a bundle, or ``folder`` is
            in use.
        AssetError: the asset cannot be fetched.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EncoderError(f"{folder} is in use; give a folder that is absent or empty")
    report = progress or silent
    checkpoint = find_checkpoint(source, progress)
    length = checkpoint.max_length(max_length)
    report("load the checkpoint", 0, None)
    embedder = load_embedder(checkpoint)
    with _writing(folder), whole_folder(folder) as scratch:
        model, tokenizer = scratch / MODEL_FILE, scratch / TOKENIZER_FILE
        before = checkpoint.prefix() if prefix is None else prefix
        _write_tokenizer(checkpoint, tokenizer, prefix=before)
        report("trace the graph", 0, None)
        graph = exported(embedder, scratch / "fp32.onnx")
        report("quantise", 0, None)
        onnx.save(quantised(graph), model)
        report("compare with fp32", 0, None)
        manifest = Manifest(
            model_id=name or checkpoint.model_id,
            dimension=embedder.dimension,
            pooling=embedder.pooling,
            max_length=length,
            languages=checkpoint.languages if languages is None else languages,
            quantisation="int8",
            agreement=_agreement(embedder, scratch, max_length=length),
            files={MODEL_FILE: sha256_of(model), TOKENIZER_FILE: sha256_of(tokenizer)},
            built_with={package: version(package) for package in PACKAGES},
        )
        (scratch / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def ensure_bundle(asset: str = "minilm", *, progress: Progress | None = None) -> Path:
    """Return the bundle of an asset, building it in the cache folder the first time.

    Processes that want the same bundle wait for one another.

    Args:
        asset: name of an asset that is a checkpoint.
        progress: told of every step.

    Raises:
        AssetError: there is no such asset, or it cannot be fetched.
        EncoderError: the bundle cannot be built.
    """
    folder = cached_bundle(asset)
    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                build_bundle(asset, folder, progress=progress)
    return folder


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EncoderError(f"cannot write the bundle {folder}: {error}") from error


def load_embedder(checkpoint: Checkpoint) -> Embedder | NgramEmbedder:
    """Load a checkpoint in fp32, with the pooling that it asks for.

    Raises:
        EncoderError: it cannot be loaded, or asks for something that a bundle does not do.
    """
    if checkpoint.is_ngram:
        return load_ngram(checkpoint.folder)
    pooling = checkpoint.pooling()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # Eager attention is plain matrix products, which every exporter knows.
        transformer = transformers.AutoModel.from_pretrained(
            checkpoint.folder,
            attn_implementation="eager",
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
        )
    # transformers raises errors of several libraries.
    except Exception as error:
        raise EncoderError(f"{checkpoint.model_id} cannot be loaded: {error}") from error
    return Embedder(transformer, pooling).eval()


def _write_tokenizer(checkpoint: Checkpoint, path: Path, *, prefix: str) -> None:
    ready = checkpoint.folder / TOKENIZER_FILE
    if checkpoint.is_ngram:
        write_ngram_tokenizer(checkpoint.folder, path)
    elif ready.exists():
        shutil.copyfile(ready, path)
    else:
        try:
            found = transformers.AutoTokenizer.from_pretrained(
                checkpoint.folder, local_files_only=True
            )
            found.backend_tokenizer.save(str(path))
        except Exception as error:
            raise EncoderError(f"{checkpoint.model_id} has no usable tokenizer: {error}") from error
    tokenizer = load_tokenizer(path, max_length=1 << 20)
    if not tokenizer.encode("").ids:
        raise EncoderError(
            f"{checkpoint.model_id}'s tokenizer adds no special tokens, so that an empty text "
            "would have no embedding"
        )
    if prefix:
        first, then = normalizers.Prepend(prefix), tokenizer.normalizer
        tokenizer.normalizer = normalizers.Sequence([first, then] if then else [first])
        tokenizer.save(str(path))


def exported(embedder: Embedder | NgramEmbedder, path: Path) -> onnx.ModelProto:
    """Return the fp32 graph, for any number of texts of any length.

    Args:
        embedder: what to trace.
        path: file that the exporter may write; it is gone afterwards.
    """
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 0]])
    dynamic = {0: "text", 1: "token"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            embedder,
            (ids, (ids > 0).long()),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["embedding"],
            dynamic_axes={
                "input_ids": dynamic,
                "attention_mask": dynamic,
                "embedding": {0: "text"},
            },
        )
    model = onnx.load(path)
    path.unlink()
    return model


def _agreement(embedder: Embedder | NgramEmbedder, bundle: Path, *, max_length: int) -> Agreement:
    tokenizer = load_tokenizer(bundle / TOKENIZER_FILE, max_length=max_length)
    session = load_session(bundle / MODEL_FILE)
    cosines = []
    with torch.inference_mode():
        for text in SAMPLE:
            ids = tokenizer.encode(text).ids
            exact = embedder(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[0]
            cosines.append(float(exact.numpy() @ embed(session, [ids])[0]))
    agreement = Agreement(
        sample=SAMPLE_NAME,
        texts=len(SAMPLE),
        least_cosine=round(min(1.0, *cosines), 6),
        mean_cosine=round(min(1.0, float(np.mean(cosines))), 6),
    )
    if agreement.least_cosine < LEAST_AGREEMENT:
        raise EncoderError(
            f"the int8 model agrees with the checkpoint only to cosine {agreement.least_cosine}, "
            f"expected {LEAST_AGREEMENT}; this checkpoint cannot be quantised this way"
        )
    return agreement
