"""What a storage commitment result says, whatever an archive puts into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from vfx_finder.dicom.commitment import proof_of, reason_words, request
from vfx_finder.domain.errors import Unreadable

TRANSACTION = "2.25.4711"

uids = st.lists(st.integers(1, 10**9).map(lambda n: f"1.2.{n}"), max_size=6, unique=True)


def item(uid: object, reason: object = None) -> Dataset:
    told = Dataset()
    told.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    told.ReferencedSOPInstanceUID = uid
    if reason is not None:
        told.FailureReason = reason
    return told


def report(stored: list[Dataset] | None = None, failed: list[Dataset] | None = None) -> Dataset:
    told = Dataset()
    told.TransactionUID = TRANSACTION
    if stored is not None:
        told.ReferencedSOPSequence = Sequence(stored)
    if failed is not None:
        told.FailedSOPSequence = Sequence(failed)
    return told


@given(uids, uids)
def test_whatever_failed_is_not_committed(stored: list[str], failed: list[str]) -> None:
    """An archive that names an instance in both lists has not taken responsibility for it."""
    proof = proof_of(report([item(uid) for uid in stored], [item(uid, 0x0112) for uid in failed]))
    assert proof.TransactionUID == TRANSACTION
    assert proof.committed == set(stored) - set(failed)
    assert proof.failed == tuple((uid, 0x0112) for uid in failed)


def test_a_list_that_is_missing_or_empty_is_empty() -> None:
    assert proof_of(report()).committed == frozenset()
    assert proof_of(report([], [])).failed == ()


def test_a_failure_without_a_reason_is_a_processing_failure() -> None:
    assert proof_of(report(failed=[item("1.2.3")])).failed == (("1.2.3", 0x0110),)


@pytest.mark.parametrize(
    "broken",
    [
        Dataset(),
        report([item("")]),
        report([item("9")]),
        report([Dataset()]),
        report(failed=[Dataset()]),
    ],
)
def test_a_result_that_names_nothing_is_unreadable(broken: Dataset) -> None:
    with pytest.raises(Unreadable):
        proof_of(broken)


def test_a_request_names_class_and_instance_of_each() -> None:
    asked = request(TRANSACTION, [("1.2", "1.2.3"), ("1.4", "1.4.5")])
    assert asked.TransactionUID == TRANSACTION
    pairs = [(one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID) for one in asked.ReferencedSOPSequence]
    assert pairs == [("1.2", "1.2.3"), ("1.4", "1.4.5")]


def test_a_reason_is_told_in_words_with_its_number() -> None:
    assert reason_words(0x0112) == "no such object instance (0x0112)"
    assert "0xBEEF" in reason_words(0xBEEF)
