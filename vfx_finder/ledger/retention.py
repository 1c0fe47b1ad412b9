"""Which images may go, what keeps the others, and what was removed. Nothing here writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from procrastinate.contrib.django.models import ProcrastinateJob

from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.identity import PatientRef
from vfx_finder.domain.retention import Rule, Stays
from vfx_finder.domain.retrieval import OPEN
from vfx_finder.ledger.identities import numbers_of_each, plain
from vfx_finder.ledger.models import (
    Case,
    CommitmentRequest,
    DeliveredObject,
    Delivery,
    ImagesRemoval,
    OtherContent,
    StoredInstance,
    SweptStudy,
)
from vfx_finder.ledger.models.case import WITH_IMAGES
from vfx_finder.ledger.queries import WAITING_JOBS

PORTION = 200
"""Studies that are asked about at once."""
PRESENT = Q(removed_at__isnull=True)
NOT_READ = (CaseState.RECEIVING.value, CaseState.SETTLED.value, CaseState.AWAITING_REVIEW.value)
UNDELIVERED = (DeliveryState.WAITING.value, DeliveryState.SENT.value, DeliveryState.DEAD.value)


def old_enough(rule: Rule, now: datetime, after: tuple[datetime, int] | None = None) -> QuerySet[Case]:
    """Studies with images whose last one is older than the rule, oldest first; `after` this one where it is given."""
    old = Case.objects.filter(WITH_IMAGES, last_instance_at__lt=rule.before(now))
    with_images = old.filter(Exists(StoredInstance.objects.filter(PRESENT, case=OuterRef("pk"))))
    if after is not None:
        at, pk = after
        with_images = with_images.filter(Q(last_instance_at__gt=at) | Q(last_instance_at=at, pk__gt=pk))
    return with_images.order_by("last_instance_at", "pk")


def what_keeps(cases: Iterable[Case], rule: Rule) -> dict[int, Stays]:
    """Of these studies those whose images must stay, and why; about eight questions for however many studies."""
    asked = list(cases)
    pks = [case.pk for case in asked]
    found: dict[int, Stays] = {}
    # The weightiest last, since a later one takes the place of an earlier.
    if not rule.also_committed:
        found |= dict.fromkeys(_promised(pks), Stays.COMMITTED)
    found |= dict.fromkeys(_of_patients_being_read(asked), Stays.BEING_READ)
    found |= dict.fromkeys(_asked_for(pks), Stays.ASKED_FOR)
    undelivered = Delivery.objects.filter(case_id__in=pks, state__in=UNDELIVERED)
    found |= dict.fromkeys(undelivered.order_by().values_list("case_id", flat=True), Stays.DELIVERY)
    jobs = ProcrastinateJob.objects.filter(status__in=WAITING_JOBS, task_name="analyse", args__case_id__in=pks)
    found |= dict.fromkeys((args["case_id"] for args in jobs.values_list("args", flat=True)), Stays.JOB)
    other = OtherContent.objects.filter(case_id__in=pks, seen_at=None).values_list("case_id", flat=True)
    found |= dict.fromkeys(other, Stays.OTHER_CONTENT)
    return found | {case.pk: why for case in asked if (why := _unfinished(case)) is not None}


def _unfinished(case: Case) -> Stays | None:
    if case.state in NOT_READ:
        return Stays.NOT_FINISHED
    if case.state in (CaseState.UNSUITABLE, CaseState.FAILED) and case.reason_seen_at is None:
        return Stays.NOT_SEEN
    return Stays.LATE_IMAGES if case.instances_after_review > case.late_seen else None


def _asked_for(pks: list[int]) -> Iterable[int]:
    open_ones = SweptStudy.objects.filter(state__in=OPEN, StudyInstanceUID=OuterRef("StudyInstanceUID"))
    return Case.objects.filter(Exists(open_ones), pk__in=pks).values_list("pk", flat=True)


def _promised(pks: list[int]) -> Iterable[int]:
    kept = StoredInstance.objects.filter(PRESENT, case_id__in=pks).filter(promised())
    return kept.order_by().values_list("case_id", flat=True).distinct()


def promised() -> Q:
    """Instances that a peer was told are kept here, or asks for at this moment."""
    asked_now = CommitmentRequest.objects.filter(next_at__isnull=False).values_list("asked", flat=True)
    return Q(promised_at__isnull=False) | Q(SOPInstanceUID__in={uid for asked in asked_now for _, uid in asked})


def _of_patients_being_read(cases: list[Case]) -> list[int]:
    """Those whose patient has another study that is not read yet."""
    not_read = Case.objects.filter(state__in=NOT_READ).exclude(PatientID="")
    identities = not_read.order_by().values_list("PatientID", "IssuerOfPatientID").distinct()
    waiting = {plain(PatientRef(*one)) for one in identities}
    refs = {case.pk: PatientRef(case.PatientID, case.IssuerOfPatientID) for case in cases if case.PatientID.strip()}
    numbers = numbers_of_each(set(refs.values())) if waiting else {}
    return [pk for pk, ref in refs.items() if not waiting.isdisjoint({plain(one) for one in numbers.get(ref, ())})]


@dataclass(frozen=True)
class Images:
    """Of one study: how many images are here, and how many were removed, when last, and after how many days."""

    present: int
    removed: int
    removed_at: datetime | None = None
    kept_days: int = 0


def images_of(case_id: int) -> Images:
    """What is here of a study's images and what is not."""
    every = StoredInstance.objects.filter(case_id=case_id)
    counted = every.aggregate(present=Count("pk", filter=PRESENT), removed=Count("pk", filter=~PRESENT))
    last = ImagesRemoval.objects.filter(case_id=case_id).first() if counted["removed"] else None
    if last is None:
        return Images(counted["present"], counted["removed"])
    return Images(counted["present"], counted["removed"], last.begun_at, last.kept_days)


def lacking(case: Case) -> int:
    """How many images of a study were removed and have not been sent again; our own results are none of them."""
    ours = DeliveredObject.objects.filter(delivery__case=case, SOPInstanceUID=OuterRef("SOPInstanceUID"))
    return StoredInstance.objects.filter(~PRESENT, case=case).exclude(Exists(ours)).count()


def unfinished() -> list[ImagesRemoval]:
    """Removals whose process died before the last file was gone, oldest first."""
    return list(ImagesRemoval.objects.filter(finished_at__isnull=True).order_by("begun_at", "pk"))


@dataclass(frozen=True)
class Removed:
    """What was removed since the beginning: studies, images and bytes."""

    studies: int
    images: int
    bytes: int


def removed_so_far() -> Removed:
    """Of every removal that has come to its end."""
    ended = ImagesRemoval.objects.filter(finished_at__isnull=False).order_by()
    summed = ended.aggregate(studies=Count("case", distinct=True), images=Sum("images"), bytes=Sum("bytes"))
    return Removed(summed["studies"], summed["images"] or 0, summed["bytes"] or 0)


def too_young(rule: Rule, now: datetime) -> int:
    """How many studies with images have not been kept for long enough."""
    return Case.objects.filter(WITH_IMAGES, last_instance_at__gte=rule.before(now)).count()
