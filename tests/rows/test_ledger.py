"""What the database itself refuses, and that facts come out of the rows as they went in."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction

from pipelines.analysis_json import from_document, to_document
from tests.support import intake as given
from tests.support import spines
from tests.support.reviews import confirmed
from vfx_finder.actions import analysis, intake, operations
from vfx_finder.actions.analysis import Failure
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.finding import FILM_SUSPECTED
from vfx_finder.domain.flow import CASE_TRANSITIONS, REFERRAL_TRANSITIONS, CaseState
from vfx_finder.domain.operating_point import BALANCED, ON_FILMS, Measured, OperatingPoint
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable
from vfx_finder.ledger import queries
from vfx_finder.ledger.documents import analysis_document, analysis_of
from vfx_finder.ledger.models import AnalysisRecord, AuditEvent, Case, Referral, SignedReview

pytestmark = pytest.mark.django_db


def refused(change: object) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change()  # type: ignore[operator]


def test_the_audit_trail_and_the_signed_cannot_be_changed_or_deleted(analysed, sign) -> None:
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    for table in (AuditEvent, SignedReview, AnalysisRecord):
        first = table.objects.order_by("pk").first()
        refused(lambda row=first: row.save())
        refused(lambda table=table, row=first: table.objects.filter(pk=row.pk)._raw_delete("default"))


@pytest.mark.parametrize(
    "who",
    [{"process": "", "name": "x"}, {"process": "worker", "user_id": 1, "name": "x"}, {"process": "w", "name": ""}],
)
def test_an_audit_row_names_a_person_or_a_process(who, radiologist: Actor) -> None:
    if "user_id" in who:
        who["user_id"] = radiologist.user_id
    refused(lambda: AuditEvent.objects.create(at=given.NOW, role="system", verb="did", **who))


def test_an_actor_is_never_nobody() -> None:
    with pytest.raises(ValueError, match="name"):
        Actor.process(" ")
    with pytest.raises(ValueError, match="user"):
        Actor(Role.NURSE, "anne")
    with pytest.raises(ValueError, match="user"):
        Actor(Role.SYSTEM, "worker", 3)


def test_a_patient_has_at_most_one_open_referral(analysed, sign) -> None:
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    second = SignedReview.objects.get()
    row = Referral.objects.get()

    columns = [field.column for field in Referral._meta.concrete_fields if field.column not in ("id", "review_id")]
    named = ", ".join(f'"{name}"' for name in columns)
    copy = f"INSERT INTO ledger_referral (review_id, {named}) SELECT %s, {named} FROM ledger_referral WHERE id = %s"
    with pytest.raises(IntegrityError, match="one_open_referral_per_patient"), transaction.atomic():
        connection.cursor().execute(copy, [second.pk + 1, row.pk])


def test_a_study_that_is_not_analysed_always_has_a_reason(analysed) -> None:
    pk = analysed({})
    refused(lambda: Case.objects.filter(pk=pk).update(state=CaseState.FAILED))
    refused(lambda: Case.objects.filter(pk=pk).update(state="somewhere"))


def test_every_state_of_the_tables_fits_the_database() -> None:
    for table, column, states in ((Case, "state", CASE_TRANSITIONS), (Referral, "state", REFERRAL_TRANSITIONS)):
        longest = table._meta.get_field(column).max_length
        assert max(map(len, states)) <= longest
    assert max(map(len, Reason)) <= Case._meta.get_field("reason").max_length


def test_an_analysis_reads_back_as_it_was_written(analysed) -> None:
    pk = analysed({Level.L1: 2, Level.T8: 1})
    file = queries.study(pk)
    assert file is not None
    assert file.analysis == spines.analysis({Level.L1: 2, Level.T8: 1})
    assert queries.picture(pk) == file.analysis.picture.png


def test_reasons_and_series_read_back_too() -> None:
    verdict = SeriesVerdict("1.2", "scout", 2, Unsuitable(Reason.LOCALIZER, "2 images"))
    one = spines.analysis({Level.L1: 2})
    written = replace(one, series=(verdict,), picture=None, findings=(replace(one.findings[0], loss=None),))
    assert analysis_of(analysis_document(written), None) == written


def settled() -> Case:
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    return Case.objects.get()


def test_an_unsuitable_study_stands_on_the_list_with_its_reason() -> None:
    case = settled()
    answer = spines.not_analysed(Reason.NO_SPINE, "no vertebra in 120 slices")
    assert analysis.record(case.pk, 1, answer, given.later(70)) is CaseState.UNSUITABLE
    (listed,) = queries.not_analysed()
    assert (listed.reason, listed.detail) == (Reason.NO_SPINE, "no vertebra in 120 slices")


def test_the_operating_point_decides_what_is_flagged_and_stands_in_the_record(operator: Actor) -> None:
    """A grade 1 of 22 % goes to nobody at "balanced"; a site that screens from 20 % has a radiologist look at it."""
    mild = spines.analysis({Level.L1: 1})
    careful = OperatingPoint("screening", 0.2, measured=Measured(0.2, 0.99, 0.9, 400, "a set"))
    case = settled()
    assert analysis.record(case.pk, 1, mild, given.later(70)) is CaseState.ANALYSED_CLEAR
    assert queries.operating_point() == BALANCED
    operations.retry(case.pk, operator, given.later(75))
    answer = analysis.record(case.pk, 2, replace(mild, operating_point=careful), given.later(80))
    assert answer is CaseState.AWAITING_REVIEW
    assert queries.operating_point() == careful
    event = AuditEvent.objects.filter(verb="analysed").latest("pk")
    assert event.detail["operating_point"] == "screening"


def test_what_decides_on_films_is_told_apart_from_what_decides_on_ct() -> None:
    """A radiograph's result must never carry what the model for CT was measured at."""
    case = settled()
    film = spines.film({Level.T12: (FILM_SUSPECTED,)})
    worth = Measured(ON_FILMS.threshold, 0.6, 0.9, 400, "synthetic films")
    assert queries.operating_point(on_films=True) is None
    on_films = ON_FILMS.with_measured(worth)
    analysis.record(case.pk, 1, replace(film, operating_point=on_films), given.later(70))
    assert queries.operating_point() is None
    told = queries.operating_point(on_films=True)
    assert told == on_films
    assert "sensitivity 60.0%, specificity 90.0% per study (400 synthetic films" in told.words


