"""Which destinations lack the result of a study: those that were added, or switched on, after it went out."""

from django.db.models import QuerySet

from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.delivery import Protocol, kinds_sent
from vfx_finder.domain.flow import CaseState
from vfx_finder.ledger.models import AnalysisRecord, Case, Delivery, Destination, SignedReview


def destinations(case: Case) -> list[Destination]:
    """In use, entitled to the present result of this study, and never asked to get it; by name.

    None that takes objects where the images are gone that these refer to. A signed result is for every destination;
    before the signature only for those that want preliminary ones.
    """
    return [one for one in _entitled(case) if case.images_removed_at is None or not _takes_objects(one)]


def _entitled(case: Case) -> list[Destination]:
    signed = SignedReview.objects.filter(case=case).first()
    if signed is not None:
        return list(_without(signed.analysis_id, Stage.FINAL))
    record = AnalysisRecord.objects.filter(case=case, generation=case.generation).only("pk").first()
    if record is None or case.state not in (CaseState.AWAITING_REVIEW, CaseState.ANALYSED_CLEAR):
        return []
    wanting = _without(record.pk, Stage.PRELIMINARY).filter(before_sign_off=True)
    return [one for one in wanting if gets_preliminary(one, flagged=case.state == CaseState.AWAITING_REVIEW)]


def gets_preliminary(destination: Destination, *, flagged: bool) -> bool:
    """Whether there is anything in an unsigned result that goes to this destination."""
    if not _takes_objects(destination):
        return flagged
    wanted = frozenset(Kind(kind) for kind in destination.kinds)
    return bool(kinds_sent(wanted, Stage.PRELIMINARY, flagged=flagged))


def _takes_objects(destination: Destination) -> bool:
    return Protocol(destination.protocol).carries_objects


def _without(analysis_id: int, stage: Stage) -> QuerySet[Destination]:
    asked = Delivery.objects.filter(analysis_id=analysis_id, stage=stage).values("destination_id")
    return Destination.objects.filter(enabled=True).exclude(pk__in=asked).order_by("name")
