"""A message that had to wait is listed with the true reason, applied later, and then says truly what became of it."""

from types import SimpleNamespace

import pytest

from tests.support import hl7 as said
from tests.support import intake as given
from tests.support.hospital import HOSPITAL, hear, patient, verbs
from vfx_finder.actions import hospital, referral
from vfx_finder.actions._trail import Act
from vfx_finder.domain.errors import NotAllowed
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.referral import CloseReason
from vfx_finder.ledger import hospital as told
from vfx_finder.ledger.models import AuditEvent, Case, HospitalMessage, RadiologyReport, Referral

pytestmark = pytest.mark.django_db

CORRECTED = said.message("ADT^A08", said.pid(name="Corrected^Name"))
DIED = said.message("ADT^A03", said.pid(is_dead="Y"), control_id="C2")
MERGED = said.merge("NEW^^^HOSP", "P1^^^HOSP", "C3")


@pytest.fixture
def set_issuer(settings):
    def setting() -> None:
        settings.VFX = SimpleNamespace(**{**settings.VFX.model_dump(), "issuer_of_patient_id": "HOSP"})

    return setting


def became(control_id: str) -> tuple[str, str]:
    row = HospitalMessage.objects.get(control_id=control_id)
    return row.outcome, row.reason


# ---- a number that is known without its issuer


@pytest.mark.parametrize("sent", [CORRECTED, DIED, MERGED, said.message("ADT^A37", said.pid())])
def test_whatever_is_told_of_a_number_known_without_its_issuer_waits_until_the_issuer_is_set(referred, sent):
    referred(patient(issuer=""))
    assert hear(sent).outcome is Outcome.LISTED
    assert HospitalMessage.objects.get().reason == Remark.OTHER_ISSUER


def test_a_correction_waits_and_reaches_the_referral_once_the_issuer_is_set(referred, operator, set_issuer):
    row = referred(patient(issuer=""))
    hear(CORRECTED)
    set_issuer()
    message = HospitalMessage.objects.get()
    assert hospital.apply_again(message.pk, operator, given.later(400)) is Outcome.APPLIED
    row.refresh_from_db()
    assert row.PatientName == "Corrected^Name"
    assert became("C1") == ("applied", "")


@pytest.mark.parametrize("sent", [CORRECTED, DIED, MERGED])
def test_applied_again_before_anything_was_mended_it_goes_on_waiting(referred, operator, sent):
    """Hazard: one click too early took it off the list as nothing new, and nobody looked again."""
    referred(patient(issuer=""))
    hear(sent)
    message = HospitalMessage.objects.get()
    assert hospital.apply_again(message.pk, operator, given.later(400)) is Outcome.LISTED
    assert [one.pk for one in told.messages_to_look_at()] == [message.pk]


def test_all_of_one_reason_are_applied_at_once_the_oldest_first(referred, operator, nurse, set_issuer):
    row = referred(patient(issuer=""))
    hear(b"hello")
    for at, sent in enumerate((DIED, MERGED)):
        hear(sent, 210 + at)
    hear(said.message("ADT^A08", said.pid(name="Second^Name"), control_id="C5"), 230)
    hear(said.message("ADT^A08", said.pid(name="First^Name"), control_id="C4"), 220)
    set_issuer()
    with pytest.raises(NotAllowed):
        hospital.apply_all_again(Remark.OTHER_ISSUER, nurse, given.later(400))
    assert hospital.apply_all_again(Remark.OTHER_ISSUER, operator, given.later(400)) == (4, 0)
    row.refresh_from_db()
    assert (row.PatientID, row.PatientName) == ("NEW", "Second^Name")
    assert {"patient-died", "patient-merged"} <= set(verbs(row))
    assert [became(one) for one in ("C2", "C3", "C4", "C5")] == [("applied", "")] * 4
    assert [one.reason.partition(":")[0] for one in told.messages_to_look_at()] == [Remark.UNREADABLE]
    assert AuditEvent.objects.filter(verb="message-applied-again").count() == 4


def test_one_that_still_cannot_be_read_stops_none_of_the_others(referred, operator):
    referred()
    nameless = said.message("ADT^A03", said.pid("", is_dead="Y"), control_id="C2")
    for at, sent in enumerate((nameless, CORRECTED)):
        hospital.keep_listed(sent, Remark.COULD_NOT_APPLY, "ValueError", Act(HOSPITAL, given.later(200 + at)))
    assert hospital.apply_all_again(Remark.COULD_NOT_APPLY, operator, given.later(400)) == (1, 1)
    assert (became("C1")[0], became("C2")[0]) == ("applied", "listed")


# ---- what became of it


