"""Messages of the hospital are kept and answered, and merged patients are one patient here."""

from hashlib import sha256
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.support import hl7 as said
from tests.support import intake as given
from tests.support.hospital import HOSPITAL, hear, patient, verbs
from vfx_finder.actions import hospital, referral
from vfx_finder.actions._trail import Act
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.identity import PatientRef
from vfx_finder.domain.referral import CloseReason
from vfx_finder.domain.spine import Level
from vfx_finder.interop.acknowledgement import Code
from vfx_finder.ledger import hospital as told
from vfx_finder.ledger import identities, queries
from vfx_finder.ledger.models import Case, HospitalMessage, PatientChange, RadiologyReport, Referral
from vfx_finder.ledger.priors import earlier_study

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_issuer(settings):
    """An installation whose images carry no issuer."""
    settings.VFX = SimpleNamespace(**{**settings.VFX.model_dump(), "issuer_of_patient_id": "HOSP"})


# ---- every message is kept


def test_a_message_is_kept_as_received_and_applied_once():
    sent = said.merge("P1^^^HOSP", "P2^^^HOSP")
    first, again = hear(sent), hear(sent, 300)
    row = HospitalMessage.objects.get()
    assert (row.content, row.control_id, row.kind, row.sending) == (sent.decode(), "C1", "ADT^A40", "PAS/HOSP")
    assert (first.code, first.outcome, first.is_repeat) == (Code.ACCEPT, Outcome.APPLIED, False)
    assert (again.code, again.outcome, again.is_repeat) == (Code.ACCEPT, Outcome.APPLIED, True)
    assert PatientChange.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"hello", Code.REJECT),
        (b"MSH|^~\\&|PAS|HOSP|\0", Code.REJECT),
        (b"MSH|^~\\&|PAS|HOSP|||20261121||ADT^A08||P|2.5.1\rPID|||P1\r", Code.ERROR),
        (said.message("ADT^A08", "PID|1||"), Code.ERROR),
        (said.message("ADT^A40", "PID|1||", "MRG|P2"), Code.ERROR),
        (said.message("ADT^A31", said.pid("9" * 300)), Code.ERROR),
        (said.report("text", number=""), Code.ERROR),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason_and_listed(sent, code):
    """Also when the same bytes come again."""
    for heard in (hear(sent), hear(sent)):
        assert (heard.code, heard.outcome) == (code, Outcome.LISTED)
        assert heard.words
    (row,) = told.messages_to_look_at()
    assert row.reason == f"{Remark.UNREADABLE}: {heard.words}"
    assert PatientChange.objects.count() == RadiologyReport.objects.count() == 0


@pytest.mark.parametrize(
    ("sent", "remark"),
    [
        (said.message("SIU^S12", "SCH|1"), Remark.OTHER_KIND),
        (said.message("ADT^A01", said.pid()), Remark.OTHER_KIND),
        (said.message("ADT^A20", "EVN|A20"), Remark.OTHER_KIND),
        (said.message("ADT^A08", said.pid()), Remark.NOT_KNOWN),
        (said.report("Calcium 2.4", department="LAB"), Remark.OTHER_DEPARTMENT),
        (said.message("ORU^R01", said.pid(), "OBR|1", "OBX|1|TX|||own", sending="VFX_FINDER"), Remark.OUR_OWN),
        (said.message("ADT^A31", said.pid(is_dead="Y")).replace(b"|C1|P|", b"|C1|T|"), Remark.TRAINING),
    ],
)
def test_what_nothing_here_needs_is_accepted_and_kept(sent, remark):
    heard = hear(sent)
    assert (heard.code, heard.outcome) == (Code.ACCEPT, Outcome.NOT_USED)
    assert HospitalMessage.objects.get().reason == remark
    assert PatientChange.objects.count() == RadiologyReport.objects.count() == 0


