"""Tests of models for many languages: XLM-R's kind with prefixes, and n-grams of word pieces."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import XLMRobertaConfig, XLMRobertaModel
from transformers.utils import sentencepiece_model_pb2_new as sentencepiece

from penchant.shared.encoding import Encoder
from penchant.shared.encoding.builder import build_bundle
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.encoding.checkpoint import find_checkpoint
from penchant.shared.errors import EncoderError

SPACE = "\u2581"
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß:映画東京و فلم"
TEXTS = ("", "ein film", "東京 映画", "a", "the same and the same", "فلم", "query: film")


def pieces(special: tuple[str, ...]) -> list[tuple[str, float]]:
    """A vocabulary that spells words out, with a few pieces longer than a letter."""
    plain = [SPACE, *(letter for letter in LETTERS if letter != " "), f"{SPACE}film", "映画"]
    return [*((name, 0.0) for name in special), *((p, -1.0 - n / 9) for n, p in enumerate(plain))]


@pytest.fixture(scope="module")
def xlm_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint of the kind of multilingual-e5 and bge-m3."""
    folder = tmp_path_factory.mktemp("xlmr") / "tiny-xlm-roberta"
    folder.mkdir()
    vocabulary = pieces(("<s>", "<pad>", "</s>", "<unk>"))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(3)
    XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=len(vocabulary),
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=34,
            type_vocab_size=1,
            pad_token_id=1,
        )
    ).save_pretrained(folder)
    return folder


def test_positions_that_begin_after_padding_are_no_room_for_tokens(xlm_roberta: Path) -> None:
    """34 rows of positions are room for 32 tokens: more would be a crash on the longest texts."""
    checkpoint = find_checkpoint(str(xlm_roberta))
    assert checkpoint.max_length(None) == 32
    with pytest.raises(EncoderError, match="takes from 3 to 32 tokens"):
        checkpoint.max_length(33)


def test_a_prefix_goes_before_every_text_that_has_any(xlm_roberta: Path, tmp_path: Path) -> None:
    """The bundle gives what the checkpoint gives for prefix and text, whatever the batch."""
    manifest = build_bundle(str(xlm_roberta), tmp_path / "bundle", prefix="query: ")
    encoder = Encoder.open(tmp_path / "bundle")
    assert (manifest.pooling, manifest.max_length) == ("mean", 32)
    texts = [*TEXTS, "film " * 60]
    tokenizer = Tokenizer.from_file(str(xlm_roberta / "tokenizer.json"))
    tokenizer.enable_truncation(32)
    model = XLMRobertaModel.from_pretrained(xlm_roberta)
    for text, embedding in zip(texts, encoder.encode(texts), strict=True):
        ids = tokenizer.encode(f"query: {text}" if text else "").ids
        with torch.inference_mode():
            hidden = model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
        assert embedding @ (hidden / hidden.norm()).numpy() > 0.98
        np.testing.assert_allclose(embedding, encoder.encode([text])[0], atol=1e-5)
    plain = build_bundle(str(xlm_roberta), tmp_path / "plain")
    assert plain.fingerprint != manifest.fingerprint


def test_a_checkpoints_default_prompt_is_its_prefix(tmp_path: Path) -> None:
    """As sentence-transformers writes it; a prompt that is not the default is none."""
    for name, expected in (("query", "query: "), (None, ""), ("none", "")):
        settings = {"prompts": {"query": "query: "}, "default_prompt_name": name}
        (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings))
        for file in ("config.json", "model.safetensors"):
            (tmp_path / file).write_text("{}")
        assert find_checkpoint(str(tmp_path)).prefix() == expected


