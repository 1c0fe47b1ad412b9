"""The hospital's radiology reports stand beside their studies; what it told is on the pages."""

import pytest

from tests.support import hl7 as said
from tests.support.hospital import hear, patient
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import hospital as told
from vfx_finder.ledger.models import AuditEvent, Case, HospitalMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(analysed) -> Case:
    case = Case.objects.get(pk=analysed({Level.L1: 2}, 1, patient()))
    Case.objects.update(AccessionNumber="A1")
    return Case.objects.get(pk=case.pk)


def test_a_report_stands_beside_its_study(study):
    hear(said.report("Preliminary.", status="P"))
    hear(said.report("Old fracture of L1.", control_id="C2"), 300)
    newest, older = told.reports_of(study)
    assert (newest.text, newest.status, older.status) == ("Old fracture of L1.", "F", "P")
    assert AuditEvent.objects.filter(case=study, verb="report-received").count() == 2


def test_a_report_that_comes_before_its_study_is_found_later(analysed):
    hear(said.report("Lungs clear."), 0)
    pk = analysed({Level.L1: 2}, 1, patient())
    Case.objects.update(AccessionNumber="A1")
    assert [one.text for one in told.reports_of(Case.objects.get(pk=pk))] == ["Lungs clear."]


def test_a_report_by_study_uid_needs_no_accession_number(study):
    hear(said.report("Lungs clear.", accession="other", study=study.StudyInstanceUID))
    assert len(told.reports_of(study)) == 1


def test_a_report_of_another_patient_with_this_accession_number_is_never_shown(study):
    heard = hear(said.report("Lungs clear.", number="P9^^^HOSP"))
    assert heard.outcome is Outcome.LISTED
    assert HospitalMessage.objects.get().reason == Remark.OTHER_PATIENT
    assert told.reports_of(study) == []


def test_a_report_under_a_merged_number_is_of_the_same_patient(study):
    hear(said.merge("P1^^^HOSP", "P9^^^HOSP"))
    hear(said.report("Lungs clear.", number="P9^^^HOSP", control_id="C2"))
    assert len(told.reports_of(study)) == 1


def test_a_report_without_text_is_listed(study):
    hear(said.message("ORU^R01", said.pid(), "OBR|1||A1", "OBX|1|ED|PDF||base64"))
    assert HospitalMessage.objects.get().reason == Remark.NO_TEXT


def test_one_message_with_several_parts_does_all_of_them(referred):
    """A death and a correction in one A08: applied, though the correction brought nothing new."""
    row = referred()
    hear(said.message("ADT^A08", said.pid(born="", is_dead="Y")))
    assert HospitalMessage.objects.get().outcome == Outcome.APPLIED
    assert row.pk in told.reported_dead([row])


# ---- on the pages


@pytest.fixture
def nurse_screen(client, nurse):
    client.force_login(_user(nurse), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def radiologist_screen(client, radiologist):
    client.force_login(_user(radiologist), backend="django.contrib.auth.backends.ModelBackend")
    return client


def _user(actor: Actor):
    from vfx_finder.accounts.models import User

    return User.objects.get(pk=actor.user_id)


def test_the_nurse_sees_a_death_first_and_closes_with_one_key(referred, nurse_screen):
    row = referred()
    hear(said.message("ADT^A31", said.pid(died_at="20261120", is_dead="Y")))
    queue = nurse_screen.get("/queue").content.decode()
    assert queue.index("Reported dead") < queue.index("Test, Patient")
    page = nurse_screen.get(f"/patients/{row.pk}").content.decode()
    assert "has died on 20 Nov 2026. Do not contact" in page
    assert 'value="accepted"' not in page
    nurse_screen.post(f"/patients/{row.pk}/move", {"to": "closed", "reason": "deceased"})
    row.refresh_from_db()
    assert (row.state, row.ended_reason) == ("closed", "deceased")


def test_the_living_are_in_their_tier(referred, nurse_screen):
    referred()
    assert "Reported dead" not in nurse_screen.get("/queue").content.decode()


def test_both_pages_of_a_merged_patient_name_the_other_referral(referred, nurse_screen):
    first, second = referred(patient("P1")), referred(patient("P2"), study=2)
    hear(said.merge("P1^^^HOSP", "P2^^^HOSP"))
    for one, other in ((first, second), (second, first)):
        page = nurse_screen.get(f"/patients/{one.pk}").content.decode()
        assert f'<a href="/patients/{other.pk}">another open referral</a>' in page


def test_the_radiology_report_stands_beside_the_findings_with_the_sentence_quoted(study, radiologist_screen):
    hear(said.report(r"Lungs <clear>.\.br\There is an old wedge fracture of L1."))
    page = radiologist_screen.get(f"/studies/{study.pk}").content.decode()
    assert "radiology report</a> mentions a vertebral fracture" in page
    assert "“There is an old wedge fracture of L1.”" in page
    assert "Lungs &lt;clear&gt;." in page


def test_without_a_report_nothing_is_said_of_one(study, radiologist_screen):
    assert "adiology report" not in radiologist_screen.get(f"/studies/{study.pk}").content.decode()


def test_a_withdrawn_report_decides_nothing(study, radiologist_screen):
    hear(said.report("Old fracture of L1.", status="F"))
    hear(said.report("", status="X", control_id="C2"), 300)
    page = radiologist_screen.get(f"/studies/{study.pk}").content.decode()
    assert "radiology report</a> was withdrawn" in page
    assert "mentions a vertebral fracture" not in page
