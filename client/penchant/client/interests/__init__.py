"""What a person is interested in: kept event by event, told in tags, edited by the person."""

from penchant.client.interests.edits import Edits, InterestEdit, TagTerm
from penchant.client.interests.policies import Ewma, HalfLives, InterestPolicy, Window
from penchant.client.interests.profile import Evidence, Interest, InterestProfile
from penchant.client.interests.state import (
    InterestState,
    Observed,
    empty_state,
    mean_shares,
    state_bytes,
    state_key,
    stored_state,
)
from penchant.client.interests.tags import Tags
from penchant.client.interests.taxonomy import Tag, Taxonomy

__all__ = [
    "Edits",
    "Evidence",
    "Ewma",
    "HalfLives",
    "Interest",
    "InterestEdit",
    "InterestPolicy",
    "InterestProfile",
    "InterestState",
    "Observed",
    "Tag",
    "TagTerm",
    "Tags",
    "Taxonomy",
    "Window",
    "empty_state",
    "mean_shares",
    "state_bytes",
    "state_key",
    "stored_state",
]
