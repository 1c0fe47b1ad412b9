"""Named questions to the ledger: what pages and processes read. Nothing here writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Prefetch, Q, QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.flow import CASE_OWNER, CaseState, ReferralState
from vfx_finder.domain.operating_point import OperatingPoint, operating_point_of
from vfx_finder.domain.referral import Tier, days_left, due_date, sort_key
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import FILMS
from vfx_finder.ledger.documents import Document, analysis_of, level_of
from vfx_finder.ledger.hospital import age_now
from vfx_finder.ledger.identities import of_patient
from vfx_finder.ledger.models import (
    AnalysisRecord,
    AuditEvent,
    Case,
    Referral,
    ReferralNote,
    SignedReview,
    StoredInstance,
)
from vfx_finder.ledger.models.case import NOT_ANALYSED, NOT_ANALYSED_UNSEEN
from vfx_finder.ledger.models.referral import OPEN
from vfx_finder.ledger.priors import EarlierStudy, earlier_study
from vfx_finder.ledger.search import with_instance_count

WAITING_JOBS = ("todo", "doing")


def worklist() -> QuerySet[Case]:
    """Studies that await a radiologist, most severe first, then most deformed, then the one waiting longest."""
    waiting = Case.objects.filter(state=CaseState.AWAITING_REVIEW)
    return waiting.order_by("-max_grade", "-spinal_deformity_index", "finished_at", "pk")


def grades_found(case_ids: Iterable[int]) -> dict[int, dict[Level, int]]:
    """By study: the Genant grade of every level that the present analysis graded, 0 where nothing is broken."""
    records = AnalysisRecord.objects.filter(case_id__in=list(case_ids), generation=F("case__generation"))
    found = records.values_list("case_id", "document__findings")
    return {case_id: {_level(row): row["grade"] for row in rows if row["grade"] is not None} for case_id, rows in found}


def levels_in_doubt(case_ids: Iterable[int]) -> dict[int, dict[Level, str]]:
    """By study: every level of the present analysis that is not sure, and how it is told."""
    records = AnalysisRecord.objects.filter(case_id__in=list(case_ids), generation=F("case__generation"))
    found = records.values_list("case_id", "document__findings")
    told = {case_id: [level_of(row["vertebra"]["level"]) for row in rows] for case_id, rows in found}
    return {case_id: {one.level: one.words for one in levels if not one.is_sure} for case_id, levels in told.items()}


def _level(finding: Document) -> Level:
    return Level(finding["vertebra"]["level"]["level"])


def next_to_review(after: int) -> Case | None:
    """The study at the head of the worklist, other than this one."""
    return worklist().exclude(pk=after).first()


def signed_reviews(limit: int = 200) -> QuerySet[SignedReview]:
    """What has been signed, newest first, each with its study and where the patient went."""
    return SignedReview.objects.select_related("case", "signed_by").order_by("-signed_at", "-pk")[:limit]


def studies(limit: int = 1000) -> QuerySet[Case]:
    """Every study received, newest first; `instance_count` is how many instances are kept of each."""
    return Case.objects.annotate(instance_count=Count("instances")).order_by("-received_at", "-pk")[:limit]


def not_analysed() -> QuerySet[Case]:
    """Every study that was received and not analysed, with its reason and `instance_count`, newest first."""
    return with_instance_count(Case.objects.filter(NOT_ANALYSED)).order_by("-finished_at", "-pk")


def not_analysed_for(reason: str) -> QuerySet[Case]:
    """Those of one reason that nobody has seen to, newest first, with `instance_count`."""
    unseen = Case.objects.filter(NOT_ANALYSED_UNSEEN, reason=reason)
    return with_instance_count(unseen).order_by("-finished_at", "-pk")


@dataclass(frozen=True)
class WhyNot:
    """How many studies were not analysed for one reason, and in how many of them the images name different patients."""

    reason: str
    count: int
    mixed: int


def why_not_analysed() -> list[WhyNot]:
    """Every reason for which a study was not analysed and nobody has seen to it, in any order."""
    mixed = Count("pk", filter=Q(patient_conflict=True))
    unseen = Case.objects.filter(NOT_ANALYSED_UNSEEN)
    counted = unseen.order_by().values_list("reason").annotate(Count("pk"), mixed=mixed)
    return [WhyNot(*row) for row in counted]


def late_after_review() -> QuerySet[Case]:
    """Signed studies for which more instances arrived that nobody has seen to: a human decides what that means."""
    late = Case.objects.filter(instances_after_review__gt=F("late_seen"))
    return with_instance_count(late).order_by("-last_instance_at")


def counts_by_state() -> dict[CaseState, int]:
    """How many studies stand in each state, every state named."""
    counted = dict(Case.objects.values_list("state").annotate(Count("pk")))
    return {state: counted.get(state.value, 0) for state in CaseState}


@dataclass(frozen=True)
class StudyFile:
    """One study with everything that is known of it; `earlier` is what it is compared with, `age` the patient's on its
    day by what is known now."""

    case: Case
    owner: str
    record: AnalysisRecord | None
    analysis: Analysis | None
    review: SignedReview | None
    referrals: tuple[Referral, ...]
    instances: int
    events: tuple[AuditEvent, ...]
    age: int | None
    earlier: EarlierStudy | None = None


def study(case_id: int) -> StudyFile | None:
    """The file of one study, None where there is none; `analysis` is the one of the present generation."""
    case = Case.objects.select_related("review").filter(pk=case_id).first()
    if case is None:
        return None
    record = AnalysisRecord.objects.defer("reformat").filter(case=case, generation=case.generation).first()
    return StudyFile(
        case=case,
        owner=CASE_OWNER[CaseState(case.state)],
        record=record,
        analysis=analysis_of(record.document, record.picture_png) if record else None,
        review=getattr(case, "review", None),
        referrals=tuple(case.referrals.order_by("-opened_at")),
        instances=case.instances.count(),
        events=tuple(case.events.select_related("user").order_by("at", "pk")),
        age=age_now(case),
        earlier=earlier_study(case) if record else None,
    )


def picture(case_id: int) -> bytes | None:
    """The sagittal picture (PNG) of a study's present analysis, None where there is none."""
    found = AnalysisRecord.objects.filter(case_id=case_id, generation=F("case__generation"))
    png = found.values_list("picture_png", flat=True).first()
    return None if png is None else bytes(png)


