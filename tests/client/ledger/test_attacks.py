"""Attacks on the ledger: each means waiting for a whole window, never a fresh budget."""

import shutil
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.client.ledger.conftest import DAY, Desk, task_of

from penchant.client.ledger.watch import Watch
from penchant.shared.errors import BudgetError, StoreError

MakeDesk = Callable[..., Desk]


@pytest.fixture
def spent(desk: Desk) -> Desk:
    """A device that has contributed twice, the second time just now."""
    desk.release(task_of(1))
    desk.pass_days(10)
    desk.release(task_of(2))
    return desk


def assert_waits(desk: Desk, reason: str, *, until: float) -> None:
    """Nothing leaves, for the stated reason, to the very end of the wait; then something does."""
    with pytest.raises(BudgetError, match=reason):
        desk.release(task_of(50))
    for moment in (desk.time + 8 * DAY, until - DAY / 2):
        desk.time = moment
        with pytest.raises(BudgetError, match=reason):
            desk.release(task_of(51))
        with desk.open() as ledger:
            assert (ledger.report().waits_until or 0) >= until - 1
    desk.time = until + 1
    desk.release(task_of(52))


def delete_ledger(desk: Desk) -> None:
    """Delete the ledger's files."""
    for file in desk.folder.glob("ledger*"):
        file.unlink()


def test_deleted_ledger(spent: Desk) -> None:
    """A ledger that is missing where contributions were made: a window from first notice."""
    delete_ledger(spent)
    spent.agree()
    assert_waits(spent, "deleted, or put back", until=spent.time + 90 * DAY)


def test_deleted_ledger_and_witness(spent: Desk) -> None:
    """The behaviour store alone shows it too."""
    delete_ledger(spent)
    spent.witness.unlink()
    spent.agree()
    assert_waits(spent, "deleted, or put back", until=spent.time + 90 * DAY)


def test_wiped_folder(spent: Desk) -> None:
    """Store and ledger both gone: the witness outside the folder shows it."""
    shutil.rmtree(spent.folder)
    spent.store.clear()
    spent.agree()
    assert_waits(spent, "deleted, or put back", until=spent.time + 90 * DAY)


def test_deleting_twice_does_not_shorten_the_wait(spent: Desk) -> None:
    """Wiped again while it waits, the ledger waits a whole window from then."""
    for _ in range(2):
        spent.pass_days(30)
        shutil.rmtree(spent.folder)
        spent.store.clear()
        spent.agree()
    assert_waits(spent, "deleted, or put back", until=spent.time + 90 * DAY)


def test_deleted_behaviour_is_no_fresh_budget(spent: Desk) -> None:
    """Deleting data leaves the ledger, which goes on where it was: neither freed nor frozen."""
    spent.store.clear()
    with pytest.raises(BudgetError, match="7 days apart"):
        spent.release(task_of(3))
    with spent.open() as ledger:
        assert ledger.report().contributions == 2
    spent.pass_days(7)
    spent.release(task_of(3))


@pytest.mark.parametrize("with_store", [False, True], ids=["ledger", "ledger and store"])
def test_restored_from_a_backup(desk: Desk, with_store: bool) -> None:
    """A folder put back to before a contribution is seen by the witness outside it."""
    desk.release(task_of(1))
    backup, store = desk.folder.with_name("backup"), dict(desk.store)
    shutil.copytree(desk.folder, backup)
    desk.pass_days(10)
    desk.release(task_of(2))
    shutil.rmtree(desk.folder)
    backup.rename(desk.folder)
    if with_store:
        desk.store = store
    assert_waits(desk, "deleted, or put back", until=desk.time + 90 * DAY)


def test_restored_with_its_witness(desk: Desk) -> None:
    """Ledger and witness put back together, but not the store: the store shows it."""
    desk.release(task_of(1))
    backup, witness = desk.folder.with_name("backup"), desk.witness.read_bytes()
    shutil.copytree(desk.folder, backup)
    desk.pass_days(10)
    desk.release(task_of(2))
    shutil.rmtree(desk.folder)
    backup.rename(desk.folder)
    desk.witness.write_bytes(witness)
    assert_waits(desk, "deleted, or put back", until=desk.time + 90 * DAY)


def test_restored_and_gone_on(desk: Desk, make_desk: MakeDesk) -> None:
    """A ledger that has as many entries as the witness knows, but other ones, is not the ledger."""
    other = make_desk(name="other")
    other.agree()
    for number, each in enumerate((desk, other)):
        each.release(task_of(1 + number))
    shutil.rmtree(desk.folder)
    shutil.copytree(other.folder, desk.folder)
    assert_waits(desk, "not the ledger that was here", until=desk.time + 90 * DAY)