def test_a_message_that_took_effect_is_applied_and_the_same_told_by_another_is_already_known(
    referred, operator, set_issuer
):
    referred(patient(issuer=""))
    hear(DIED)
    set_issuer()
    hear(said.message("ADT^A03", said.pid(is_dead="Y"), control_id="C9"), 300)
    assert became("C9") == ("not-used", Remark.NOTHING_CHANGED)
    hospital.apply_again(HospitalMessage.objects.get(control_id="C2").pk, operator, given.later(400))
    assert became("C2") == ("applied", "")


def test_two_open_referrals_go_on_waiting_until_one_is_closed(referred, nurse, operator):
    """Hazard: applied again it was nothing new, with two nurses' pages still open for one patient."""
    referred(patient("P1"))
    other = referred(patient("P2"), study=2)
    hear(said.merge("P1^^^HOSP", "P2^^^HOSP"))
    message = HospitalMessage.objects.get()
    assert hospital.apply_again(message.pk, operator, given.later(300)) is Outcome.LISTED
    first = Referral.objects.exclude(pk=other.pk).get()
    referral.close(first.pk, CloseReason.DUPLICATE, nurse, given.later(310))
    assert hospital.apply_again(message.pk, operator, given.later(320)) is Outcome.APPLIED
    other.refresh_from_db()
    assert other.PatientID == "P1"


@pytest.mark.parametrize(
    ("sent", "remark"),
    [
        (said.message("ADT^A31", said.pid(is_dead="N", died_at="20261121")), Remark.DEATH_CONTRADICTED),
        (said.message("ORU^R01", said.pid(), "OBR|1||A1", "OBX|1|ED|PDF||base64"), Remark.NO_TEXT),
    ],
)
def test_what_only_its_sender_can_mend_is_not_done_with_by_applying_it_again(referred, operator, sent, remark):
    referred()
    hear(sent)
    message = HospitalMessage.objects.get()
    assert hospital.apply_again(message.pk, operator, given.later(400)) is Outcome.LISTED
    assert became("C1") == ("listed", remark)
    assert not remark.may_go_away


def test_a_death_taken_back_after_closing_waits_for_somebody_who_tells_the_nurse(referred, nurse, operator):
    row = referred()
    hear(said.message("ADT^A31", said.pid(is_dead="Y")))
    referral.close(row.pk, CloseReason.DECEASED, nurse, given.later(300))
    hear(said.message("ADT^A31", said.pid(is_dead="N"), control_id="C2"), 310)
    message = HospitalMessage.objects.get(control_id="C2")
    assert hospital.apply_again(message.pk, operator, given.later(400)) is Outcome.LISTED


def test_a_report_applied_again_stands_once_beside_its_study(analysed, operator):
    case = analysed({}, 1, patient())
    Case.objects.update(AccessionNumber="A1")
    hear(said.report("Lungs clear.", number="P9^^^HOSP"))
    hear(said.merge("P1^^^HOSP", "P9^^^HOSP", "C2"))
    message = HospitalMessage.objects.get(control_id="C1")
    assert hospital.apply_again(message.pk, operator, given.later(400)) is Outcome.APPLIED
    assert RadiologyReport.objects.count() == len(told.reports_of(Case.objects.get(pk=case))) == 1


def test_a_death_applied_late_does_not_undo_the_newer_word_that_the_patient_lives(referred, operator):
    row = referred(patient(issuer=""))
    hear(said.message("ADT^A31", said.pid("P1", is_dead="Y"), control_id="C0"), 190)
    hospital.keep_listed(DIED, Remark.COULD_NOT_APPLY, "ValueError", Act(HOSPITAL, given.later(200)))
    hear(said.message("ADT^A31", said.pid("P1", is_dead="N"), control_id="C5"), 300)
    late = said.message("ADT^A03", said.pid("P1", is_dead="Y"), control_id="C6")
    hospital.keep_listed(late, Remark.COULD_NOT_APPLY, "ValueError", Act(HOSPITAL, given.later(210)))
    hospital.apply_all_again(Remark.COULD_NOT_APPLY, operator, given.later(400))
    assert told.reported_dead([row]) == {}


def test_a_correction_applied_late_undoes_no_newer_one(referred, operator):
    row = referred()
    hospital.keep_listed(CORRECTED, Remark.COULD_NOT_APPLY, "ValueError", Act(HOSPITAL, given.later(200)))
    hear(said.message("ADT^A08", said.pid(name="Newer^Name"), control_id="C5"), 300)
    hospital.apply_all_again(Remark.COULD_NOT_APPLY, operator, given.later(400))
    row.refresh_from_db()
    assert row.PatientName == "Newer^Name"
