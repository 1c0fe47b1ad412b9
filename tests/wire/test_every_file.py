"""Every file of pydicom's test set, sent by both ways: each is stored as it is, or refused with a stated reason.

They are what a decade of bug reports left behind: odd headers, every transfer syntax, files cut short, files that are
no DICOM. Those that ship inside the installed wheel; highdicom's wheel ships none, which a test would notice.
"""

import sys
from collections import Counter
from pathlib import Path

import highdicom
import pydicom
import pytest

from dicom_listener import emulator
from tests.support import dicom, stow
from tests.support.intake import NOW
from tests.wire.conftest import PEERS_VANISH, Ear
from vfx_finder.actions import senders
from vfx_finder.domain.errors import Unreadable
from vfx_finder.ledger.models import Sender, StoredInstance

pytestmark = PEERS_VANISH

NOT_DATA = {".py", ".pyc", ".json", ".txt", ".md", ".typed", ".so", ".gz", ".zip", ".icc"}
WORDS = {
    0x0122: "kind of object not taken",
    0xC122: "transfer syntax not taken",
    0xA900: "not what it says it is",
    0xC000: "no readable or no whole DICOM image",
}
"""The reasons that a file may be refused for; a processing failure (0x0110) is none: that would be a defect here."""


def files_of(package: object) -> list[Path]:
    """The data files that ship with a package."""
    root = Path(str(package.__file__)).parent
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix not in NOT_DATA)


FILES = files_of(pydicom)


def sendable(path: Path) -> bool:
    """Whether a modality could send it: a C-STORE request needs what the file meta information says."""
    try:
        emulator._parcel(path)
    except Unreadable:
        return False
    return True


def show(title: str, table: Counter[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The table in the test output."""
    with capsys.disabled():
        lines = [f"\n{title}", *(f"  {count:4d}  {words}" for words, count in table.most_common())]
        sys.stdout.write("\n".join(lines) + "\n")


def test_each_file_is_stored_or_refused_with_a_reason_by_c_store(ear: Ear, capsys: pytest.CaptureFixture[str]) -> None:
    """No file goes without an answer, none is a processing failure, and what is stored is the dataset of the file."""
    paths = [path for path in FILES if sendable(path)]
    report = emulator.send(paths, "127.0.0.1", ear.port, "CT_SCANNER", "VFXFINDER")
    words = Counter(_told(one) for one in report.sent)
    show(f"{len(FILES)} files of pydicom, {len(paths)} of them by C-STORE:", words, capsys)
    assert sum(words.values()) == len(paths)
    assert set(words) <= {"stored", "The receiver does not take this kind of image.", *WORDS.values()}
    assert words["stored"] >= 20
    by_uid = {}
    for path in paths:
        by_uid.setdefault(emulator._parcel(path).SOPInstanceUID, []).append(dicom.dataset_bytes(path.read_bytes()))
    for row in ear.rows:
        assert dicom.dataset_bytes(ear.spool.read(row.path)) in by_uid[row.SOPInstanceUID]
    assert ear.echoes()


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # as in production; pytest had set its own filters again
@pytest.mark.django_db
def test_each_file_is_stored_or_refused_with_a_reason_by_stow(capsys: pytest.CaptureFixture[str]) -> None:
    """The same by DICOMweb, also those without file meta information, palettes and other strangers: all in one body."""
    token = "synthetic"
    Sender.objects.create(AETitle="CLOUD_PACS", token_sha256=senders.digest_of(token), last_heard_at=NOW)
    answer = stow.store([path.read_bytes() for path in FILES], token)
    words = Counter(WORDS.get(reason, hex(reason)) for reason in stow.reasons(answer))
    stored = stow.referenced(answer)
    words["stored"] = len(stored)
    show(f"{len(FILES)} files of pydicom by STOW-RS:", words, capsys)
    assert answer.status_code == 202
    assert sum(words.values()) == len(FILES)
    assert set(words) <= {"stored", *WORDS.values()}
    assert set(stored) == set(StoredInstance.objects.values_list("SOPInstanceUID", flat=True))
    assert len(set(stored)) >= 20


def test_highdicom_ships_no_files() -> None:
    """Should it ever, they belong into this test."""
    assert [path for path in files_of(highdicom) if path.read_bytes()[128:132] == b"DICM"] == []


def _told(one: emulator.Sent) -> str:
    if one.status == 0:
        return "stored"
    return WORDS.get(one.status, hex(one.status)) if one.status is not None else one.comment