@pytest.mark.parametrize("damage", [None, b"", b"{}", b'{"format": 1, "count": "0"}'])
def test_witness_gone_or_damaged(spent: Desk, damage: bytes | None) -> None:
    """Without its witness an old ledger may be an older one still: it waits."""
    if damage is None:
        spent.witness.unlink()
    else:
        spent.witness.write_bytes(damage)
    assert_waits(spent, "written down outside of it is gone", until=spent.time + 90 * DAY)


def test_a_copy_of_the_folder_elsewhere(spent: Desk, make_desk: MakeDesk) -> None:
    """A copied device has no witness of its own: it waits, and the original does not."""
    copy = make_desk(name="copy")
    shutil.copytree(spent.folder, copy.folder)
    copy.store, copy.time = dict(spent.store), spent.time
    assert_waits(copy, "gone", until=spent.time + 90 * DAY)
    spent.pass_days(7)
    spent.release(task_of(3))


def test_clock_set_back(spent: Desk) -> None:
    """Back by more than a day: a window from the latest time the ledger knew of."""
    latest = spent.time
    spent.pass_days(-60)
    assert_waits(spent, "clock was set back", until=latest + 90 * DAY)


def test_clock_set_back_and_on_again(spent: Desk) -> None:
    """A clock that was back once has been noticed; setting it right again does not undo that."""
    latest = spent.time
    spent.pass_days(-400)
    with spent.open():
        pass
    spent.time = latest
    assert_waits(spent, "clock was set back", until=latest + 90 * DAY)


def test_clock_set_on_and_back(spent: Desk) -> None:
    """Time that was pretended has to pass, and a window after it."""
    spent.pass_days(100)
    spent.release(task_of(3))
    future = spent.time
    spent.pass_days(-100)
    assert_waits(spent, "clock was set back", until=future + 90 * DAY)


def test_clock_set_back_while_open(spent: Desk) -> None:
    """A clock set back under an open ledger is noticed at the next task."""
    spent.pass_days(30)
    with spent.open() as ledger:
        spent.pass_days(-29)
        with pytest.raises(BudgetError, match="clock was set back"):
            ledger.release(task_of(3), spent.make)


def test_a_clock_a_little_off_is_no_attack(spent: Desk) -> None:
    """Within the tolerance, such as a clock that keeps local time, time just does not go back."""
    spent.pass_days(8)
    spent.release(task_of(3))
    spent.pass_days(-14 / 24)
    with spent.open() as ledger:
        assert ledger.report().waits_because.startswith("contributions are 7 days apart")
    spent.pass_days(14 / 24 + 7)
    spent.release(task_of(4))


def test_a_second_process_is_kept_out(spent: Desk) -> None:
    """While one has the ledger no other can spend from it."""
    with spent.open(), pytest.raises(StoreError, match=r"in use|open in this process"):
        spent.release(task_of(3))


def test_what_was_spent_is_not_given_back_by_waiting_it_out_twice(spent: Desk) -> None:
    """After the wait the window is as if it had passed: the budget is a whole one, not two."""
    delete_ledger(spent)
    spent.agree()
    spent.pass_days(91)
    released = 0
    with spent.open() as ledger:
        for number in range(60):
            with suppress(BudgetError):
                ledger.release(task_of(100 + number), spent.make)
                released += 1
            spent.pass_days(1)
    assert released == 9


def test_an_edited_entry_is_seen(spent: Desk) -> None:
    """Whoever has the key and changes an entry breaks the chain."""
    with spent.open() as ledger:
        ledger._journal._database.execute("UPDATE entry SET released_rho = 0 WHERE number = 1")
    with pytest.raises(StoreError, match="entry 1 of the privacy ledger"):
        spent.release(task_of(3))


def test_a_witness_that_cannot_be_told_holds_the_answer_back(
    spent: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debited but not witnessed, nothing leaves; once it can be, the very bytes do, paid once."""
    spent.pass_days(8)
    with spent.open() as ledger:
        monkeypatch.setattr(Watch, "tell_witnesses", _fail)
        with pytest.raises(StoreError):
            ledger.release(task_of(3), spent.make)
        monkeypatch.undo()
    made = spent.made
    assert spent.release(task_of(3)) == b"answer %d" % made
    assert spent.made == made
    with spent.open() as ledger:
        assert ledger.report().contributions == 3


def _fail(_: Watch) -> None:
    raise StoreError("cannot write")
