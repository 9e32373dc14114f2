"""The taxonomy, and tags placed among the items."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client.interests import Tag, Tags, Taxonomy
from penchant.shared.errors import ConfigurationError
from penchant.shared.texts import TextEncoder


@pytest.fixture
def tags(encoder: TextEncoder, tmp_path: Path) -> Tags:
    """The built-in tags."""
    return Tags.embed(encoder, Taxonomy.built_in(), cache=tmp_path)


def test_the_taxonomy_is_a_set_of_names() -> None:
    """The built-in tags are some 200 different names without stray space."""
    names = Taxonomy.built_in().names
    assert 150 <= len(names) <= 300
    assert len(set(names)) == len(names)
    assert all(name and name == name.strip() for name in names)


def test_a_taxonomy_is_read_from_a_file(tmp_path: Path) -> None:
    """A tag a line, a tab before its description, empty lines skipped, any script."""
    path = tmp_path / "tags.tsv"
    path.write_text("jazz\tsaxophones and smoky clubs\n\n电影\n  opera \t \n", "utf-8")
    taxonomy = Taxonomy.read(path)
    assert taxonomy.tags == (
        Tag("jazz", "saxophones and smoky clubs"),
        Tag("电影"),
        Tag("opera"),
    )
    assert [tag.text for tag in taxonomy.tags] == [
        "jazz: saxophones and smoky clubs",
        "电影",
        "opera",
    ]
    assert taxonomy.place("opera") == 2


def test_a_file_that_is_no_taxonomy_is_an_error(tmp_path: Path) -> None:
    """A missing file, one that is not UTF-8, an empty one and repeated names say what is wrong."""
    path = tmp_path / "tags.tsv"
    with pytest.raises(ConfigurationError, match="cannot read the taxonomy"):
        Taxonomy.read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot read the taxonomy"):
        Taxonomy.read(path)
    path.write_text("\n\n")
    with pytest.raises(ConfigurationError, match="has no tags"):
        Taxonomy.read(path)
    path.write_text("jazz\nopera\njazz\n")
    with pytest.raises(ConfigurationError, match="'jazz' is in the taxonomy twice"):
        Taxonomy.read(path)
    with pytest.raises(ConfigurationError, match="has no name"):
        Taxonomy((Tag(" "),))


def test_an_unknown_tag_is_told_its_neighbours() -> None:
    """A misspelt tag is an error that names what it may have meant."""
    with pytest.raises(ConfigurationError, match=r"'documentary' .* did you mean 'documentaries'"):
        Taxonomy.built_in().place("documentary")
    with pytest.raises(ConfigurationError, match=r"no tag '12345' in the taxonomy$"):
        Taxonomy.built_in().place("12345")


def test_distribution_is_a_distribution(tags: Tags, encoder: TextEncoder) -> None:
    """Shares are between 0 and 1, add up to 1, and do not depend on the interest's length."""
    interest = encoder.encode(["arthouse cinema"])[0]
    shares = tags.distribution(interest)
    assert shares.shape == (len(tags.taxonomy.names),)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(tags.distribution(1e-6 * interest), shares, rtol=1e-4)


def test_distribution_is_the_softmax_of_the_cosines(tags: Tags, encoder: TextEncoder) -> None:
    """P = softmax(20 cos), the design's formula, one interest or many."""
    interests = encoder.encode(["arthouse cinema", "jazz music", "cold war thrillers"])
    logits = 20.0 * interests.astype(np.float64) @ tags.embeddings.T.astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tags.distribution(interests), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        tags.membership(interests), expected / expected.max(axis=1, keepdims=True), rtol=1e-4
    )


def test_an_interest_in_a_tag_ranks_it_first(tags: Tags) -> None:
    """The interest that is a tag's own embedding has that tag first, for every tag."""
    firsts = [tags.distribution(embedding).argmax() for embedding in tags.embeddings]
    assert firsts == list(range(len(tags.taxonomy.names)))


def test_no_interest_is_even(encoder: TextEncoder, tmp_path: Path) -> None:
    """The zero vector prefers nothing: every tag has the same share."""
    four = Taxonomy.of(["jazz", "opera", "folk", "techno"])
    tags = Tags.embed(encoder, four, cache=tmp_path)
    np.testing.assert_allclose(tags.distribution(np.zeros(24, np.float32)), 0.25, rtol=1e-6)


class CountingEncoder:
    """Counts what it is asked."""

    def __init__(self, encoder: TextEncoder, fingerprint: str = "counting") -> None:
        self._encoder = encoder
        self.dimension = encoder.dimension
        self.fingerprint = fingerprint
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of the encoder within."""
        self.asked += texts
        return self._encoder.encode(texts)


def test_tags_are_embedded_once(encoder: TextEncoder, tmp_path: Path) -> None:
    """A taxonomy goes through the model once for each encoder, by its texts, to the bit."""
    counting = CountingEncoder(encoder)
    taxonomy = Taxonomy((Tag("jazz", "saxophones"), Tag("opera")))
    first = Tags.embed(counting, taxonomy, cache=tmp_path)
    again = Tags.embed(counting, taxonomy, cache=tmp_path)
    assert counting.asked == ["jazz: saxophones", "opera"]
    np.testing.assert_array_equal(again.embeddings, first.embeddings)
    Tags.embed(counting, Taxonomy((Tag("jazz", "clubs"), Tag("opera"))), cache=tmp_path)
    assert counting.asked[2:] == ["jazz: clubs", "opera"]
    Tags.embed(CountingEncoder(encoder, "another"), taxonomy, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_or_useless_cache_costs_time_alone(encoder: TextEncoder, tmp_path: Path) -> None:
    """A cut-off file is computed again; a cache that cannot be written is done without."""
    counting = CountingEncoder(encoder)
    taxonomy = Taxonomy.of(["jazz"])
    Tags.embed(counting, taxonomy, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    Tags.embed(counting, taxonomy, cache=tmp_path)
    assert counting.asked == ["jazz", "jazz"]
    (tmp_path / "in the way").write_text("")
    blocked = Tags.embed(counting, taxonomy, cache=tmp_path / "in the way")
    assert blocked.embeddings.shape == (1, 24)


def test_the_cache_says_no_tag(encoder: TextEncoder, tmp_path: Path) -> None:
    """Neither names nor contents of the cached files hold a tag's text."""
    Tags.embed(encoder, Taxonomy.of(["jazz music"]), cache=tmp_path)
    (file,) = tmp_path.iterdir()
    assert "jazz" not in file.name
    assert b"jazz" not in file.read_bytes()
