"""Tests of opening a bundle: whatever is wrong with it is said before it is used."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from penchant.shared.encoding import Encoder, open_bundle
from penchant.shared.errors import EncoderError
from penchant.shared.files import sha256_of


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def _rewrite(copy: Path, **changes: Any) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | changes))


def test_a_whole_bundle_opens(bundle: Path, checkpoint: Path) -> None:
    """The manifest says what the bundle was built from, and how."""
    manifest = open_bundle(bundle)
    assert manifest.model_id == checkpoint.name
    assert (manifest.dimension, manifest.pooling, manifest.max_length) == (48, "mean", 64)
    assert manifest.languages == ()
    assert manifest.built_with.keys() >= {"onnxruntime", "torch", "transformers"}
    assert sorted(file.name for file in bundle.iterdir()) == sorted(
        [*manifest.files, "manifest.json"]
    )


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_corrupt_file_is_named_with_both_hashes(copy: Path, name: str) -> None:
    """One changed byte is found, and both hashes are told."""
    expected = sha256_of(copy / name)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(EncoderError) as failure:
        Encoder.open(copy)
    for part in (name, expected, sha256_of(copy / name)):
        assert part in str(failure.value)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    """A bundle with a file gone is refused."""
    (copy / name).unlink()
    with pytest.raises(EncoderError, match=name):
        Encoder.open(copy)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format_version": 2}, "format 2, this penchant reads 1"),
        ({"format_version": None}, "format None, this penchant reads 1"),
        ({"dimension": -1}, "dimension"),
        ({"pooling": "max"}, "pooling"),
        ({"files": {"model.onnx": "0" * 64}}, "expected those of model.onnx and tokenizer.json"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(
    copy: Path, changes: dict[str, Any], said: str
) -> None:
    """Another version, a value out of range and an unknown field are each told."""
    _rewrite(copy, **changes)
    with pytest.raises(EncoderError, match=said):
        Encoder.open(copy)


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_a_manifest_that_is_not_json_is_refused(copy: Path, content: str) -> None:
    """A file that is not a manifest is an error, not a crash."""
    (copy / "manifest.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(EncoderError, match="build the bundle again"):
        Encoder.open(copy)


def test_a_model_that_onnxruntime_refuses_is_refused(copy: Path) -> None:
    """A bundle whose hashes are right but whose model is not a graph is an error of ours."""
    (copy / "model.onnx").write_bytes(b"not a graph")
    files = {name: sha256_of(copy / name) for name in ("model.onnx", "tokenizer.json")}
    _rewrite(copy, files=files)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        Encoder.open(copy)


def test_the_fingerprint_follows_what_decides_an_embedding(copy: Path) -> None:
    """A name does not change the fingerprint; the maximum length does."""
    before = open_bundle(copy).fingerprint
    _rewrite(copy, model_id="another name")
    assert open_bundle(copy).fingerprint == before
    _rewrite(copy, max_length=32)
    assert open_bundle(copy).fingerprint != before