def write_ngram(folder: Path) -> dict[str, NDArray[Any]]:
    """Write a tiny random checkpoint of n-grams; return its weights."""
    folder.mkdir()
    model = sentencepiece.ModelProto()  # type: ignore[attr-defined]
    for piece, score in pieces(("<unk>", "<s>", "</s>")):
        model.pieces.add(piece=piece, score=score)
    (folder / "sp.model").write_bytes(model.SerializeToString())
    rng = np.random.default_rng(5)
    width, narrow, blocks = 16, 8, 3
    rows = -(-len(model.pieces) // blocks)

    def normal(*shape: int) -> NDArray[Any]:
        return np.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]))

    weights: dict[str, NDArray[Any]] = {
        "scale": rng.uniform(0.01, 0.02, blocks),
        "lo": rng.uniform(-0.7, -0.3, blocks),
        "eps": np.array(1e-6),
        **{f"q{block + 1}": rng.integers(0, 64, (rows, width)) for block in range(blocks)},
        "ln_g": rng.uniform(0.5, 1.5, width + 3 * narrow),
        "ln_b": normal(width + 3 * narrow),
        "cnn_W": normal(width + 3 * narrow, width),
        "cnn_b": normal(width),
        "d0": normal(width, 12),
        "d1": normal(12, 12),
        "p1": normal(width, 12),
        "d2": normal(12, 20),
        "p3": normal(12, 24),
        "d3": normal(20, 24),
    }
    for order in (2, 3, 5):
        weights |= {
            f"proj{order}": normal(width, narrow),
            f"proj_b{order}": normal(narrow),
            f"ln_g{order}": rng.uniform(0.5, 1.5, narrow),
            f"ln_b{order}": normal(narrow),
        }
        for layer in "12":
            weights[f"w{layer}_{order}"] = normal(order * narrow, narrow)
            weights[f"b{layer}_{order}"] = normal(narrow)
    np.savez(folder / "weights.npz", allow_pickle=False, **weights)
    return weights


