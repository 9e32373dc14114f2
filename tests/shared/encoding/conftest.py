"""Checkpoints and bundles: a tiny random one made here, and the real MiniLM from the cache."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from penchant.shared.encoding import Encoder
from penchant.shared.encoding.builder import build_bundle, ensure_bundle

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def write_checkpoint(folder: Path, *, hidden: int = 48, special_tokens: bool = True) -> Path:
    """Write a random BERT of two layers whose tokenizer spells words out, as transformers does."""
    pieces = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    if special_tokens:
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
        )
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(7)
    model = BertModel(
        BertConfig(
            vocab_size=len(pieces),
            hidden_size=hidden,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=2 * hidden,
            max_position_embeddings=64,
        )
    )
    model.save_pretrained(folder)
    return folder


def set_pooling(folder: Path, mode: str) -> None:
    """Make a checkpoint ask for one kind of pooling, as sentence-transformers writes it."""
    (folder / "1_Pooling").mkdir()
    modes = {
        f"pooling_mode_{name}": name == mode for name in ("cls_token", "mean_tokens", "max_tokens")
    }
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))


@pytest.fixture(name="write_checkpoint")
def write_checkpoint_fixture() -> Callable[..., Path]:
    """The function that writes a tiny checkpoint."""
    return write_checkpoint


@pytest.fixture(name="set_pooling")
def set_pooling_fixture() -> Callable[[Path, str], None]:
    """The function that sets a checkpoint's pooling."""
    return set_pooling


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint that says nothing about pooling."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny-bert")


@pytest.fixture(scope="session")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the tiny checkpoint; tests must not change it."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny-bert"
    build_bundle(str(checkpoint), folder)
    return folder


@pytest.fixture(scope="session")
def tiny(bundle: Path) -> Encoder:
    """An encoder of the tiny bundle."""
    return Encoder.open(bundle)


@pytest.fixture(scope="session")
def minilm() -> Encoder:
    """An encoder of the real MiniLM, from the user's own cache."""
    return Encoder.open(ensure_bundle("minilm"))