@dataclass(frozen=True)
class Queued:
    """One referral in the nurse's queue; `days_left` counts to the 90-day assessment limit, negative once missed."""

    referral: Referral
    days_left: int


def nurse_queue(today: date) -> list[Queued]:
    """Open referrals in the order of `domain.referral.sort_key`."""
    queued = [_queued(referral, today) for referral in Referral.objects.filter(OPEN).select_related("case", "review")]
    return sorted(queued, key=_order)


def ended_referrals(limit: int = 200) -> QuerySet[Referral]:
    """Referrals that have ended, newest end first."""
    return Referral.objects.exclude(OPEN).select_related("case").order_by("-moved_at", "-pk")[:limit]


def _queued(referral: Referral, today: date) -> Queued:
    return Queued(referral, days_left(referral.diagnosed_on, today))


def _order(queued: Queued) -> tuple[object, ...]:
    referral = queued.referral
    key = sort_key(Tier(referral.tier), referral.spinal_deformity_index, queued.days_left, referral.age)
    return (*key, referral.pk)


@dataclass(frozen=True)
class ReferralFile:
    """One referral with everything that is known of it; `others` are the patient's other episodes, newest first."""

    referral: Referral
    days_left: int
    due: dict[ReferralState, date]
    study: StudyFile
    notes: tuple[ReferralNote, ...]
    events: tuple[AuditEvent, ...]
    others: tuple[Referral, ...]