def by_hand(weights: dict[str, NDArray[Any]], ids: list[int]) -> NDArray[Any]:
    """What the paper's encoder gives for one text, in float64, token by token."""

    def normed(rows: NDArray[Any], gain: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-6)
        return np.asarray(scaled * gain + bias)

    def over(orders: str) -> NDArray[Any]:
        return np.concatenate([weights[f"{orders}{order}"] for order in (2, 3, 5)], axis=-1)

    blocks = len(weights["scale"])
    tokens = np.array(
        [
            weights[f"q{token % blocks + 1}"][token // blocks] * weights["scale"][token % blocks]
            + weights["lo"][token % blocks]
            for token in ids
        ]
    )
    projected = normed(tokens @ over("proj") + over("proj_b"), over("ln_g"), over("ln_b"))
    parts = [tokens]
    for place, order in enumerate((2, 3, 5)):
        rows = projected[:, place * 8 : (place + 1) * 8]
        for layer in "12":
            left = (order - 1) // 2
            padded = np.pad(rows, ((left, order - 1 - left), (0, 0)))
            runs = np.array([padded[i : i + order].ravel() for i in range(len(ids))])
            new = runs @ weights[f"w{layer}_{order}"] + weights[f"b{layer}_{order}"]
            rows = np.maximum(new, 0) + rows
        parts.append(rows)
    features = normed(np.concatenate(parts, axis=1), weights["ln_g"], weights["ln_b"])
    pooled = (features @ weights["cnn_W"] + weights["cnn_b"]).sum(axis=0) / np.sqrt(len(ids))
    hidden = np.maximum(pooled @ weights["d0"], 0) @ weights["d1"] + pooled @ weights["p1"]
    first = np.maximum(hidden, 0)
    last = np.tanh(first @ weights["p3"] + np.maximum(first @ weights["d2"], 0) @ weights["d3"])
    return np.asarray(last / np.linalg.norm(last))


def test_ngrams_of_pieces_give_what_the_paper_says(tmp_path: Path) -> None:
    """A bundle agrees with the encoder written out by hand, whatever else is in the batch."""
    weights = write_ngram(tmp_path / "checkpoint")
    manifest = build_bundle(str(tmp_path / "checkpoint"), tmp_path / "bundle")
    assert (manifest.pooling, manifest.dimension) == ("sum", 24)
    encoder = Encoder.open(tmp_path / "bundle")
    tokenizer = Tokenizer.from_file(str(tmp_path / "bundle" / "tokenizer.json"))
    assert tokenizer.encode(" ein  film ").tokens[-2:] == [f"{SPACE}film", "</s>"]
    for text, embedding in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        assert embedding @ by_hand(weights, tokenizer.encode(text).ids) > 0.999
        np.testing.assert_allclose(embedding, encoder.encode([text])[0], atol=1e-5)


def test_ngram_checkpoint_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    """Weights without a layer, and pieces that are none."""
    weights = write_ngram(tmp_path / "checkpoint")
    del weights["p3"]
    np.savez(tmp_path / "checkpoint" / "weights.npz", allow_pickle=False, **weights)
    with pytest.raises(EncoderError, match=r"weights\.npz cannot be used: .*p3"):
        build_bundle(str(tmp_path / "checkpoint"), tmp_path / "bundle")
    write_ngram(tmp_path / "other")
    (tmp_path / "other" / "sp.model").write_bytes(b"\xff\xff")
    with pytest.raises(EncoderError, match="is not a SentencePiece unigram model"):
        build_bundle(str(tmp_path / "other"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


# Two texts of each of four topics, in the same order in each language.
PARALLEL = {
    "en": (
        "Soldiers fight at the front in a war film", "A film about the Second World War",
        "A romantic comedy about two lovers", "A love story in Paris",
        "Cast-iron pot for soups and roasts", "Sharp kitchen knife for vegetables",
        "Central bank raises interest rates", "Share prices fall on the stock exchange",
    ),
    "de": (
        "Soldaten kämpfen an der Front in einem Kriegsfilm", "Ein Film über den Zweiten Weltkrieg",
        "Eine romantische Komödie über zwei Verliebte", "Eine Liebesgeschichte in Paris",
        "Gusseiserner Topf für Suppen und Braten", "Scharfes Küchenmesser für Gemüse",
        "Zentralbank erhöht die Leitzinsen", "Aktienkurse fallen an der Börse",
    ),
    "ja": (
        "前線で戦う兵士を描いた戦争映画", "第二次世界大戦についての映画",
        "恋人たちのロマンティックコメディ", "パリを舞台にしたラブストーリー",
        "スープや焼き物のための鋳鉄鍋", "野菜用のよく切れる包丁",
        "中央銀行が金利を引き上げる", "株式市場で株価が下落",
    ),
    "zh": (
        "士兵在前线作战的战争片", "一部关于第二次世界大战的电影",
        "关于两个恋人的浪漫喜剧", "发生在巴黎的爱情故事",
        "用来煮汤和烤肉的铸铁锅", "切蔬菜用的锋利菜刀",
        "中央银行上调利率", "股票市场股价下跌",
    ),
    "ar": (
        "جنود يقاتلون على الجبهة في فيلم حرب", "فيلم عن الحرب العالمية الثانية",
        "كوميديا رومانسية عن عاشقين", "قصة حب في باريس",
        "قدر من الحديد الزهر للحساء والمشويات", "سكين مطبخ حاد للخضروات",
        "البنك المركزي يرفع أسعار الفائدة", "أسعار الأسهم تنخفض في البورصة",
    ),
    "ru": (
        "Солдаты сражаются на фронте в военном фильме", "Фильм о Второй мировой войне",  # noqa: RUF001
        "Романтическая комедия о двух влюблённых", "История любви в Париже",  # noqa: RUF001
        "Чугунная кастрюля для супов и жаркого", "Острый кухонный нож для овощей",
        "Центральный банк повышает процентные ставки", "Цены на акции падают на бирже",
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", PARALLEL)
def test_texts_are_near_what_means_the_same(language: str, multilingual: Encoder) -> None:
    """Nearest of eight English texts is the translation; texts of a topic are near each other."""
    assert language in multilingual.manifest.languages
    own, english = multilingual.encode(PARALLEL[language]), multilingual.encode(PARALLEL["en"])
    assert (np.argmax(own @ english.T, axis=1) == np.arange(8)).sum() >= 7  # chance: 1
    cosines = own @ own.T
    topics = np.arange(8) // 2
    same = (topics[:, None] == topics) & ~np.eye(8, dtype=bool)
    assert cosines[same].mean() > cosines[topics[:, None] != topics].mean() + 0.15


@pytest.fixture(scope="module")
def multilingual() -> Encoder:
    """The real model, from the user's own cache."""
    return Encoder.open(Path(find_bundle("use-multilingual")))