def test_a_film_analysed_before_films_had_their_own_point_shows_no_figure_of_the_ct_model() -> None:
    worth = Measured(BALANCED.threshold, 0.957, 0.785, 458, "synthetic scans")
    film = replace(spines.film({Level.T12: (FILM_SUSPECTED,)}), operating_point=BALANCED.with_measured(worth))
    case = settled()
    analysis.record(case.pk, 1, film, given.later(70))
    assert queries.operating_point(on_films=True) == ON_FILMS
    assert analysis_of(analysis_document(film), b"").operating_point == ON_FILMS
    assert from_document(to_document(film)).operating_point == ON_FILMS


def test_a_record_from_before_there_was_a_choice_reads_as_balanced() -> None:
    document = analysis_document(spines.analysis())
    del document["operating_point"]
    assert analysis_of(document, b"").operating_point == OperatingPoint("balanced", 0.25)


def test_a_study_is_recorded_once() -> None:
    case = settled()
    analysis.record(case.pk, 1, spines.analysis({Level.L1: 2}), given.later(70))
    with pytest.raises(WrongState):
        analysis.record(case.pk, 1, spines.analysis({Level.L1: 3}), given.later(71))
    with pytest.raises(WrongState):
        analysis.fail(case.pk, 1, Failure.BROKEN, "late", given.later(72))
    assert AnalysisRecord.objects.count() == 1
    assert Case.objects.get().max_grade == 2


def test_a_failed_study_is_listed_and_can_be_retried(operator: Actor, nurse: Actor) -> None:
    case = settled()
    analysis.fail(case.pk, 1, Failure.BROKEN, "KeyError", given.later(70))
    assert [listed.detail for listed in queries.not_analysed()] == ["KeyError"]
    with pytest.raises(NotAllowed):
        operations.retry(case.pk, nurse, given.later(80))
    retried = operations.retry(case.pk, operator, given.later(80))
    assert (retried.state, retried.generation, retried.reason) == (CaseState.SETTLED, 2, "")
    assert analysis.record(case.pk, 2, spines.analysis(), given.later(90)) is CaseState.ANALYSED_CLEAR
    assert not queries.not_analysed().exists()


def test_what_is_signed_or_still_arriving_cannot_be_retried(analysed, sign, operator: Actor) -> None:
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    intake.receive(given.instance(1, 2), given.LISTENER, given.NOW, given.SETTLE)
    arriving = Case.objects.get(state=CaseState.RECEIVING)
    for case_id in (pk, arriving.pk):
        with pytest.raises(WrongState):
            operations.retry(case_id, operator, given.later(200))


def test_health_is_proven_by_traffic(analysed) -> None:
    analysed({})
    health = queries.health()
    assert (health.last_received_at, health.last_analysed_at) == (given.NOW, given.later(90))
    assert health.waiting_jobs == 1
