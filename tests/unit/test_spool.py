"""The spool: what is acknowledged is on the disk, whole, once, and where no sender can choose."""

import errno
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_finder.domain.errors import Broken, Retry, Unreadable
from vfx_finder.domain.identity import Uid
from vfx_finder.spool import Spool

UID = Uid("1.2.826.0.1.3680043.8.498.1")
LATER = datetime.now(UTC) + timedelta(hours=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

uids = st.from_regex(r"[1-9][0-9]{0,6}(\.[1-9][0-9]{0,6}){1,7}", fullmatch=True).map(Uid)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def files_of(spool: Spool) -> set[str]:
    """Everything but the second names of files that may not have their rows yet."""
    found = (file for file in spool.root.rglob("*") if file.is_file() and file.suffix != ".waiting")
    return {file.relative_to(spool.root).as_posix() for file in found}


def test_kept_bytes_come_back_unchanged(spool: Spool):
    """What a sender sent is what the analysis reads."""
    kept = spool.keep(UID, b"\x00slice\xff")
    assert spool.read(kept.path) == b"\x00slice\xff"
    assert kept.sha256 == hashlib.sha256(b"\x00slice\xff").hexdigest()
    assert not kept.duplicate
    assert files_of(spool) == {kept.path}


@given(uid=uids)
def test_a_path_never_contains_what_the_sender_wrote(uid: Uid, tmp_path_factory: pytest.TempPathFactory):
    """Only hexadecimal digits of a hash become a path, for every UID."""
    spool = Spool(tmp_path_factory.getbasetemp() / "one-spool-for-all")
    kept = spool.keep(uid, b"x")
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{64}\.dcm", kept.path)
    assert spool.path_of(kept.path).is_file()


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "1.2/../3", "1..2", "1.2\n", "1.2\x00", "1.1٣", "1.02", "1." * 33 + "1", "/1.2"]
)
def test_a_hostile_uid_never_reaches_the_spool(name: str):
    """A UID is digits and dots, or it is none."""
    with pytest.raises(Unreadable):
        Uid(name)


@pytest.mark.parametrize("path", ["", "../secret", "/etc/passwd", "aa/../../x.dcm", "aa/" + "a" * 64, "incoming/x"])
def test_only_paths_the_spool_made_are_opened(spool: Spool, path: str):
    """A damaged row cannot make the system read another file."""
    with pytest.raises(Broken):
        spool.open(path)


def test_a_missing_file_is_named_as_a_defect(spool: Spool):
    """A row whose file is gone is an operator's matter, not a crash."""
    kept = spool.keep(UID, b"x")
    spool.path_of(kept.path).unlink()
    with pytest.raises(Broken):
        spool.read(kept.path)


def test_the_same_instance_twice_is_one_file(spool: Spool):
    """A PACS that sends a study again changes nothing."""
    first = spool.keep(UID, b"slice")
    again = spool.keep(UID, b"slice")
    assert again.path == first.path
    assert again.duplicate
    assert not again.differs
    assert files_of(spool) == {first.path}


def test_other_bytes_under_a_known_uid_do_not_replace_the_first(spool: Spool):
    """What was analysed stays what is kept; the difference is reported."""
    first = spool.keep(UID, b"slice")
    other = spool.keep(UID, b"another slice")
    assert other.duplicate
    assert other.differs
    assert other.sha256 == first.sha256
    assert spool.read(first.path) == b"slice"


def test_of_many_senders_at_once_exactly_one_is_first(spool: Spool):
    """Eight associations deliver the same UID with different bytes: one wins, whole; all say which bytes are kept."""
    offers = [bytes([number]) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda offer: spool.keep(UID, offer), offers))
    assert sum(not one.duplicate for one in kept) == 1
    assert spool.read(kept[0].path) in offers
    assert {one.sha256 for one in kept} == {hashlib.sha256(spool.read(kept[0].path)).hexdigest()}
    assert files_of(spool) == {kept[0].path}


def test_bytes_are_durable_before_the_file_has_its_name(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """Power may fail at any line: file first synced, then named, then its folder synced, then reported."""
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def watched_fsync(descriptor: int) -> None:
        steps.append("sync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")  # noqa: PTH112
        fsync(descriptor)

    def watched_link(source: Path, target: Path) -> None:
        steps.append("name")
        link(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "link", watched_link)
    spool.keep(UID, b"slice")
    assert steps == ["sync file", "name", "sync folder"]
    steps.clear()
    spool.keep(UID, b"slice")
    assert steps[-1] == "sync folder", "a duplicate is acknowledged too, so it must be durable as well"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_come_again_and_leaves_nothing_behind(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int
):
    """Full now is not full for ever: the sender is asked to retry, and the next try succeeds."""

    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Retry):
            spool.keep(UID, b"slice")
    assert files_of(spool) == set()
    assert not spool.keep(UID, b"slice").duplicate


