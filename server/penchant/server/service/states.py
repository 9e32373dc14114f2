"""Where the rounds of each ranker stand, and where those of one that goes on from another begin."""

from dataclasses import replace

import numpy as np

from penchant.server.checkpoints import RoundState, load_checkpoint, save_checkpoint
from penchant.server.operations.records import Records
from penchant.server.releases.continuation import carried
from penchant.server.releases.shelf import Shelf
from penchant.server.service.folder import ServerFolder
from penchant.shared.ranker import Ranker

__all__ = ["States"]


class States:
    """The states of all rankers of a server.

    Args:
        folder: where checkpoints are.
        shelf: has the rankers.
        records: have the rounds.
    """

    def __init__(self, folder: ServerFolder, shelf: Shelf, records: Records) -> None:
        self._folder = folder
        self._shelf = shelf
        self._records = records

    def of(self, ranker: Ranker) -> RoundState:
        """Return where the rounds of ``ranker`` stand.

        They are counted over all catalogues: what earlier ones have cost stays spent.
        """
        finished = [record.number for record in self._records.rounds() if record.finished]
        state = self._own(ranker)
        return replace(state, round_number=max([state.round_number, *finished]))

    def begun(self, ranker: Ranker) -> bool:
        """Return whether a state of ``ranker`` is kept."""
        return self._folder.checkpoint(ranker.model_id).exists()

    def keep(self, ranker: Ranker, state: RoundState) -> None:
        """Keep where the rounds of ``ranker`` stand."""
        path = self._folder.checkpoint(ranker.model_id)
        save_checkpoint(path, state, model_id=ranker.model_id)

    def after(self, ranker: Ranker, state: RoundState, *, rounds: int) -> Ranker:
        """Return the release of ``ranker`` that ``state`` is, so many ``rounds`` after its last.

        Rounds before its own first were without its new items.
        """
        counted = ranker.item_rounds
        if counted is None:
            return ranker.with_vector(state.vector)
        had_part = (counted > 0) | self.begun(ranker)
        counted = counted + np.int32(rounds) * had_part.astype(np.int32)
        if not counted.any() and self.begun(ranker):  # published anew, and trained here before
            counted = np.full_like(counted, state.round_number)
        return replace(ranker, vector=state.vector, item_rounds=counted)

    def _own(self, ranker: Ranker) -> RoundState:
        path = self._folder.checkpoint(ranker.model_id)
        if path.exists():
            return load_checkpoint(path, model_id=ranker.model_id)
        continues = ranker.settings.continues
        before = None if continues is None else self._shelf.ranker_of(continues)
        if before is None:
            return RoundState.initial(ranker.vector)
        # A round may have been finished, or kept and not released, since it was gone on from.
        state = self._own(before)
        origin = self._shelf.origin(of=ranker, before=before)
        return carried(state, before, ranker, origin)
