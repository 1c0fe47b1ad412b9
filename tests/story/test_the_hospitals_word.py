"""What the hospital's other systems tell, as the radiologist and the nurse see it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import busy_day, hl7
from tests.support.pages import Person
from vfx_finder.actions import hospital
from vfx_finder.domain.actor import Actor
from vfx_finder.ledger.models import Case, Referral

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REPORT = (
    r"CT pulmonary angiogram.\.br\Clinical details: breathless.\.br\No pulmonary embolus. Lungs are clear."
    r"\.br\Bones: mild anterior wedging of T12.\.br\Impression: no acute finding."
)


def tell(*messages: bytes) -> None:
    for message in messages:
        hospital.hear(message, Actor.process("hospital-listener"), datetime.now(UTC))


def shot(person: Person, name: str) -> None:
    """A picture of the screen, for whoever looks at the pages by eye."""
    folder = os.environ.get("PICTURES_OF_TESTS")
    if folder:
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_reader_sees_the_report_and_a_nurse_sees_the_death(db: None, somebody: Callable[..., Person]) -> None:
    staff = busy_day.people()
    who, grades, _ = busy_day.WAITING[0]
    busy_day.flagged(who, datetime.now(UTC) - timedelta(hours=2), grades)
    for signed, found, days, steps in busy_day.SIGNED[:4]:
        busy_day._signed(signed, found, (datetime.now(UTC) - timedelta(days=days), staff, steps))
    case = Case.objects.get(PatientID=who.patient.PatientID)
    dead, first, second = (one[0].patient.PatientID for one in busy_day.SIGNED[:3])
    tell(
        hl7.report(REPORT, number=who.patient.PatientID, study=case.StudyInstanceUID),
        hl7.message("ADT^A31", hl7.pid(dead, name="", born="", died_at="20261120", is_dead="Y"), control_id="C2"),
        hl7.merge(first, second, "C3"),
    )
    then_the_report_is_a_key_away(somebody("dr.lee"))
    then_nobody_is_contacted(somebody("n.adams"))


def then_the_report_is_a_key_away(reader: Person) -> None:
    reader.presses("j", "Enter")
    assert reader.has_study_open("HARTLEY, Margaret")
    shot(reader, "study")
    reader.page.get_by_role("link", name="radiology report").click()
    assert reader.sees("“Bones: mild anterior wedging of T12.”")
    assert reader.page.get_by_text("may mention a vertebral fracture: read it").first.is_visible()
    assert reader.grave_barriers() == []
    shot(reader, "study-report")


def then_nobody_is_contacted(nurse: Person) -> None:
    assert nurse.sees("Reported dead")
    assert nurse.grave_barriers() == []
    shot(nurse, "queue")
    nurse.page.get_by_role("link", name="FLEMING, Dorothy").click()
    assert nurse.sees("Do not contact the patient or the family.")
    assert nurse.grave_barriers() == []
    shot(nurse, "patient-died")
    nurse.page.get_by_role("button", name="Close: patient deceased").click()
    assert nurse.sees("Ended: Deceased.")
    assert Referral.objects.get(PatientName__startswith="FLEMING").ended_reason == "deceased"
    nurse.opens("/queue")
    nurse.page.get_by_role("link", name="BARKER, Stanley").click()
    assert nurse.sees("another open referral")
    shot(nurse, "patient-merged")
    assert not nurse.complaints
