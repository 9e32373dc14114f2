"""``summary.json``: what was run, what it achieved and what it promised.

The models here are the file's contract, for writing and for reading.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Len
from pydantic import AwareDatetime, Field

from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically
from penchant.simulation.report.record import Record, parse

__all__ = [
    "SUMMARY_FILE",
    "BothUnits",
    "Cohort",
    "Controls",
    "DatasetSize",
    "EncoderIdentity",
    "EventPrivacy",
    "Group",
    "Guarantee",
    "ImpressionScores",
    "LeakCheck",
    "Lists",
    "Metric",
    "NoPrivacy",
    "Privacy",
    "Results",
    "Scores",
    "Served",
    "Summary",
    "Throughput",
    "TunedControl",
    "UserPrivacy",
    "has_summary",
    "read_summary",
    "write_summary",
]

SUMMARY_FILE = "summary.json"

Metric: TypeAlias = Literal["hr@10", "ndcg@10", "mrr"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]


class Scores(Record):
    """Metrics by one protocol, averaged over people, each in [0, 1]."""

    hr: Share = Field(alias="hr@10")
    ndcg: Share = Field(alias="ndcg@10")
    mrr: Share
    # 95% bootstrap intervals over people, [low, high].
    interval: dict[Metric, Annotated[list[Share], Len(2, 2)]] | None = None


class Lists(Record):
    """What is in the lists of ten; see ``penchant.simulation.evaluation.ListQuality``."""

    coverage: Share
    diversity: Annotated[float, Field(ge=0, le=2)]
    novelty: Annotated[float, Field(ge=0)]
    popularity_bias: Annotated[float, Field(ge=0)]


class ImpressionScores(Record):
    """How well clicks are told from what was shown beside them, averaged over impressions."""

    auc: Share
    mrr: Share
    ndcg5: Share = Field(alias="ndcg@5")
    ndcg10: Share = Field(alias="ndcg@10")
    impressions: Annotated[int, Field(ge=1)]
    interval: dict[str, Annotated[list[Share], Len(2, 2)]] | None = None


class Results(Record):
    """One model at one stage, by all protocols; made of ``Evaluation.as_dict()``."""

    full: Scores
    sampled99: Scores
    unseen: Scores | None = None  # among items kept from training, where the held-out ones are
    lists: Lists | None = None  # at test
    impressions: ImpressionScores | None = None  # at test, where the data have any


class Group(Record):
    """A test apart from the main one."""

    people: Annotated[int, Field(ge=1)]
    test: Results
    controls: dict[str, Results]  # by the controls' titles


class Served(Record):
    """Some of the people of the main test, by full ranking: penchant's, and popularity's."""

    people: Annotated[int, Field(ge=1)]
    test: Scores
    popularity: Scores


class DatasetSize(Record):
    """The data set as it was used."""

    name: Text
    people: Count
    items: Count
    events: Count
    training_only_people: Count = 0  # too few events to hold any out
    repeats_dropped: Count = 0
    items_without_text: Count = 0


class Cohort(Record):
    """How the devices of a round were drawn, and how their updates became one.

    The last two are None where the aggregation does not use them.
    """

    mean_size: Positive
    sampling_probability: Annotated[float, Field(gt=0, le=1)]
    cap: Annotated[int, Field(ge=1)]
    dropout: Share = 0.0
    over_selection: Annotated[float, Field(ge=1)] = 1.0
    aggregation: Text = "sum"
    trimmed_share: Share | None = None
    assumed_malicious: Count | None = None


class Guarantee(Record):
    """A differential privacy promise of the whole run, for one unit and one adversary."""

    epsilon: Positive
    delta: Annotated[float, Field(gt=0, lt=1)]
    noise_multiplier: Positive  # sigma / clipping norm
    clipping_norm: Positive
    accountant: Text  # such as "PLD (dp-accounting 0.6.0)"
    adversary: Text  # completes "against ...", such as "whoever gets a released ranker"


class NoPrivacy(Record):
    """No promise."""

    unit: Literal["none"] = "none"
    epsilon: None = None
    delta: None = None
    noise_multiplier: None = None
    clipping_norm: Positive | None = None
    accountant: None = None


class EventPrivacy(Guarantee):
    """A promise for each single event of a person."""

    unit: Literal["event"] = "event"


class UserPrivacy(Guarantee):
    """A promise for all that one person ever did."""

    unit: Literal["user"] = "user"


class BothUnits(Record):
    """Two promises that hold together, each against its own adversary."""

    unit: Literal["both"] = "both"
    event: Guarantee
    user: Guarantee


Privacy: TypeAlias = Annotated[
    NoPrivacy | EventPrivacy | UserPrivacy | BothUnits, Field(discriminator="unit")
]


class TunedControl(Record):
    """A control with the setting that validation chose."""

    title: Text
    setting: dict[str, float | int | str]
    tried: Annotated[int, Field(ge=1)]  # settings
    validation: Results
    test: Results


class Controls(Record):
    """The test results of what penchant is compared with, on the same candidates."""

    popularity: Results
    no_federation: Results | None = None  # on a sample of people
    no_federation_shuffled_texts: Results | None = None  # on the same sample; at chance, or a leak
    tuned: dict[str, TunedControl] = Field(default_factory=dict)
    left_out: dict[str, Text] = Field(default_factory=dict)  # why, by title


class LeakCheck(Record):
    """Whether no federation with shuffled texts beats chance (sampled99 HR@10): a leak, then."""

    suspected: bool
    hits: Annotated[float, Field(ge=0)]
    people: Count
    threshold: Count


class Throughput(Record):
    """How fast it went, and how much memory it took."""

    devices_per_second: Annotated[float, Field(ge=0)]
    seconds_per_round: Annotated[float, Field(ge=0)]
    peak_rss_mb: Annotated[float, Field(ge=0)]


class EncoderIdentity(Record):
    """Which language model made the embeddings."""

    model: Text
    fingerprint: Text
    dimension: Annotated[int, Field(ge=1)]


class Summary(Record):
    """One run, whole."""

    dataset: DatasetSize
    devices: Annotated[int, Field(ge=1)]
    evaluated_people: Annotated[int, Field(ge=1)] | None = None  # if not everybody's
    preset: Text
    fidelity: Text
    protocol: Text = "leave-one-out"
    targets: Text | None = None  # kinds of events that were held out, if not all
    negatives: Annotated[int, Field(ge=1)] = 99  # of sampled99; fewer in a small catalogue
    rounds: Count
    kept_round: Count | None = None  # whose ranker was tested, if not the last
    cohort: Cohort
    shared_numbers: Count  # parameters that leave a device
    privacy: Privacy
    validation: Results
    test: Results
    controls: Controls
    leak_check: LeakCheck | None = None
    groups: dict[str, Group] = Field(default_factory=dict)
    served: dict[str, Served] = Field(default_factory=dict)  # halves of people, and of items
    encoder: EncoderIdentity
    throughput: Throughput
    versions: dict[str, str]
    seed: int
    command: Text
    started: AwareDatetime
    finished: AwareDatetime

    def reproducible(self) -> dict[str, Any]:
        """Return what the same seed gives again on the same machine: all but the clock's part.

        Left out are ``throughput``, ``started`` and ``finished``, and ``command``, which names the
        output folder.
        """
        return self.model_dump(
            mode="json", by_alias=True, exclude={"throughput", "started", "finished", "command"}
        )


def write_summary(folder: Path, summary: Summary) -> Path:
    """Write ``summary.json`` into a run's folder, whole or not at all, and return its path."""
    path = folder / SUMMARY_FILE
    write_atomically(path, summary.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
    return path


def has_summary(folder: Path) -> bool:
    """Return whether a run has left its summary in its folder, which it does when it ends."""
    return (folder / SUMMARY_FILE).exists()


def read_summary(folder: Path) -> Summary:
    """Read a run's ``summary.json``.

    Raises:
        DataError: there is none, or it is not valid; the error names the fields.
    """
    path = folder / SUMMARY_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"no {SUMMARY_FILE} can be read in {folder} ({error.strerror}); "
            "give the output folder of a finished run"
        ) from error
    return parse(Summary, text, source=str(path))