def test_a_broken_disk_is_an_operators_matter(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """An input/output error does not go away by trying again, and its text names no file."""

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error", "secret-name")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(Broken, match="cannot be written") as caught:
        spool.keep(UID, b"slice")
    assert "secret-name" not in str(caught.value)


def test_a_spool_that_cannot_be_made_says_so(tmp_path: Path):
    """The listener must not start on a path that is a file."""
    (tmp_path / "spool").write_text("not a folder")
    with pytest.raises(Broken):
        Spool(tmp_path / "spool")


def test_kept_files_are_for_their_owner_only(spool: Spool):
    """Patients' images are not readable by other users of the machine."""
    kept = spool.keep(UID, b"slice")
    assert spool.path_of(kept.path).stat().st_mode & 0o077 == 0


def test_no_folder_of_the_spool_can_be_listed_by_others(tmp_path: Path):
    """Its own root too: Python makes missing parents with the modes of the process."""
    Spool(tmp_path / "spool")
    folders = [tmp_path / "spool", *(tmp_path / "spool").iterdir()]
    assert {oct(folder.stat().st_mode & 0o077) for folder in folders} == {"0o0"}


def test_files_without_a_row_are_found(spool: Spool):
    """A crash between file and row leaves an orphan, and it is found again; a fresh one may still get its row."""
    with_row = spool.keep(UID, b"one").path
    orphan = spool.keep(Uid("1.2.4"), b"two").path

    def known(paths: frozenset[str]) -> frozenset[str]:
        return paths & {with_row}

    assert list(spool.orphans(known, before=LATER)) == [orphan]
    assert list(spool.orphans(known, before=LONG_AGO)) == []


def test_what_a_killed_listener_left_half_written_is_removed(spool: Spool):
    """Nobody was told that these bytes were kept."""
    kept = spool.keep(UID, b"slice").path
    (spool.root / "incoming" / "half").write_bytes(b"sli")
    assert spool.discard_unfinished(before=LONG_AGO) == 0
    assert spool.discard_unfinished(before=LATER) == 1
    assert files_of(spool) == {kept}


def test_the_first_sender_is_remembered_beside_the_same_bytes(spool: Spool):
    """Who sent a file is needed after a crash; the file itself is the same whoever sends it."""
    path = spool.keep(UID, b"one", "HOSPITALPACS").path
    if not spool.sender_of(path):
        pytest.skip("this file system has no extended attributes")
    assert not spool.keep(UID, b"one", "ANOTHER").differs
    assert (spool.sender_of(path), spool.read(path)) == ("HOSPITALPACS", b"one")
    assert spool.sender_of(spool.keep(Uid("1.2.77"), b"two").path) == ""


def test_what_is_sent_again_waits_for_its_row_again(spool: Spool):
    """A listener that dies between naming a file and marking it leaves no mark; the next sender's does."""
    path = spool.keep(UID, b"one").path
    spool.recorded([path])
    assert list(spool.waiting(LATER)) == []
    assert spool.keep(UID, b"one").duplicate
    assert list(spool.waiting(LATER)) == [path]


def test_a_removed_file_is_gone_and_can_come_again(spool: Spool):
    """Nothing of it is left, and the next sender is the first."""
    kept = spool.keep(UID, b"one")
    spool.recorded([kept.path])
    assert spool.size_of(kept.path) == 3
    assert spool.remove(kept.path)
    assert spool.remove(kept.path), "again does no harm"
    spool.sync([kept.path])
    assert [file for file in spool.root.rglob("*") if file.is_file()] == []
    assert spool.size_of(kept.path) == 0
    again = spool.keep(UID, b"other")
    assert (again.duplicate, again.differs, spool.read(kept.path)) == (False, False, b"other")


def test_what_was_offered_again_and_has_no_row_yet_is_not_removed(spool: Spool):
    """Whoever offered it has been told that it is kept."""
    kept = spool.keep(UID, b"one")
    assert not spool.remove(kept.path)
    spool.recorded([kept.path])
    assert spool.keep(UID, b"one").duplicate
    assert not spool.remove(kept.path)
    assert spool.read(kept.path) == b"one"
    assert files_of(spool) == {kept.path}


@pytest.mark.parametrize("moment", ["before it is named as waiting", "before it is read"])
def test_a_file_that_leaves_while_it_is_offered_is_kept_anew(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, moment: str
):
    """The removal comes between the look that finds it there and the note that it waits for its row, or after it."""
    kept = spool.keep(UID, b"one")
    spool.recorded([kept.path])
    name, taken = spool._name_as_waiting, []

    def meanwhile(path: str) -> None:
        if moment != "before it is named as waiting":
            name(path)
        taken.append(Spool.remove(spool, path))
        if moment == "before it is named as waiting":
            name(path)

    monkeypatch.setattr(spool, "_name_as_waiting", meanwhile)
    again = spool.keep(UID, b"one")
    assert again.duplicate == (moment == "before it is read")
    assert taken == [moment == "before it is named as waiting"]
    assert spool.read(kept.path) == b"one"
    assert list(spool.waiting(LATER)) == [kept.path]


def test_a_removal_never_takes_the_name_of_one_that_has_just_come(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """The file is linked under its name a moment before it is marked as waiting; a removal in between is undone."""
    rename = Path.rename

    def removed_first(path: Path, target: Path) -> Path:
        if target.suffix == ".waiting":
            monkeypatch.setattr(Path, "rename", rename)
            assert spool.remove(f"{target.stem[:2]}/{target.stem}.dcm")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", removed_first)
    kept = spool.keep(UID, b"one")
    assert spool.read(kept.path) == b"one"
    spool.recorded([kept.path])
    assert spool.read(kept.path) == b"one"


def test_what_a_starting_listener_clears_away_is_put_back_all_the_same(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    """The removal has renamed the file, sees that it was offered again, and its own name of it is gone."""
    kept = spool.keep(UID, b"one")
    rename = Path.rename

    def cleared(path: Path, target: Path) -> Path:
        rename(path, target)
        assert spool.discard_unfinished(before=LATER) == 1
        return target

    monkeypatch.setattr(Path, "rename", cleared)
    assert not spool.remove(kept.path)
    assert spool.read(kept.path) == b"one"
