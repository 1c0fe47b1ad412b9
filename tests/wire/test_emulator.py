"""The emulated modality behaves like a modality: it groups, reports, and never claims more than it was answered."""

from pathlib import Path

import pytest

from dicom_listener import emulator
from tests.support import dicom
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, Ear
from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES
from vfx_finder.domain.errors import Unreadable

pytestmark = PEERS_VANISH


def test_progress_counts_to_the_end(ear: Ear):
    """Whoever watches sees every instance once."""
    seen: list[tuple[int, int]] = []
    images = [dicom.ct_slice(), dicom.radiograph(), dicom.mr_slice()]
    emulator.send(images, LOOPBACK, ear.port, "CT_SCANNER", "VFXFINDER", lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_file_that_is_no_dicom_is_named_as_such(ear: Ear, tmp_path: Path):
    """A letter named .dcm is not sent."""
    (tmp_path / "letter.dcm").write_text("To whom it may concern")
    with pytest.raises(Unreadable):
        ear.send(tmp_path / "letter.dcm")


def test_a_folder_is_searched_for_dicom_files(tmp_path: Path):
    """Files lie in any depth; what is no DICOM file is passed over."""
    paths = dicom.write_series(dicom.ct_series(grid=dicom.Grid(slices=2)), tmp_path / "a" / "b")
    (tmp_path / "README.md").write_text("about")
    assert emulator.images_under(tmp_path) == paths
    assert emulator.images_under(paths[0]) == [paths[0]]


def test_more_kinds_than_one_association_can_propose():
    """An association proposes 128 presentation contexts at most; the rest goes in the next one, none is left out."""
    contexts = [(str(kind), str(syntax)) for kind in STORAGE_CLASSES for syntax in TRANSFER_SYNTAXES]
    lots = list(emulator._in_lots(contexts))
    assert len(contexts) > emulator.MAX_CONTEXTS
    assert [context for lot in lots for context in lot] == contexts
    assert max(len(lot) for lot in lots) <= emulator.MAX_CONTEXTS
