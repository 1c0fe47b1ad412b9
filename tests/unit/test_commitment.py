"""What storage commitment says on the wire, and how patiently a result is told."""

from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from vfx_finder.dicom.commitment import asked_of, proof_of, report, request
from vfx_finder.domain.commitment import (
    FIRST_AFTER,
    LONGEST_PAUSE,
    FailureReason,
    Reference,
    Report,
    pause_after,
)
from vfx_finder.domain.errors import Unreadable

UIDS = st.from_regex(r"[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8}){1,6}", fullmatch=True)
REFERENCES = st.lists(
    st.builds(Reference, UIDS, UIDS), min_size=1, max_size=6, unique_by=lambda one: one.SOPInstanceUID
)


def travelled(dataset: Dataset) -> Dataset:
    """The same after a journey in Implicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = buffer.is_implicit_VR = True
    write_dataset(buffer, dataset)
    return read_dataset(BytesIO(buffer.getvalue()), is_implicit_VR=True, is_little_endian=True)


@given(UIDS, REFERENCES)
def test_a_request_says_the_same_on_both_sides(transaction: str, references: list[Reference]):
    """What our own delivery asks of an archive is what our listener would understand; repetitions fall away."""
    sent = request(transaction, [(one.SOPClassUID, one.SOPInstanceUID) for one in references * 2])
    asked = asked_of(travelled(sent))
    assert (asked.TransactionUID, list(asked.references)) == (transaction, references)


@given(UIDS, REFERENCES, st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_result_says_the_same_on_both_sides(transaction: str, references: list[Reference], kept: list[bool]):
    """Committed and failed instances arrive as they were judged, each with its reason."""
    pairs = list(zip(references, kept, strict=False))
    told = Report(
        transaction,
        tuple(one for one, is_kept in pairs if is_kept),
        tuple((one, FailureReason.NO_SUCH_INSTANCE) for one, is_kept in pairs if not is_kept),
    )
    proof = proof_of(travelled(report(told)))
    assert proof.TransactionUID == transaction
    assert proof.committed == {one.SOPInstanceUID for one in told.committed}
    assert proof.failed == tuple((one.SOPInstanceUID, 0x0112) for one, _ in told.failed)


def test_an_empty_sequence_is_left_out():
    """Type 1C elements of PS3.4 table J.3-2: present only where there is something in them."""
    assert "FailedSOPSequence" not in report(Report("1.2", (Reference("1.3", "1.4"),), ()))
    all_failed = Report("1.2", (), ((Reference("1.3", "1.4"), FailureReason.PROCESSING_FAILURE),))
    assert "ReferencedSOPSequence" not in report(all_failed)


@pytest.mark.parametrize(
    ("transaction", "pairs"),
    [("", [("1.2", "1.3")]), ("one", [("1.2", "1.3")]), ("1.2", []), ("1.2", [("1.2", "")]), ("1.2", [("x", "1.3")])],
)
def test_a_malformed_request_is_refused(transaction: str, pairs: list[tuple[str, str]]):
    """No Transaction UID, no instance, or a UID that is none."""
    with pytest.raises(Unreadable):
        asked_of(request(transaction, pairs))


def test_a_result_that_cannot_be_told_is_tried_ever_more_seldom():
    """Ten seconds at first, an hour at last, never less than before."""
    pauses = [pause_after(attempts) for attempts in range(1, 40)]
    assert pauses[0] == FIRST_AFTER
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE == timedelta(hours=1)
