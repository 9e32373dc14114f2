"""Named tags."""

import numpy as np
import pytest

from penchant.client.tags import Tags, built_in_tags
from penchant.shared.texts import TextEncoder


def test_the_taxonomy_is_a_set_of_names() -> None:
    """The built-in tags are some 200 different names without stray space."""
    names = built_in_tags()
    assert 150 <= len(names) <= 300
    assert len(set(names)) == len(names)
    assert all(name and name == name.strip() for name in names)


def test_distribution_is_a_distribution(encoder: TextEncoder) -> None:
    """Shares are between 0 and 1, add up to 1, and do not depend on the interest's length."""
    tags = Tags.embed(encoder)
    interest = encoder.encode(["arthouse cinema"])[0]
    shares = tags.distribution(interest)
    assert shares.shape == (len(tags.names),)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(tags.distribution(1e-6 * interest), shares, rtol=1e-4)


def test_an_interest_in_a_tag_ranks_it_first(encoder: TextEncoder) -> None:
    """The interest that is a tag's own embedding has that tag first, for every tag."""
    tags = Tags.embed(encoder)
    firsts = [tags.distribution(embedding).argmax() for embedding in tags.embeddings]
    assert firsts == list(range(len(tags.names)))


def test_no_interest_is_even(encoder: TextEncoder) -> None:
    """The zero vector prefers nothing: every tag has the same share."""
    tags = Tags.embed(encoder, ["jazz", "opera", "folk", "techno"])
    np.testing.assert_allclose(tags.distribution(np.zeros(24, np.float32)), 0.25, rtol=1e-6)