MESSAGES = (
    said.merge("P1^^^HOSP", "P2^^^HOSP"),
    said.message("ADT^A31", said.pid(died_at="20261121", is_dead="Y")),
    said.message("ADT^A08", said.pid(name="Other^Name")),
    said.report(r"Lungs clear.\.br\No \X41\ fracture.", study="1.2.3"),
)
MUTATION = st.tuples(st.integers(0, 400), st.integers(0, 30), st.binary(max_size=12))


@settings(suppress_health_check=list(HealthCheck))
@example(MESSAGES[1], [(150, 0, b"\\X00\\")])
@drawn(st.sampled_from(MESSAGES), st.lists(MUTATION, min_size=1, max_size=3))
def test_a_damaged_message_is_kept_and_answered_whatever_the_damage(sent, mutations):
    for at, cut, put in mutations:
        sent = sent[:at] + put + sent[at + cut :]
    heard = hear(sent)
    row = HospitalMessage.objects.get(sha256=sha256(sent).hexdigest())
    assert (heard.outcome == Outcome.LISTED) == (row.outcome == "listed")
    assert heard.code is Code.ACCEPT or heard.words


def test_only_the_system_hears_and_only_an_operator_puts_aside(nurse, operator):
    with pytest.raises(NotAllowed):
        hospital.hear(said.message("ADT^A08", said.pid()), nurse, given.NOW)
    hear(b"hello")
    row = told.messages_to_look_at()[0]
    with pytest.raises(NotAllowed):
        hospital.put_aside(row.pk, nurse, given.NOW)
    with pytest.raises(WrongState, match="still"):
        hospital.apply_again(row.pk, operator, given.NOW)
    hospital.put_aside(row.pk, operator, given.NOW)
    assert not told.messages_to_look_at()
    with pytest.raises(WrongState):
        hospital.put_aside(row.pk, operator, given.NOW)


def test_a_message_that_could_not_be_applied_is_applied_when_it_comes_again():
    """A defect, or the database away in the middle: listed, and mended by sending it again."""
    sent = said.merge("P1^^^HOSP", "P2^^^HOSP")
    failed = hospital.keep_listed(sent, Remark.COULD_NOT_APPLY, "ValueError", Act(HOSPITAL, given.NOW))
    assert (failed.code, failed.outcome) == (Code.ERROR, Outcome.LISTED)
    assert hear(sent).outcome is Outcome.APPLIED
    assert PatientChange.objects.count() == 1


# ---- merged patients are one patient


def test_a_merge_takes_the_open_referral_to_the_surviving_number(referred):
    """The study keeps its headers as sent."""
    row = referred(patient("OLD"))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    row.refresh_from_db()
    assert (row.PatientID, row.IssuerOfPatientID) == ("NEW", "HOSP")
    assert "patient-merged" in verbs(row)
    assert Case.objects.get().PatientID == "OLD"


@pytest.mark.parametrize("later_number", ["OLD", "NEW"])
def test_a_later_study_under_either_number_joins_the_one_referral(referred, later_number):
    row = referred(patient("OLD"))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    same = referred(patient(later_number), study=2, grades={Level.T8: 3})
    assert same == row
    assert same.grades == {"L1": 2, "T8": 3}


def test_what_was_known_under_the_old_number_opens_no_second_referral(referred, nurse):
    row = referred(patient("OLD"))
    referral.close(row.pk, CloseReason.DECLINED, nurse, given.later(150))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    referred(patient("NEW"), study=2)
    assert list(Referral.objects.all()) == [row]


def test_the_prior_of_a_merged_number_is_compared_with(analysed):
    analysed({}, 1, patient("OLD"))
    Case.objects.update(StudyDate="20250101")
    pk = analysed({Level.L1: 2}, 2, patient("NEW"))
    assert earlier_study(Case.objects.get(pk=pk)) is None
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    assert earlier_study(Case.objects.get(pk=pk)) is not None


