"""Rows follow their files: many at a time, none lost while the database is away, one bad row stops nobody."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

from dicom_listener import rows
from dicom_listener.rows import Rows
from tests.support import dicom
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.errors import Retry
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.sender import FOUND
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

FUTURE = datetime.now(UTC) + timedelta(days=1)


@dataclass
class Ledger:
    """Takes rows, unless it is away or the row is one that it cannot take."""

    written: list[Instance] = field(default_factory=list)
    commits: int = 0
    away: bool = False
    poison: str = ""

    def write(self, instances: Sequence[Instance]) -> None:
        if self.away:
            raise OperationalError
        if self.poison in {one.SOPInstanceUID for one in instances}:
            raise ValueError
        self.commits += 1
        self.written.extend(instances)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "GATHER_S", 0.02)
    monkeypatch.setattr(rows, "AGAIN_S", 0.02)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def kept(spool: Spool, count: int) -> list[Instance]:
    """Instances whose files lie in the spool and have no rows yet."""
    header = read_header(dicom.encoded(dicom.ct_slice()))
    done = [spool.keep(Uid(f"1.2.{number}"), b"bytes") for number in range(count)]
    return [
        Instance(
            **{**vars(header.received(path=one.path, sha256=one.sha256, calling="CT")), "SOPInstanceUID": one.path}
        )
        for one in done
    ]


def eventually(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def test_many_rows_are_written_together_and_then_nothing_waits(spool: Spool):
    """A commit for every image would be the slowest part of receiving."""
    ledger, instances = Ledger(), kept(spool, 50)
    assert len(list(spool.waiting(FUTURE))) == 50
    following = Rows(spool, ledger.write)
    for instance in instances:
        following.receive(instance)
    with following.following():
        assert following.settle(60)
    assert ledger.written == instances
    assert ledger.commits == 1
    assert list(spool.waiting(FUTURE)) == []


def test_while_the_database_is_away_rows_wait_in_their_order(spool: Spool):
    """Senders notice nothing of a restart of the database."""
    ledger, instances = Ledger(away=True), kept(spool, 5)
    following = Rows(spool, ledger.write)
    with following.following():
        for instance in instances:
            following.receive(instance)
        assert not following.settle(0.2)
        ledger.away = False
        assert following.settle(60)
    assert ledger.written == instances


def test_too_many_that_wait_send_the_next_sender_away(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """Memory is no ledger: after so many the sender is asked to come again, as long as nothing is written."""
    monkeypatch.setattr(rows, "MOST_WAITING", 3)
    ledger, instances = Ledger(), kept(spool, 4)
    following = Rows(spool, ledger.write)
    for instance in instances[:3]:
        following.receive(instance)
    with pytest.raises(Retry):
        following.receive(instances[3])
    with following.following():
        assert following.settle(60)
        following.receive(instances[3])
    assert ledger.written == instances


def test_a_row_that_cannot_be_written_stops_no_other(spool: Spool):
    """The one stays in the spool, marked, and is logged; its neighbours have their rows."""
    instances = kept(spool, 6)
    ledger = Ledger(poison=instances[2].SOPInstanceUID)
    following = Rows(spool, ledger.write)
    for instance in instances:
        following.receive(instance)
    with following.following():
        assert following.settle(60)
    assert ledger.written == instances[:2] + instances[3:]
    assert list(spool.waiting(FUTURE)) == [instances[2].path]


@pytest.mark.parametrize("sender", ["HOSPITALPACS", ""], ids=["remembered", "a disk that remembers no sender"])
def test_what_a_dead_listener_left_is_found_at_once(spool: Spool, monkeypatch: pytest.MonkeyPatch, sender: str):
    """Files that were acknowledged and have no row, and who sent them; one that is no DICOM is passed over."""
    monkeypatch.setattr(rows, "LOOK_AFTER_S", 0.0)
    image = dicom.ct_slice()
    left = spool.keep(Uid(image.SOPInstanceUID), dicom.encoded(image), sender)
    if sender and not spool.sender_of(left.path):
        pytest.skip("this file system has no extended attributes")
    spool.keep(Uid("1.2.3"), b"To whom it may concern")
    ledger = Ledger()
    with Rows(spool, ledger.write).following():
        assert eventually(lambda: len(ledger.written) == 1)
    (row,) = ledger.written
    assert (row.SOPInstanceUID, row.path, row.sha256, row.calling) == (
        image.SOPInstanceUID,
        left.path,
        left.sha256,
        sender or FOUND,
    )


def test_a_file_that_the_disk_does_not_give_stops_no_row(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """Nor does a folder that cannot be listed: acknowledged images would pile up without rows until a restart."""
    monkeypatch.setattr(rows, "LOOK_AFTER_S", 0.02)
    image, (fresh,) = dicom.ct_slice(), kept(spool, 1)
    spool.keep(Uid("1.2.999"), b"on a bad sector")
    spool.keep(Uid(image.SOPInstanceUID), dicom.encoded(image))
    spool.recorded([fresh.path])
    whole, looked = spool.read, spool.waiting
    faults = [OSError(errno.EIO, "bad sector")]

    def read(path: str) -> bytes:
        if (content := whole(path)).startswith(b"on a bad"):
            raise PermissionError
        return content

    def waiting(before: datetime) -> Iterator[str]:
        if faults:
            raise faults.pop()
        return looked(before)

    monkeypatch.setattr(spool, "read", read)
    monkeypatch.setattr(spool, "waiting", waiting)
    ledger = Ledger()
    following = Rows(spool, ledger.write)
    with following.following():
        following.receive(fresh)
        assert eventually(lambda: len(ledger.written) == 2)
    assert {one.SOPInstanceUID for one in ledger.written} == {fresh.SOPInstanceUID, image.SOPInstanceUID}
