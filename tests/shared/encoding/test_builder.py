"""Tests of building a bundle from a checkpoint."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from penchant.shared.encoding import Encoder
from penchant.shared.encoding.builder import build_bundle, ensure_bundle
from penchant.shared.encoding.sample import SAMPLE
from penchant.shared.errors import AssetError, EncoderError

WriteCheckpoint = Callable[..., Path]
SetPooling = Callable[[Path, str], None]


def _reference(checkpoint: Path, text: str, *, pooling: str, max_length: int) -> np.ndarray:
    """Return what transformers in fp32 gives for one text."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(checkpoint)(ids).last_hidden_state[0]
    pooled = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
    return np.asarray(pooled / pooled.norm())


@pytest.mark.parametrize(("mode", "pooling"), [("mean_tokens", "mean"), ("cls_token", "cls")])
def test_a_bundle_gives_what_its_checkpoint_gives(
    tmp_path: Path,
    write_checkpoint: WriteCheckpoint,
    set_pooling: SetPooling,
    mode: str,
    pooling: str,
) -> None:
    """Pooling is what the checkpoint asks for; int8 costs little."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    set_pooling(checkpoint, mode)
    manifest = build_bundle(str(checkpoint), tmp_path / "bundle")
    assert manifest.pooling == pooling
    embeddings = Encoder.open(tmp_path / "bundle").encode(SAMPLE)
    cosines = [
        embedding @ _reference(checkpoint, text, pooling=pooling, max_length=64)
        for text, embedding in zip(SAMPLE, embeddings, strict=True)
    ]
    assert min(cosines) > 0.99
    assert manifest.agreement.least_cosine == pytest.approx(min(cosines), abs=1e-4)
    assert manifest.agreement.mean_cosine == pytest.approx(np.mean(cosines), abs=1e-4)
    assert manifest.agreement.texts == len(SAMPLE)


def test_weights_are_int8_in_operators_that_are_batch_stable(bundle: Path) -> None:
    """The 12 weight matrices are MatMulNBits of 8 bits and blocks of 32; the table is int8."""
    graph = onnx.load(bundle / "model.onnx").graph
    products = [node for node in graph.node if node.op_type == "MatMulNBits"]
    settings = [{found.name: found.i for found in node.attribute} for node in products]
    assert [(found["bits"], found["block_size"]) for found in settings] == [(8, 32)] * 12
    table = [Tokenizer.from_file(str(bundle / "tokenizer.json")).get_vocab_size(), 48]
    stored = [tensor.data_type for tensor in graph.initializer if list(tensor.dims) == table]
    assert stored == [onnx.TensorProto.INT8]
    assert not {node.op_type for node in graph.node} & {"DynamicQuantizeLinear", "MatMulInteger"}


def test_building_twice_gives_the_same_bundle(
    bundle: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """One checkpoint has one fingerprint, so that cached embeddings stay good."""
    build_bundle(str(checkpoint), tmp_path / "again")
    assert Encoder.open(tmp_path / "again").fingerprint == Encoder.open(bundle).fingerprint


def test_what_the_user_states_is_recorded(checkpoint: Path, tmp_path: Path) -> None:
    """Name, languages and maximum length can be given."""
    manifest = build_bundle(
        str(checkpoint), tmp_path / "named", max_length=16, name="a/b", languages=("en", "de")
    )
    assert (manifest.model_id, manifest.languages, manifest.max_length) == ("a/b", ("en", "de"), 16)


@pytest.mark.parametrize("content", ["folder", "file"])
def test_a_folder_in_use_is_left_alone(checkpoint: Path, tmp_path: Path, content: str) -> None:
    """What is there is neither changed nor mixed with a bundle."""
    place = tmp_path / "used"
    kept = place / "kept" if content == "folder" else place
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(EncoderError, match="in use"):
        build_bundle(str(checkpoint), place)
    assert kept.read_text() == "mine"


def test_a_failed_build_leaves_nothing(tmp_path: Path, write_checkpoint: WriteCheckpoint) -> None:
    """An error after the work began leaves neither a bundle nor scraps of one."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint", special_tokens=False)
    out = tmp_path / "out"
    with pytest.raises(EncoderError, match="no special tokens"):
        build_bundle(str(checkpoint), out / "bundle")
    assert list(out.iterdir()) == []


def test_a_damaged_checkpoint_is_one_clear_error(checkpoint: Path, tmp_path: Path) -> None:
    """Weights that cannot be read are an error of ours."""
    damaged = Path(shutil.copytree(checkpoint, tmp_path / "damaged"))
    (damaged / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EncoderError, match="damaged cannot be loaded"):
        build_bundle(str(damaged), tmp_path / "bundle")


def test_a_place_that_cannot_be_written_is_one_clear_error(
    checkpoint: Path, tmp_path: Path
) -> None:
    """The place is named."""
    (tmp_path / "file").touch()
    with pytest.raises(EncoderError, match="cannot write the bundle"):
        build_bundle(str(checkpoint), tmp_path / "file" / "bundle")


def test_building_leaves_the_root_logger_alone(checkpoint: Path, tmp_path: Path) -> None:
    """A program that builds a bundle keeps its own logging, in a fresh process too."""
    script = (
        "import logging; from pathlib import Path;"
        "from penchant.shared.encoding.builder import build_bundle;"
        f"build_bundle({str(checkpoint)!r}, Path({str(tmp_path / 'bundle')!r}));"
        "print(logging.root.handlers, logging.root.level)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"[] {logging.WARNING}"


def test_a_bundle_is_built_on_first_use_only(minilm: Encoder) -> None:
    """The second call returns the same folder, untouched."""
    folder = ensure_bundle("minilm")
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert ensure_bundle("minilm") == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert minilm.manifest.model_id == "sentence-transformers/all-MiniLM-L6-v2"
    assert minilm.manifest.languages == ("en",)
    assert (minilm.dimension, minilm.manifest.max_length) == (384, 256)


def test_a_bundle_of_an_unknown_asset_is_refused() -> None:
    """The known assets are listed."""
    with pytest.raises(AssetError, match="minilm"):
        ensure_bundle("maxilm")


def test_an_asset_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    """A data set is not a language model."""
    with pytest.raises(EncoderError, match="not a transformers checkpoint"):
        build_bundle("movielens-100k", tmp_path / "bundle")