def test_two_open_referrals_of_one_patient_wait_for_the_nurse(referred, nurse):
    first, second = referred(patient("P1")), referred(patient("P2"), study=2)
    heard = hear(said.merge("P1^^^HOSP", "P2^^^HOSP"))
    assert (heard.code, heard.outcome) == (Code.ACCEPT, Outcome.LISTED)
    assert HospitalMessage.objects.get().reason == Remark.TWO_OPEN_REFERRALS
    assert (told.other_open(first), told.other_open(second)) == (second, first)
    assert "merged-two-open" in verbs(first)
    file = queries.referral(first.pk, given.NOW.date())
    assert file is not None
    assert file.others == (second,)
    referral.close(second.pk, CloseReason.DUPLICATE, nurse, given.later(300))
    assert told.other_open(first) is None


def test_merges_in_a_row_lead_to_the_last_number(referred):
    row = referred(patient("A"))
    for at, (surviving, earlier) in enumerate((("B", "A"), ("C", "B"), ("C", "D"))):
        hear(said.merge(f"{surviving}^^^HOSP", f"{earlier}^^^HOSP", f"C{at}"))
    row.refresh_from_db()
    assert row.PatientID == "C"
    assert {ref.PatientID for ref in identities.numbers_of("D", "HOSP")} == {"A", "B", "C", "D"}
    assert identities.surviving("A", "HOSP") == PatientRef("C", "HOSP")


def test_a_merge_the_other_way_round_ends_somewhere(referred):
    row = referred(patient("A"))
    for at, (surviving, earlier) in enumerate((("B", "A"), ("A", "B"))):
        hear(said.merge(f"{surviving}^^^HOSP", f"{earlier}^^^HOSP", f"C{at}"))
    row.refresh_from_db()
    assert row.PatientID == "A"
    assert identities.surviving("B", "HOSP") == identities.surviving("A", "HOSP") == PatientRef("A", "HOSP")


def test_the_same_number_of_another_issuer_is_another_patient(referred):
    row = referred(patient("OLD", issuer="ELSEWHERE"))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    row.refresh_from_db()
    assert row.PatientID == "OLD"
    assert told.other_open(row) is None


def test_patients_without_a_number_are_nobody(referred):
    first, second = referred(patient("", issuer="")), referred(patient("", issuer=""), study=2)
    assert first != second
    assert told.other_open(first) is None
    assert told.reported_dead([first, second]) == {}


def test_a_merge_told_twice_by_two_messages_is_one_merge():
    hear(said.merge("P1^^^HOSP", "P2^^^HOSP"))
    hear(said.merge("P1^^^HOSP", "P2^^^HOSP", "C2"))
    assert PatientChange.objects.count() == 1
    assert HospitalMessage.objects.get(control_id="C2").reason == Remark.NOTHING_CHANGED


def test_an_unmerge_waits_for_a_person(referred):
    referred()
    heard = hear(said.message("ADT^A37", said.pid(), said.pid("P2^^^HOSP")))
    assert (heard.code, heard.outcome) == (Code.ACCEPT, Outcome.LISTED)


# ---- issuers


def test_images_without_issuer_and_messages_with_one_are_joined_by_the_setting(referred, own_issuer):
    row = referred(patient("OLD", issuer=""))
    hear(said.merge("NEW^^^HOSP", "OLD^^^HOSP"))
    row.refresh_from_db()
    assert row.PatientID == "NEW"
    assert referred(patient("OLD", issuer=""), study=2, grades={Level.T8: 2}) == row
    assert referred(patient("NEW", issuer="HOSP"), study=3, grades={Level.T9: 2}) == row


def test_without_the_setting_a_death_is_not_lost_but_listed(referred, settings, operator):
    row = referred(patient(issuer=""))
    heard = hear(said.message("ADT^A31", said.pid(is_dead="Y")))
    assert heard.outcome is Outcome.LISTED
    message = HospitalMessage.objects.get()
    assert message.reason == Remark.OTHER_ISSUER
    assert told.reported_dead([row]) == {}
    settings.VFX = SimpleNamespace(**{**settings.VFX.model_dump(), "issuer_of_patient_id": "HOSP"})
    hospital.apply_again(message.pk, operator, given.later(400))
    assert set(told.reported_dead([row])) == {row.pk}
