"""Tests of the server's own records."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from penchant.server.measures import Measured
from penchant.server.operations.records import Records
from penchant.server.operations.schema import MIGRATIONS
from penchant.server.operations.tally import Tally
from penchant.shared.errors import StoreError


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """New records."""
    records = Records(tmp_path / "records.sqlite")
    yield records
    records.close()


def test_a_code_is_used_once_and_in_time(records: Records) -> None:
    """A second use, and a use after its end, are refused; one given back can be used again."""
    records.add_code("hash", label="kitchen", expires=100.0)
    records.add_code("late", label="attic", expires=10.0)
    assert records.open_codes(now=50.0) == 1
    assert records.use_code("hash", now=50.0) == "kitchen"
    assert records.use_code("hash", now=50.0) is None
    assert records.use_code("late", now=50.0) is None
    assert records.use_code("never", now=50.0) is None
    records.give_back_code("hash")
    assert records.use_code("hash", now=99.0) == "kitchen"


def test_a_round_begun_again_is_one_round(records: Records) -> None:
    """Its attempts are counted, and its mechanism is that of the last one."""
    records.begin_round(1, mechanism={"noise_multiplier": 1.0})
    records.note_cohort(1, cohort=9)
    records.begin_round(1, mechanism={"noise_multiplier": 2.0})
    records.note_cohort(1, cohort=8)
    records.finish_round(1, accepted=7, rejected=1, void=False, epsilon=0.5)
    (found,) = records.rounds()
    assert (found.attempts, found.cohort, found.accepted, found.rejected) == (2, 8, 7, 1)
    assert found.mechanism == '{"noise_multiplier": 2.0}'
    assert found.finished is not None


def test_what_a_round_measured_is_kept_with_it(records: Records) -> None:
    """Noised sums, and None for rounds that measured nothing."""
    measured = Measured(1.5, -0.5, 7.25, deviation=2.0)
    for number, found in ((1, None), (2, measured)):
        records.begin_round(number, mechanism={})
        records.finish_round(
            number, accepted=7, rejected=0, void=False, epsilon=None, measured=found
        )
    assert [found.measured for found in records.rounds()] == [None, measured]
    assert records.rounds(last=1)[0].measured == measured


def test_records_of_a_penchant_without_measures_are_taken_over(tmp_path: Path) -> None:
    """Its rounds stay on record, and later ones can be measured; a newer schema is refused."""
    path = tmp_path / "records.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0] + "PRAGMA user_version = 1;")
    connection.execute("INSERT INTO round (number, mechanism, started) VALUES (1, '{}', 5.0)")
    connection.commit()
    connection.close()
    measured = Measured(1.5, 0.5, 7.25, deviation=2.0)
    records = Records(path)
    records.finish_round(1, accepted=7, rejected=0, void=False, epsilon=0.5, measured=measured)
    records.close()
    records = Records(path)
    assert [(one.number, one.started, one.measured) for one in records.rounds()] == [
        (1, 5.0, measured)
    ]
    records.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(StoreError, match="schema version 3; this penchant reads versions up to 2"):
        Records(path)


def test_rounds_come_by_number(records: Records) -> None:
    """All, or the last of them."""
    for number in (1, 2, 3):
        records.begin_round(number, mechanism={})
    assert [found.number for found in records.rounds()] == [1, 2, 3]
    assert [found.number for found in records.rounds(last=2)] == [2, 3]


def test_refusals_add_up_over_processes(records: Records, tmp_path: Path) -> None:
    """What is gathered shows at once, and is written once."""
    tally = Tally(records)
    tally.add("late")
    tally.add("late")
    assert tally.counts() == {"late": 2}
    assert records.refusals() == {}
    tally.flush()
    tally.flush()
    other = Records(tmp_path / "records.sqlite")
    assert other.refusals() == {"late": 2}
    other.close()
    tally.add("malformed")
    assert tally.counts() == {"late": 2, "malformed": 1}


def test_what_is_being_written_is_counted(records: Records, monkeypatch: Any) -> None:
    """Whoever looks in the middle of a write waits for its end, and misses nothing."""
    tally = Tally(records)
    tally.add("late")
    begun, go_on = threading.Event(), threading.Event()
    write = records.refused

    def slowly(reasons: Any) -> None:
        begun.set()
        assert go_on.wait(60)
        write(reasons)

    monkeypatch.setattr(records, "refused", slowly)
    with ThreadPoolExecutor(2) as pool:
        flushed = pool.submit(tally.flush)
        assert begun.wait(60)
        counted = pool.submit(tally.counts)
        tally.add("late")  # never waits: it is what a request does
        go_on.set()
        assert counted.result(60) == {"late": 2}
        flushed.result(60)


def test_old_troubles_are_forgotten(records: Records) -> None:
    """A server in trouble for a year has a hundred of them, the latest first."""
    for number in range(150):
        records.note_trouble(str(number))
    assert [trouble.text for trouble in records.troubles(last=2)] == ["149", "148"]
    assert len(records.troubles(last=1000)) == 100


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    """It is neither read nor changed."""
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"records\.sqlite"):
        Records(path)
    assert path.read_bytes() == b"not a database at all" * 100
