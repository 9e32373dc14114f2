"""Tests of finding a checkpoint and reading how it is meant to be used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.shared.encoding.checkpoint import Checkpoint, find_checkpoint
from penchant.shared.errors import EncoderError

SetPooling = Callable[[Path, str], None]


def _checkpoint(folder: Path, **files: Any) -> Checkpoint:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return Checkpoint(folder, "a/b")


def test_a_folder_is_a_checkpoint(checkpoint: Path) -> None:
    """A folder is called by its name."""
    assert find_checkpoint(str(checkpoint)) == Checkpoint(checkpoint, "tiny-bert")


@pytest.mark.parametrize("source", ["mini", "a/b/c", "./nowhere", "/nowhere/at/all"])
def test_what_is_no_source_is_refused(source: str) -> None:
    """The error says what a source can be."""
    with pytest.raises(EncoderError, match=r"neither a folder, nor a hub id .* nor an asset"):
        find_checkpoint(source)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    """What is missing is named."""
    _checkpoint(tmp_path, config={})
    with pytest.raises(EncoderError, match=r"no model\.safetensors"):
        find_checkpoint(str(tmp_path))


def test_pooling_is_the_mean_unless_stated(tmp_path: Path) -> None:
    """A checkpoint that says nothing is pooled by the mean."""
    assert _checkpoint(tmp_path).pooling() == "mean"


def test_pooling_that_a_bundle_does_not_do_is_refused(
    tmp_path: Path, set_pooling: SetPooling
) -> None:
    """Pooling by the maximum would give other embeddings than the authors meant."""
    set_pooling(tmp_path, "max_tokens")
    with pytest.raises(EncoderError, match="pooling_mode_max_tokens"):
        _checkpoint(tmp_path).pooling()


def test_modules_that_a_bundle_does_not_hold_are_refused(tmp_path: Path) -> None:
    """A projection after pooling must not be dropped in silence."""
    kinds = ("Transformer", "Pooling", "Dense")
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    with pytest.raises(EncoderError, match="Dense"):
        _checkpoint(tmp_path, modules=modules).pooling()


@pytest.mark.parametrize(
    ("sentence", "tokenizer", "expected"),
    [
        ({"max_seq_length": 256}, {"model_max_length": 512}, 256),
        ({"max_seq_length": 1000}, {}, 512),
        ({"max_seq_length": None}, {"model_max_length": 128}, 128),
        ({}, {"model_max_length": 10**30}, 512),
    ],
)
def test_the_maximum_length_is_what_the_files_say(
    tmp_path: Path, sentence: dict[str, Any], tokenizer: dict[str, Any], expected: int
) -> None:
    """The stated length counts, and never more than the model has positions."""
    found = _checkpoint(
        tmp_path,
        config={"max_position_embeddings": 512},
        sentence_bert_config=sentence,
        tokenizer_config=tokenizer,
    )
    assert found.max_length(None) == expected


@pytest.mark.parametrize("asked", [-1, 0, 2, 513])
def test_an_impossible_maximum_length_is_refused(tmp_path: Path, asked: int) -> None:
    """The error tells the range."""
    found = _checkpoint(tmp_path, config={"max_position_embeddings": 512})
    with pytest.raises(EncoderError, match=f"{asked}, a/b takes from 3 to 512"):
        found.max_length(asked)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    """A damaged setting is an error, not a default."""
    (tmp_path / "modules.json").write_text("{")
    with pytest.raises(EncoderError, match=r"modules\.json cannot be read"):
        _checkpoint(tmp_path).pooling()
