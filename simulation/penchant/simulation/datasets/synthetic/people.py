"""People of a generated population: their sessions and events, a chunk of people at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.datasets.synthetic.choices import NO_TOPIC, ItemChoices
from penchant.simulation.datasets.synthetic.interests import InterestPaths, follow_interests
from penchant.simulation.datasets.synthetic.items import Items
from penchant.simulation.datasets.synthetic.settings import PopulationSettings

__all__ = ["CHUNK", "People", "generate_people"]

# People are drawn in chunks, each from a stream of its own. The size is part of the law: with
# another size the same settings would give other people.
CHUNK = 5_000
PEOPLE_STREAM = 1
BEGINNING = 1_735_689_600  # 2025-01-01, unix seconds
SECONDS_PER_DAY = 86_400
# Events further apart are of two sessions, events of one session never are.
SESSION_LIMIT = 3_600


@dataclass(frozen=True, eq=False)
class People:
    """Histories of some people, and the truth behind them; E events, W switches, M interests.

    Attributes:
        counts: int64 (n,), events of each person.
        items: int32 (E,), person after person, oldest first.
        times: int64 (E,), unix seconds.
        event_topics: int16 (E,), what each event was for; ``NO_TOPIC`` for noise.
        switch_counts: int64 (n,), switches of each person.
        switch_events: int32 (W,), the person's first event after a switch, from 0.
        switch_topics: int16 (W, 2), the topic a switch took away and the topic it brought.
        first_topics: int16 (n, M), topics of a person's interests in the first session.
        first_weights: float32 (n, M), how strong they were; rows sum to 1.
        last_topics: as ``first_topics``, in the last session.
        last_weights: as ``first_weights``, in the last session.
    """

    counts: NDArray[np.int64]
    items: NDArray[np.int32]
    times: NDArray[np.int64]
    event_topics: NDArray[np.int16]
    switch_counts: NDArray[np.int64]
    switch_events: NDArray[np.int32]
    switch_topics: NDArray[np.int16]
    first_topics: NDArray[np.int16]
    first_weights: NDArray[np.float32]
    last_topics: NDArray[np.int16]
    last_weights: NDArray[np.float32]

    def head(self, people: int) -> "People":
        """Return the first ``people`` of them."""
        events, switches = self.counts[:people].sum(), self.switch_counts[:people].sum()
        return People(
            counts=self.counts[:people],
            items=self.items[:events],
            times=self.times[:events],
            event_topics=self.event_topics[:events],
            switch_counts=self.switch_counts[:people],
            switch_events=self.switch_events[:switches],
            switch_topics=self.switch_topics[:switches],
            first_topics=self.first_topics[:people],
            first_weights=self.first_weights[:people],
            last_topics=self.last_topics[:people],
            last_weights=self.last_weights[:people],
        )


def generate_people(
    chunk: int, *, settings: PopulationSettings, items: Items, choices: ItemChoices
) -> People:
    """Return the people ``chunk * CHUNK`` to ``(chunk + 1) * CHUNK``, exclusive.

    They depend on the settings but for the number of devices, and on no other chunk.

    Args:
        chunk: number of the chunk.
        settings: of the population.
        items: the catalogue of ``settings``.
        choices: how people choose in it.
    """
    rng = np.random.default_rng([settings.seed, PEOPLE_STREAM, chunk])
    counts = _event_counts(settings, rng)
    begins = np.cumsum(counts) - counts
    opens = _session_starts(counts, begins, settings, rng)
    times = _times(opens, begins, counts, settings, rng)
    people = np.repeat(np.arange(CHUNK), counts)
    session_events = np.flatnonzero(opens)  # the first event of each session
    session_people = people[session_events]
    sessions = np.bincount(session_people, minlength=CHUNK)
    pauses = np.diff(times[session_events], prepend=0) / SECONDS_PER_DAY
    paths = follow_interests(sessions, pauses, items.topic_shares, settings, rng)
    event_topics = _event_topics(np.cumsum(opens) - 1, paths, settings, rng)
    if settings.repeats:
        chosen = choices.draw(event_topics, rng)
    else:
        chosen = choices.draw_unmet(people, event_topics, rng)
    switched = np.flatnonzero(paths.new_topics >= 0)
    first = np.cumsum(sessions) - sessions
    last = first + sessions - 1
    return People(
        counts=counts,
        items=chosen,
        times=times,
        event_topics=event_topics,
        switch_counts=np.bincount(session_people[switched], minlength=CHUNK),
        switch_events=(session_events[switched] - begins[session_people[switched]]).astype(
            np.int32
        ),
        switch_topics=np.stack([paths.old_topics[switched], paths.new_topics[switched]], axis=1),
        first_topics=paths.topics[first],
        first_weights=paths.weights[first],
        last_topics=paths.topics[last],
        last_weights=paths.weights[last],
    )


def _event_counts(settings: PopulationSettings, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the fewest plus a log-normal number, whose mean makes up the mean asked for."""
    location = np.log(settings.events - settings.fewest) - settings.spread**2 / 2
    beyond = rng.lognormal(location, settings.spread, CHUNK)
    return np.minimum(np.rint(settings.fewest + beyond), settings.greatest).astype(np.int64)


def _session_starts(
    counts: NDArray[np.int64],
    begins: NDArray[np.int64],
    settings: PopulationSettings,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Mark the events that open a session: after each event it ends with the same chance."""
    opens = rng.random(int(counts.sum())) < 1 / settings.session
    opens[begins] = True
    return opens


def _times(
    opens: NDArray[np.bool_],
    begins: NDArray[np.int64],
    counts: NDArray[np.int64],
    settings: PopulationSettings,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    waits = np.rint(settings.pace * rng.lognormal(0.0, 1.0, len(opens)))
    waits = np.minimum(waits, SESSION_LIMIT)
    days = settings.gap * rng.lognormal(0.0, settings.gap_spread, int(opens.sum()))
    waits[opens] = SESSION_LIMIT + 1 + np.rint(SECONDS_PER_DAY * days)
    waits[begins] = rng.integers(int(SECONDS_PER_DAY * settings.days) + 1, size=len(begins))
    elapsed = np.cumsum(waits.astype(np.int64))
    # The sum runs through everybody: take off what was before each person.
    before = elapsed[begins] - waits[begins].astype(np.int64)
    return np.asarray(BEGINNING + elapsed - np.repeat(before, counts))


def _event_topics(
    event_sessions: NDArray[np.int64],
    paths: InterestPaths,
    settings: PopulationSettings,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Draw what each event is for: the session's focus, one of the interests, or nothing."""
    sums = np.cumsum(paths.weights, axis=1)
    sums[:, -1] = 1
    focus = _interest(sums, rng.random(len(sums)))
    interests = _interest(sums[event_sessions], rng.random(len(event_sessions)))
    focused = rng.random(len(event_sessions)) < settings.focus
    interests[focused] = focus[event_sessions[focused]]
    topics = paths.topics[event_sessions, interests]
    topics[rng.random(len(topics)) < settings.noise] = NO_TOPIC
    return topics


def _interest(sums: NDArray[np.float32], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the first interest up to which the weights exceed the draw, int64 (rows,)."""
    return np.asarray((draws[:, None] >= sums).sum(axis=1))
