"""Which earlier studies are worth asking for, and how patiently an archive is asked."""

from datetime import UTC, date, datetime, timedelta

import pytest

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.retrieval import (
    MOST_ATTEMPTS,
    ArchiveFacts,
    Listed,
    Wanted,
    can_be_asked_for,
    next_attempt,
    pause_at,
    worth_asking,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WANTED = Wanted("P1", "", "CT", date(2026, 3, 1))


def listed(number: int, day: str = "20250101", **more: str) -> Listed:
    return Listed(f"1.2.{number}", **({"StudyDate": day, "PatientID": "P1", "ModalitiesInStudy": "CT"} | more))


def test_the_newest_three_are_worth_asking_for() -> None:
    found = tuple(listed(year, f"{year}0101") for year in range(2019, 2026))
    assert [one.StudyDate for one in worth_asking(found, WANTED)] == ["20250101", "20240101", "20230101"]


@pytest.mark.parametrize(
    "stranger",
    [
        listed(1, PatientID="P10"),
        listed(1, PatientID="p1"),
        listed(1, PatientID=""),
        listed(1, day="20260301"),
        listed(1, day="20270101"),
        listed(1, day=""),
        listed(1, ModalitiesInStudy="MR\\SR"),
    ],
)
def test_an_archive_that_matches_loosely_brings_nobody_elses_study(stranger: Listed) -> None:
    """Hazard: another patient's spine beside this one's."""
    assert worth_asking((stranger,), WANTED) == ()


def test_another_issuer_is_another_patient_where_both_name_one() -> None:
    wanted = Wanted("P1", "HOSPITAL", "CT", date(2026, 3, 1))
    assert worth_asking((listed(1, IssuerOfPatientID="PRACTICE"),), wanted) == ()
    assert len(worth_asking((listed(1, IssuerOfPatientID="HOSPITAL"), listed(2)), wanted)) == 2


@pytest.mark.parametrize("PatientID", ["", " ", "*", "P?", "A\\B"])
def test_a_patient_number_that_would_match_others_is_never_asked_for(PatientID: str) -> None:
    assert not can_be_asked_for(PatientID)


def test_a_study_is_asked_for_three_times() -> None:
    assert next_attempt(1, NOW) == NOW + timedelta(minutes=5)
    assert next_attempt(2, NOW) == NOW + timedelta(minutes=30)
    assert next_attempt(MOST_ATTEMPTS, NOW) is None


def test_the_pace_is_a_pause_between_studies() -> None:
    assert pause_at(60) == timedelta(minutes=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"AETitle": "LONGER THAN SIXTEEN"},
        {"AETitle": ""},
        {"AETitle": "Ä"},
        {"host": ""},
        {"port": 0},
        {"port": 65536},
        {"studies_per_hour": 0},
    ],
)
def test_what_cannot_be_an_archive_is_refused(wrong: dict[str, object]) -> None:
    facts = {"name": "PACS", "AETitle": "PACS", "host": "pacs", "port": 104}
    ArchiveFacts(**facts)
    with pytest.raises(WrongState):
        ArchiveFacts(**(facts | wrong))
