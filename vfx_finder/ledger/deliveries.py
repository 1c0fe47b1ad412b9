"""What pages, metrics and the sending worker ask about destinations and deliveries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Prefetch, Q, QuerySet

from vfx_finder.domain.delivered import Stage
from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.review import Review
from vfx_finder.ledger.documents import analysis_of, decisions_of
from vfx_finder.ledger.hospital import age_now
from vfx_finder.ledger.models import DeliveredObject, Delivery, Destination, StoredInstance

ON_THE_WAY = (DeliveryState.WAITING.value, DeliveryState.SENT.value)


def destinations() -> QuerySet[Destination]:
    """Every destination by name, with `waiting`, `sent`, `dead`, `ever` (how many deliveries) and `last_proven_at`."""
    return Destination.objects.annotate(
        ever=Count("deliveries"),
        waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING)),
        sent=Count("deliveries", filter=Q(deliveries__state=DeliveryState.SENT)),
        dead=Count("deliveries", filter=Q(deliveries__state=DeliveryState.DEAD)),
        last_proven_at=Max("deliveries__moved_at", filter=Q(deliveries__state=DeliveryState.PROVEN)),
    ).order_by("name")


def destination(destination_id: int) -> Destination | None:
    """One destination, None where there is none."""
    return destinations().filter(pk=destination_id).first()


def dead_letters(limit: int = 200) -> QuerySet[Delivery]:
    """What was given up, newest first, each with its study, destination and objects (`delivered`)."""
    return _with_all().filter(state=DeliveryState.DEAD).order_by("-moved_at", "-pk")[:limit]


def of_study(case_id: int) -> QuerySet[Delivery]:
    """Every delivery of one study, newest first, with what the peer answered for each object (`delivered`)."""
    return _with_all().filter(case_id=case_id).order_by("-created_at", "-pk")


def recent(destination_id: int, limit: int = 50) -> QuerySet[Delivery]:
    """The last traffic of one destination, newest first."""
    return _with_all().filter(destination_id=destination_id).order_by("-moved_at", "-pk")[:limit]


def counts_by_state() -> dict[DeliveryState, int]:
    """How many deliveries stand in each state, every state named."""
    counted = dict(Delivery.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state.value, 0) for state in DeliveryState}


@dataclass(frozen=True)
class Traffic:
    """What one destination has before it: results waiting, stored but not proven, and given up.

    `oldest_at` is when the oldest of those on the way was asked for, `waiting_since` the same of those waiting.
    `not_taken`: of those waiting, how many were tried in vain.
    """

    destination: Destination
    waiting: int = 0
    sent: int = 0
    dead: int = 0
    oldest_at: datetime | None = None
    waiting_since: datetime | None = None
    not_taken: int = 0

    @property
    def on_the_way(self) -> int:
        """Results that have not arrived and were not given up; while the destination is switched off they are held."""
        return self.waiting + self.sent

    @property
    def said_no(self) -> bool:
        """Whether its last answer, or the lack of one, was no success."""
        tried, ok = self.destination.last_tried_at, self.destination.last_ok_at
        return tried is not None and (ok is None or ok < tried)

    @property
    def no_since(self) -> datetime | None:
        """Since when it has taken nothing that it should have; None where nothing waits for it that it did not take.

        That it answers a try, or keeps what it took before, takes nothing.
        """
        if self.waiting_since is None or not (self.said_no or self.not_taken):
            return None
        last_took = self.destination.last_took_at
        return self.destination.away_since or max(self.waiting_since, last_took or self.waiting_since)


def traffic() -> list[Traffic]:
    """Every destination by name with what it has before it; two questions."""
    open_ones = Delivery.objects.filter(state__in=(*ON_THE_WAY, DeliveryState.DEAD.value)).order_by()
    counted = open_ones.values("destination_id", "state").annotate(
        n=Count("pk"), oldest=Min("created_at"), not_taken=Count("pk", filter=Q(attempts__gt=0) & ~Q(answer=""))
    )
    by_place = {(row["destination_id"], row["state"]): (row["n"], row["oldest"], row["not_taken"]) for row in counted}
    return [_traffic(one, by_place) for one in Destination.objects.order_by("name")]


def _traffic(here: Destination, by_place: Mapping[tuple[int, str], tuple[int, datetime, int]]) -> Traffic:
    waiting, waiting_since, not_taken = by_place.get((here.pk, DeliveryState.WAITING.value), (0, None, 0))
    sent, sent_since, _ = by_place.get((here.pk, DeliveryState.SENT.value), (0, None, 0))
    dead, _, _ = by_place.get((here.pk, DeliveryState.DEAD.value), (0, None, 0))
    oldest = min((at for at in (waiting_since, sent_since) if at), default=None)
    return Traffic(here, waiting, sent, dead, oldest, waiting_since, not_taken)


def destinations_due(now: datetime) -> list[int]:
    """Ids of the destinations for which something is due."""
    due = Delivery.objects.filter(state__in=ON_THE_WAY, next_at__lte=now, destination__enabled=True)
    return sorted(due.order_by().values_list("destination_id", flat=True).distinct())


def tries_wanted() -> list[Destination]:
    """Destinations that an operator wants to be tried."""
    return list(Destination.objects.filter(try_wanted_at__isnull=False))


@dataclass(frozen=True)
class Content:
    """What the objects of a delivery are made of: where the study's files lie in the spool, and what is said of it.

    `analysed_at` is when; `supersedes`: this destination has got a preliminary result of the same analysis. `age` is
    the patient's on the day of the study by what is known now.
    """

    paths: tuple[str, ...]
    analysis: Analysis
    review: Review | None
    analysed_at: datetime
    supersedes: bool = False
    age: int | None = None


def content(delivery: Delivery) -> Content:
    """The study, the analysis and the signed review, if it is signed, that this delivery tells of."""
    kept = StoredInstance.objects.filter(case_id=delivery.case_id, removed_at=None)
    record, signed = delivery.analysis, delivery.review
    return Content(
        paths=tuple(kept.order_by("SeriesInstanceUID", "pk").values_list("path", flat=True)),
        analysis=analysis_of(record.document, record.picture_png, record.reformat),
        review=Review(decisions_of(signed.document), signed.signed_name, signed.signed_at) if signed else None,
        analysed_at=record.created_at,
        supersedes=_got_preliminary(delivery),
        age=age_now(delivery.case),
    )


def stored_already(delivery: Delivery) -> frozenset[str]:
    """SOPInstanceUIDs that the peer took at an earlier try, since a person last had it sent again."""
    stored = DeliveredObject.objects.filter(delivery=delivery, stored_at__isnull=False, set_aside_at=None)
    return frozenset(stored.values_list("SOPInstanceUID", flat=True))


def to_commit(delivery: Delivery) -> list[tuple[str, str]]:
    """SOP Class and Instance UID of everything stored whose storage commitment has not come yet."""
    lacking: Iterable[tuple[str, str]] = DeliveredObject.objects.filter(
        delivery=delivery, committed_at=None, stored_at__isnull=False, set_aside_at=None
    ).values_list("SOPClassUID", "SOPInstanceUID")
    return list(lacking)


def is_outdated(delivery: Delivery) -> bool:
    """A preliminary result of older images, or of a study that has been signed since: it is not sent any more."""
    if delivery.stage != Stage.PRELIMINARY:
        return False
    return bool(delivery.analysis.generation != delivery.case.generation) or hasattr(delivery.case, "review")


def _got_preliminary(delivery: Delivery) -> bool:
    """Whether anything unsigned of the same analysis lies there, so that what is signed takes its place."""
    if delivery.review_id is None:
        return False
    before = Q(delivery__destination_id=delivery.destination_id, delivery__analysis_id=delivery.analysis_id)
    return DeliveredObject.objects.filter(before, delivery__review=None, stored_at__isnull=False).exists()


def _with_all() -> QuerySet[Delivery]:
    objects = Prefetch("delivered", DeliveredObject.objects.order_by("pk"))
    rows = Delivery.objects.select_related("case__review", "destination", "review", "analysis")
    return rows.defer(*_HEAVY).prefetch_related(objects)


_HEAVY = ("analysis__document", "analysis__picture_png", "analysis__reformat", "case__review__document")