def referral(referral_id: int, today: date) -> ReferralFile | None:
    """The file of one referral, None where there is none."""
    notes = Prefetch("notes", ReferralNote.objects.select_related("author"))
    found = Referral.objects.select_related("case", "review", "earlier").prefetch_related(notes)
    row = found.filter(pk=referral_id).first()
    if row is None:
        return None
    same = of_patient(row.PatientID, row.IssuerOfPatientID)
    of_study = study(row.case_id)
    assert of_study is not None  # a foreign key guarantees it
    limits = {state: due_date(state, row.diagnosed_on) for state in ReferralState}
    return ReferralFile(
        referral=row,
        days_left=days_left(row.diagnosed_on, today),
        due={state: limit for state, limit in limits.items() if limit},
        study=of_study,
        notes=tuple(row.notes.all()),
        events=tuple(row.events.select_related("user").order_by("at", "pk")),
        others=tuple(Referral.objects.filter(same).exclude(pk=row.pk).order_by("-opened_at")),
    )


def spool_paths(case_id: int) -> list[str]:
    """Where the instances of a study lie in the spool, series by series; those whose images were removed do not."""
    kept = StoredInstance.objects.filter(case_id=case_id, removed_at=None)
    return list(kept.order_by("SeriesInstanceUID", "pk").values_list("path", flat=True))


def known_paths(paths: Iterable[str]) -> frozenset[str]:
    """Which of these spool paths have a row that says what the file is, or is of a removal that is under way.

    A file that is there although it was removed has been sent again, and nobody has written its row.
    """
    under_way = Q(case__removals__begun_at=F("removed_at"), case__removals__finished_at__isnull=True)
    known = StoredInstance.objects.filter(Q(removed_at=None) | under_way, path__in=list(paths))
    return frozenset(known.values_list("path", flat=True))


def stranded() -> list[Case]:
    """Settled studies whose analysis nobody is going to do: no job for their generation waits or runs."""
    wanted = {(args["case_id"], args["generation"]) for args in _open_analyses().values_list("args", flat=True)}
    settled = Case.objects.filter(state=CaseState.SETTLED)
    return [case for case in settled if (case.pk, case.generation) not in wanted]


def is_asked_for(case: Case) -> bool:
    """Whether a job for this generation of the study waits or runs."""
    return _open_analyses().filter(args__case_id=case.pk, args__generation=case.generation).exists()


def _open_analyses() -> QuerySet[ProcrastinateJob]:
    return ProcrastinateJob.objects.filter(status__in=WAITING_JOBS, task_name="analyse")


def operating_point(*, on_films: bool = False) -> OperatingPoint | None:
    """The operating point of the newest analysis of a CT, or of a film, whatever is set now; None before the first."""
    films = Q(document__modality__in=sorted(FILMS))
    of_kind = AnalysisRecord.objects.filter(films if on_films else ~films)
    newest = of_kind.order_by("-created_at", "-pk").values_list("document__operating_point", "document__modality")
    found = list(newest[:1])
    return operating_point_of(*found[0]) if found else None


@dataclass(frozen=True)
class Health:
    """What an operator wants to know at a glance. Proven by traffic: when something was last received and analysed."""

    last_received_at: datetime | None
    last_analysed_at: datetime | None
    last_heartbeat_at: datetime | None
    waiting_jobs: int
    running_jobs: int
    failed_jobs: int


def health() -> Health:
    """The pulse of listener and worker."""
    jobs = dict(ProcrastinateJob.objects.values_list("status").annotate(Count("pk")))
    newest = ProcrastinateWorker.objects.order_by("-last_heartbeat").first()
    return Health(
        last_received_at=_latest(StoredInstance, "received_at"),
        last_analysed_at=_latest(AnalysisRecord, "created_at"),
        last_heartbeat_at=newest.last_heartbeat if newest else None,
        waiting_jobs=jobs.get("todo", 0),
        running_jobs=jobs.get("doing", 0),
        failed_jobs=jobs.get("failed", 0),
    )


def _latest(table: type[StoredInstance] | type[AnalysisRecord], column: str) -> datetime | None:
    return table.objects.order_by(f"-{column}").values_list(column, flat=True).first()
