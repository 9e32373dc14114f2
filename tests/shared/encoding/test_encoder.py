"""Tests of what a device relies on: `Encoder`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.encoding import Encoder
from penchant.shared.errors import ConfigurationError, EncoderError

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "in", "1995"]
BATCH_TOKENS = (1, 40, 150, 512)
TITLES = [
    " ".join(WORDS[start : start + length]) + f" ({start * 7 + length})"
    for start in range(8)
    for length in range(1, 12)
]


def test_embeddings_have_norm_1_and_the_stated_shape(tiny: Encoder) -> None:
    """N texts give float32 (n, dimension), each row of norm 1."""
    embeddings = tiny.encode(TITLES)
    assert embeddings.shape == (len(TITLES), tiny.dimension) == (len(TITLES), 48)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_the_runtime_does_not_report_to_its_maker(bundle: Path, tmp_path: Path) -> None:
    """Nothing leaves: ONNX Runtime's telemetry, which names the machine in a file, never starts."""
    code = f"""
from pathlib import Path
from penchant.shared.encoding import Encoder
Encoder.open(Path({str(bundle)!r})).encode(["a text"])
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", code], env=environment | {"TMPDIR": str(tmp_path)}, check=True
    )
    assert list(tmp_path.iterdir()) == []


def test_no_texts_give_no_embeddings(tiny: Encoder) -> None:
    """An empty sequence is not an error."""
    assert tiny.encode([]).shape == (0, tiny.dimension)


@given(
    texts=st.lists(st.text(alphabet="ab c9é!", max_size=70), min_size=1, max_size=40),
    batch_tokens=st.sampled_from(BATCH_TOKENS),
)
def test_an_embedding_depends_on_its_text_alone(
    bundle_encoders: dict[int, Encoder], texts: list[str], batch_tokens: int
) -> None:
    """Neighbours, order and size of batch move an embedding by float32 rounding at most."""
    alone = np.concatenate([bundle_encoders[1].encode([text]) for text in texts])
    np.testing.assert_allclose(bundle_encoders[batch_tokens].encode(texts), alone, atol=1e-5)


@pytest.fixture(scope="session")
def bundle_encoders(bundle: Path) -> dict[int, Encoder]:
    """Encoders of the tiny bundle by the most tokens in a batch."""
    return {most: Encoder.open(bundle, batch_tokens=most) for most in BATCH_TOKENS}


def test_minilm_embeddings_depend_on_their_text_alone(minilm: Encoder) -> None:
    """With the real model, a title among long texts gets what it gets alone."""
    mixed = [text for title in TITLES for text in (title, title * 20)]
    alone = np.concatenate([minilm.encode([title]) for title in TITLES])
    np.testing.assert_allclose(minilm.encode(mixed)[::2], alone, atol=1e-5)


def test_minilm_knows_what_is_alike(minilm: Encoder) -> None:
    """The real model puts two descriptions of one thing nearer than two of different things."""
    cat, kitten, bank = minilm.encode(
        ["A cat sleeps on the sofa", "A kitten naps on a couch", "The central bank raised rates"]
    )
    assert cat @ kitten > 0.5 > 0.2 > cat @ bank


def test_minilm_agrees_with_its_checkpoint_on_titles(minilm: Encoder) -> None:
    """The agreement in the manifest is close, and was measured on the stated sample."""
    agreement = minilm.manifest.agreement
    assert agreement.sample == "penchant-sample-1"
    assert 0.998 <= agreement.least_cosine <= agreement.mean_cosine <= 1


@pytest.mark.parametrize("blank", ["", " ", "\n\t  "])
def test_a_blank_text_has_one_fixed_embedding(tiny: Encoder, blank: str) -> None:
    """A text without words gets what the model gives for no words, of norm 1 like all others."""
    embedding = tiny.encode(["fox", blank])[1]
    np.testing.assert_allclose(embedding, tiny.encode([""])[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embedding), 1, atol=1e-5)


def test_a_long_text_is_cut_at_the_maximum_length(tiny: Encoder) -> None:
    """What lies past the maximum length does not count; what lies before it does."""
    words = tiny.manifest.max_length - 2
    kept, longer = " ".join("a" * words), " ".join("a" * words + "b" * 500)
    shorter = " ".join("a" * (words - 1) + "b")
    first, second, third = tiny.encode([kept, longer, shorter])
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert not np.allclose(first, third, atol=1e-3)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("one string", "one string"),
        (["fine", None], r"texts\[1\] is NoneType"),
        (["\ud800"], r"texts\[0\] is not valid Unicode"),
    ],
)
def test_what_is_not_text_is_refused(tiny: Encoder, texts: list[str], said: str) -> None:
    """An error says which of the texts is not one."""
    with pytest.raises(EncoderError, match=said):
        tiny.encode(texts)


@pytest.mark.parametrize("setting", ["threads", "batch_tokens"])
def test_settings_below_1_are_refused(bundle: Path, setting: str) -> None:
    """An impossible setting is named."""
    with pytest.raises(ConfigurationError, match=f"{setting} is 0"):
        Encoder.open(bundle, **{setting: 0})


def test_more_threads_give_the_same_embeddings(bundle: Path, tiny: Encoder) -> None:
    """Threads are a matter of speed only."""
    two = Encoder.open(bundle, threads=2)
    np.testing.assert_allclose(two.encode(TITLES), tiny.encode(TITLES), atol=1e-5)
    assert two.fingerprint == tiny.fingerprint


def test_encoding_loads_no_deep_learning_framework(bundle: Path) -> None:
    """A device encodes with none of torch, transformers, onnx in memory."""
    script = (
        "import sys; from pathlib import Path; from penchant.shared.encoding import Encoder;"
        f"Encoder.open(Path({str(bundle)!r})).encode(['fox']);"
        "print(*{'torch', 'transformers', 'onnx', 'flwr', 'opacus'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
