"""What arrives is kept once, settles once, and is never lost."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.support import dicom
from tests.support import intake as given
from tests.support.reviews import confirmed
from tests.support.spines import analysis as spine
from vfx_finder.actions import analysis, intake
from vfx_finder.actions.intake import Receipt
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, Unreadable, WrongState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Patient, Reason
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import AuditEvent, Case, StoredInstance
from vfx_finder.spool import Spool

pytestmark = pytest.mark.django_db


def receive(instance, seconds: float = 0) -> Receipt:
    return intake.receive(instance, given.LISTENER, given.later(seconds), given.SETTLE)


def verbs() -> list[str]:
    return list(AuditEvent.objects.values_list("verb", flat=True))


def jobs() -> list[dict[str, int]]:
    return list(ProcrastinateJob.objects.order_by("pk").values_list("args", flat=True))


def test_first_instance_opens_the_case_as_sent() -> None:
    assert receive(given.instance()) is Receipt.NEW
    case = Case.objects.get()
    assert (case.state, case.PatientID, case.PatientAge) == (CaseState.RECEIVING, "P1", "071Y")
    assert case.settle_due_at == given.later(60)
    assert verbs() == ["received"]


def test_the_same_instance_again_is_success_and_changes_nothing() -> None:
    receive(given.instance())
    assert receive(given.instance(), 30) is Receipt.DUPLICATE
    assert StoredInstance.objects.count() == 1
    assert Case.objects.get().settle_due_at == given.later(60)
    assert verbs() == ["received"]


def test_other_bytes_under_a_known_uid_are_noted_and_the_first_stay() -> None:
    receive(given.instance())
    assert receive(given.instance(sha256="f" * 64), 5) is Receipt.DUPLICATE
    assert StoredInstance.objects.get().sha256 == given.instance().sha256
    assert verbs()[-1] == "duplicate-with-other-bytes"


def test_a_quiet_study_settles_with_its_job_and_only_once() -> None:
    receive(given.instance(1))
    receive(given.instance(2), 30)
    assert intake.settle_due(given.later(89)) == 0
    assert jobs() == []
    assert intake.settle_due(given.later(90)) == 1
    assert intake.settle_due(given.later(500)) == 0
    case = Case.objects.get()
    assert case.state == CaseState.SETTLED
    assert jobs() == [{"case_id": case.pk, "generation": 1}]


def test_a_late_instance_reopens_and_the_answer_of_older_bytes_is_refused() -> None:
    receive(given.instance(1))
    intake.settle_due(given.later(60))
    case = Case.objects.get()
    receive(given.instance(2), 70)
    with pytest.raises(WrongState):
        analysis.record(case.pk, 1, spine(), given.later(80))
    intake.settle_due(given.later(130))
    with pytest.raises(WrongState):
        analysis.record(case.pk, 1, spine(), given.later(140))
    assert analysis.record(case.pk, 2, spine(), given.later(150)) is CaseState.ANALYSED_CLEAR
    assert [job["generation"] for job in jobs()] == [1, 2]


def test_a_late_instance_reopens_an_analysed_study_and_empties_its_result(analysed) -> None:
    pk = analysed({Level.L1: 2})
    assert receive(given.instance(2), 200) is Receipt.NEW
    case = Case.objects.get(pk=pk)
    assert (case.state, case.max_grade, case.generation) == (CaseState.RECEIVING, None, 2)
    assert queries.study(pk).analysis is None
    assert case.analyses.count() == 1, "what was said before is kept"


def test_an_instance_after_the_signature_is_kept_and_listed(analysed, sign) -> None:
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    assert receive(given.instance(2), 300) is Receipt.AFTER_REVIEW
    assert Case.objects.get(pk=pk).state == CaseState.REVIEWED
    assert StoredInstance.objects.count() == 2
    assert [case.pk for case in queries.late_after_review()] == [pk]


def test_two_patients_in_one_study_are_never_analysed() -> None:
    """Hazard: a fracture under another patient's name."""
    receive(given.instance(1))
    receive(given.instance(2, who=given.patient("P2")), 1)
    intake.settle_due(given.later(100))
    case = Case.objects.get()
    assert (case.state, case.reason) == (CaseState.UNSUITABLE, Reason.PATIENT_CONFLICT)
    assert jobs() == []
    assert list(queries.not_analysed()) == [case]


def test_a_patient_without_an_id_is_received_all_the_same() -> None:
    assert receive(given.instance(who=Patient(""))) is Receipt.NEW


def test_headers_beyond_their_length_and_nul_are_no_reason_to_lose_an_instance() -> None:
    receive(given.instance(who=Patient("P\x001", PatientName="N" * 9000)))
    assert Case.objects.get().PatientID == "P1"


@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.NURSE, Role.OPERATOR])
def test_people_do_not_receive(role: Role) -> None:
    with pytest.raises(NotAllowed):
        intake.receive(given.instance(), Actor(role, "somebody", 1), given.NOW, given.SETTLE)
    assert not Case.objects.exists()


def test_a_malformed_uid_is_refused_before_any_row() -> None:
    with pytest.raises(Unreadable):
        receive(replace(given.instance(), StudyInstanceUID="1.02"))
    assert not Case.objects.exists()


def test_a_settled_study_that_lost_its_job_is_found_and_asked_for_again() -> None:
    receive(given.instance())
    intake.settle_due(given.later(60))
    assert intake.revive_stranded(given.later(70)) == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    assert intake.revive_stranded(given.later(80)) == 1
    assert len(jobs()) == 2


def test_a_study_that_has_its_job_by_now_is_not_said_to_be_revived(monkeypatch: pytest.MonkeyPatch) -> None:
    """It settled, or another process asked, between the look at the jobs and the look at the studies."""
    receive(given.instance())
    intake.settle_due(given.later(60))
    monkeypatch.setattr(intake.queries, "stranded", lambda: list(Case.objects.all()))
    assert intake.revive_stranded(given.later(70)) == 0
    assert len(jobs()) == 1
    assert not AuditEvent.objects.filter(verb="revived").exists()


def test_a_file_whose_listener_died_before_the_row_is_swept_up(tmp_path) -> None:
    spool = Spool(tmp_path / "spool")
    slice_one = dicom.ct_series()[0]
    spool.keep(Uid(str(slice_one.SOPInstanceUID)), dicom.encoded(slice_one))
    spool.keep(Uid("1.2.3"), b"no DICOM")
    later = given.NOW + timedelta(days=3650)
    assert intake.sweep_orphans(spool, later, given.NOW, given.SETTLE) == 1
    assert intake.sweep_orphans(spool, later, given.NOW, given.SETTLE) == 0
    assert StoredInstance.objects.count() == 1
