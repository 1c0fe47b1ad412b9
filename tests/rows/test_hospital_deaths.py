"""The hospital loses patients and corrects what it said of them: the nurse knows, and referrals follow."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import busy_day
from tests.support import hl7 as said
from tests.support import intake as given
from tests.support.forms import plain
from tests.support.hospital import hear, patient, verbs
from tests.support.reviews import confirmed
from vfx_finder.actions import delivery, referral
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.referral import CloseReason, Hold
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import deliveries, queries
from vfx_finder.ledger import hospital as told
from vfx_finder.ledger.hospital import ages_now
from vfx_finder.ledger.models import AuditEvent, Case, Delivery, HospitalMessage, PatientChange, Referral

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("event", ["A03", "A08", "A31"])
def test_a_death_is_told_to_the_nurse_at_once_and_nobody_is_contacted(referred, nurse, event):
    row = referred()
    hear(said.message(f"ADT^{event}", said.pid(died_at="20261121", is_dead="Y")))
    assert f"{told.reported_dead([row])[row.pk].on:%Y%m%d}" == "20261121"
    assert "patient-died" in verbs(row)
    with pytest.raises(WrongState, match="died"):
        referral.move(row.pk, ReferralState.ACCEPTED, nurse, given.later(300))
    ended = referral.close(row.pk, CloseReason.DECEASED, nurse, given.later(300))
    assert ended.state == ReferralState.CLOSED


def test_a_death_under_the_old_number_is_the_death_of_the_merged_patient(referred):
    row = referred(patient("OLD"))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    hear(said.message("ADT^A31", said.pid("OLD^^^HOSP", is_dead="Y"), control_id="C2"))
    row.refresh_from_db()
    assert row.pk in told.reported_dead([row])


def test_a_referral_opened_after_the_death_shows_it(referred):
    hear(said.message("ADT^A31", said.pid(is_dead="Y")))
    row = referred()
    assert row.pk in told.reported_dead([row])


def test_a_death_taken_back_lets_the_pathway_go_on(referred, nurse):
    row = referred()
    hear(said.message("ADT^A31", said.pid(is_dead="Y")))
    heard = hear(said.message("ADT^A31", said.pid(is_dead="N"), control_id="C2"))
    assert heard.outcome is Outcome.APPLIED
    assert told.reported_dead([row]) == {}
    assert referral.move(row.pk, ReferralState.ACCEPTED, nurse, given.later(300)).state == ReferralState.ACCEPTED


def test_a_death_taken_back_after_the_referral_was_closed_for_it_is_listed(referred, nurse):
    row = referred()
    hear(said.message("ADT^A31", said.pid(is_dead="Y")))
    referral.close(row.pk, CloseReason.DECEASED, nurse, given.later(300))
    hear(said.message("ADT^A31", said.pid(is_dead="N"), control_id="C2"))
    assert HospitalMessage.objects.get(control_id="C2").reason == Remark.DEATH_TAKEN_BACK


def test_that_the_living_live_is_no_news(referred):
    referred()
    hear(said.message("ADT^A03", said.pid(is_dead="N")))
    assert HospitalMessage.objects.get().outcome == Outcome.NOT_USED
    assert PatientChange.objects.count() == 0


def test_a_death_that_contradicts_itself_is_taken_as_one_and_listed(referred):
    row = referred()
    hear(said.message("ADT^A31", said.pid(is_dead="N", died_at="20261121")))
    assert HospitalMessage.objects.get().reason == Remark.DEATH_CONTRADICTED
    assert row.pk in told.reported_dead([row])


# ---- corrections


def test_a_correction_changes_the_open_referral_with_an_audit_entry_and_no_study(referred):
    row = referred()
    hear(said.message("ADT^A08", said.pid(name="Corrected^Name", born="19500101", sex="M")))
    row.refresh_from_db()
    assert (row.PatientName, row.PatientBirthDate, row.PatientSex, row.age) == ("Corrected^Name", "19500101", "M", 76)
    event = AuditEvent.objects.get(verb="patient-corrected")
    assert event.detail == {"fields": "name, birth date, sex"}
    assert Case.objects.get().PatientName == "Test^Patient"


def test_what_a_correction_leaves_out_stays(referred):
    row = referred()
    hear(said.message("ADT^A08", said.pid(name="Corrected^Name", born="", sex="")))
    row.refresh_from_db()
    assert (row.PatientName, row.PatientSex) == ("Corrected^Name", "F")


def test_the_same_again_is_no_news(referred):
    referred()
    hear(said.message("ADT^A08", said.pid(name="TEST^PATIENT^^", born="")))
    assert HospitalMessage.objects.get().reason == Remark.NOTHING_CHANGED


def test_a_corrected_birth_date_answers_the_question_of_age(referred):
    row = referred(patient(PatientAge=""))
    assert row.hold == Hold.AGE_UNKNOWN
    hear(said.message("ADT^A08", said.pid(born="19500101")))
    row.refresh_from_db()
    assert (row.age, row.hold) == (76, "")


def test_a_birth_date_under_50_ends_nothing_by_itself(referred):
    row = referred()
    hear(said.message("ADT^A08", said.pid(born="19900101")))
    row.refresh_from_db()
    assert (row.age, row.state) == (36, ReferralState.NEW)
    assert HospitalMessage.objects.get().reason == Remark.NOW_UNDER_50


def test_a_correction_before_signing_reaches_the_referral(analysed, sign):
    pk = analysed({Level.L1: 2}, 1, patient())
    hear(said.message("ADT^A08", said.pid(name="Corrected^Name")), 100)
    sign(pk, confirmed(Level.L1, 2))
    assert Referral.objects.get().PatientName == "Corrected^Name"


def test_what_a_later_correction_leaves_out_an_earlier_one_has_said(analysed, sign):
    pk = analysed({Level.L1: 2}, 1, patient())
    hear(said.message("ADT^A08", said.pid(name="Corrected^Name")), 100)
    hear(said.message("ADT^A08", said.pid(name="", sex="M"), control_id="C2"), 110)
    sign(pk, confirmed(Level.L1, 2))
    row = Referral.objects.get()
    assert (row.PatientName, row.PatientSex) == ("Corrected^Name", "M")


def test_a_birth_date_corrected_before_signing_decides_of_the_age(analysed, sign, operator):
    """Hazard: a patient of 71 whose headers say 41 would be sent away as too young, and the corrected date kept."""
    pacs = DestinationFacts("PACS", Protocol.DICOM, "ARCHIVE", "10.0.0.5", 104, kinds=frozenset({Kind.SR}))
    delivery.keep_destination(pacs, operator, given.NOW)
    pk = analysed({Level.L1: 2}, 1, patient(PatientAge="041Y"))
    hear(said.message("ADT^A08", said.pid(born="19550301")), 100)
    assert queries.study(pk).age == 71
    sign(pk, confirmed(Level.L1, 2))
    row = Referral.objects.get()
    assert (row.age, row.PatientBirthDate, row.hold) == (71, "19550301", "")
    assert deliveries.content(Delivery.objects.get()).age == 71, "what the report in the archive advises"


def test_the_lists_show_the_age_that_the_study_shows(analysed, sign, django_assert_max_num_queries):
    """Corrected under another number of the patient too; a correction from before the study came says nothing of it."""
    waiting = analysed({Level.L1: 2}, 1, patient(PatientAge="041Y"))
    read = analysed({Level.L2: 2}, 2, patient("P2", PatientAge="042Y"))
    alone = analysed({Level.L3: 2}, 3, patient("", PatientAge="043Y"))
    sign(read, confirmed(Level.L2, 2))
    hear(said.message("ADT^A08", said.pid(born="19550301")), 100)
    hear(said.merge("P9^^^HOSP", "P2^^^HOSP"), 110)
    hear(said.message("ADT^A08", said.pid("P9^^^HOSP", born="19550302"), control_id="C3"), 120)
    cases = [Case.objects.get(pk=pk) for pk in (waiting, read, alone)]
    with django_assert_max_num_queries(4):
        ages = ages_now(cases)
    assert ages == {pk: queries.study(pk).age for pk in (waiting, read, alone)}
    assert (ages[waiting], ages[read], ages[alone]) == (71, 71, 43)
    reader = Client()
    people = busy_day.people(password=None)
    reader.force_login(people[Role.RADIOLOGIST], backend="django.contrib.auth.backends.ModelBackend")
    listed, signed = (plain(reader.get(reverse(page)).content.decode()) for page in ("worklist", "signed"))
    assert "71 y, woman" in listed
    assert "41 y" not in listed
    assert "71 y, woman" in signed


def test_a_merge_that_corrects_the_birth_date_answers_the_question_of_age(referred):
    row = referred(patient(PatientAge=""))
    hear(said.merge("P9^^^HOSP", "P1^^^HOSP"))
    row.refresh_from_db()
    assert (row.PatientID, row.PatientBirthDate, row.age, row.hold) == ("P9", "19550301", 71, "")


def test_a_merge_with_a_birth_date_under_50_waits_for_a_person(referred):
    row = referred()
    hear(said.message("ADT^A40", said.pid("P9^^^HOSP", born="19900101"), "MRG|P1^^^HOSP"))
    row.refresh_from_db()
    assert (row.age, row.state) == (36, ReferralState.NEW)
    assert HospitalMessage.objects.get().reason == Remark.NOW_UNDER_50
