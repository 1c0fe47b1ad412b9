"""The conformance statement says what the program does: its tables are those of the code, no more and no less."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest
from pydicom.uid import UID

from dicom_listener import commitment as scp
from dicom_listener.contexts import accepted_contexts
from dicom_listener.negotiation import APPLICATION_CONTEXT
from dicom_listener.pdu import MAX_PDU_BYTES
from pipelines.steps.ask import FIND, GET, MOVE
from vfx_finder.config import Settings
from vfx_finder.dicom import statuses
from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES
from vfx_finder.dicom.part10 import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from vfx_finder.dicom.sop_classes import sop_class_of
from vfx_finder.dicom.uids import IMPLEMENTATION_CLASS_UID
from vfx_finder.domain.commitment import GIVEN_UP_AFTER, MOST_REFERENCES, ROWS_FOLLOW, FailureReason
from vfx_finder.domain.delivered import Kind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dicom-conformance.md"
STOW = Path(__file__).resolve().parents[2] / "vfx_finder" / "web" / "stow"
COMMITMENT = UID("1.2.840.10008.1.20.1")
VERIFICATION = UID("1.2.840.10008.1.1")


def table(head: str, after: str = "") -> list[list[str]]:
    """The rows of the first table with this first cell in its head, after this heading."""
    lines = PAGE.read_text().partition(after)[2].splitlines() if after else PAGE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def numbers(head: str, after: str = "") -> set[int]:
    return {int(row[0], 0) for row in table(head, after)}


def test_the_classes_are_those_that_are_accepted() -> None:
    """Name and UID of each, from the presentation contexts that the listener really offers."""
    contexts = {UID(one.abstract_syntax) for one in accepted_contexts()}
    assert contexts == {VERIFICATION, COMMITMENT, *STORAGE_CLASSES}
    assert {(name, uid) for name, uid in table("SOP Class")} == {(one.name, str(one)) for one in contexts}


def test_the_transfer_syntaxes_are_those_that_are_accepted() -> None:
    """The same for every Storage SOP Class."""
    for one in accepted_contexts():
        if one.abstract_syntax in STORAGE_CLASSES:
            assert set(one.transfer_syntax) == set(TRANSFER_SYNTAXES)
    assert [(name, uid) for name, uid in table("transfer syntax")] == [
        (one.name, str(one)) for one in TRANSFER_SYNTAXES
    ]


def test_the_statuses_are_those_that_are_answered() -> None:
    """Every status of the one table, success, and what the services answer besides."""
    stated = {status for _, status in statuses.STATUS_OF}
    assert numbers("status") == stated | {statuses.SUCCESS, statuses.UNRECOGNISED_OPERATION}
    refusals = {scp.NO_SUCH_INSTANCE, scp.INVALID_ARGUMENT, scp.NO_SUCH_ACTION, scp.RESOURCE_LIMITATION}
    assert numbers("N-ACTION status") == refusals | {statuses.SUCCESS}
    assert numbers("Failure Reason") == {int(reason) for reason in FailureReason}
    stow = {statuses.SOP_CLASS_NOT_SUPPORTED, statuses.TRANSFER_SYNTAX_NOT_SUPPORTED}
    assert numbers("Failure Reason", after="## 4. DICOMweb") == stow


def test_the_http_statuses_are_those_that_are_answered() -> None:
    """Each that the code of STOW-RS names stands on the page, and no other."""
    named = {name for path in STOW.glob("*.py") for name in re.findall(r"HTTPStatus\.([A-Z_]+)", path.read_text())}
    assert numbers("HTTP status") == {HTTPStatus[name].value for name in named} | {HTTPStatus.METHOD_NOT_ALLOWED.value}


def test_what_is_asked_of_others_is_stated() -> None:
    """The worker's SOP Classes, and one for each kind of result object."""
    asked = table("SOP Class", after="## 3.")
    assert {row[1] for row in asked} == {str(VERIFICATION), str(COMMITMENT), str(FIND), str(MOVE), str(GET)}
    assert all(UID(row[1]).name == row[0] for row in asked)
    results = table("SOP Class", after="Results are stored as these")
    kinds = {(str(kind), sop_class_of(kind)) for kind in Kind if _is_stored(kind)}
    assert {(row[2], row[1]) for row in results} == kinds


@pytest.mark.parametrize(
    "said",
    [
        IMPLEMENTATION_UID,
        IMPLEMENTATION_NAME,
        IMPLEMENTATION_CLASS_UID,
        APPLICATION_CONTEXT,
        f"{MAX_PDU_BYTES} bytes",
        f"by default `{Settings.model_fields['ae_title'].default}`",
        f"by default {Settings.model_fields['most_associations'].default}",
        f"by default {Settings.model_fields['idle_seconds'].default:.0f} s",
        f"more than {MOST_REFERENCES} instances",
        f"for {GIVEN_UP_AFTER.total_seconds() / 3600:.0f} hours",
        f"{ROWS_FOLLOW.seconds} seconds after the request",
    ],
)
def test_the_numbers_are_those_of_the_program(said: str) -> None:
    """Identity, limits and times."""
    assert said in PAGE.read_text()


def _is_stored(kind: Kind) -> bool:
    try:
        return bool(sop_class_of(kind))
    except KeyError:
        return False
