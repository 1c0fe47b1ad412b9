"""What came of a study after it was read, one by one: new series, late images, other bytes for known ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from vfx_finder.domain.late import LateKind
from vfx_finder.ledger.models import OtherContent, StoredInstance


@dataclass(frozen=True)
class LateImage:
    """One image that came late, or again with other content (the first was kept): from whom, and when."""

    SeriesInstanceUID: str
    SeriesDescription: str
    SOPInstanceUID: str
    kind: LateKind
    calling: str
    at: datetime

    @property
    def together(self) -> tuple[str, str, str]:
        """What is told as one: of one series, kind and sender."""
        return self.SeriesInstanceUID, self.kind.value, self.calling


@dataclass(frozen=True)
class LateSeries:
    """Late images of one series, kind and sender, in the order of their arrival."""

    images: Sequence[LateImage]

    @property
    def first(self) -> LateImage:
        """The one that came first; all are of the same series, kind and sender."""
        return self.images[0]

    @property
    def last_at(self) -> datetime:
        """When the last one came."""
        return self.images[-1].at


def late_series(case_id: int) -> list[LateSeries]:
    """Everything that came of a study after it was signed, and other bytes for its images whenever they came."""
    every = sorted([*_late(case_id), *_changed(case_id)], key=lambda one: (*one.together, one.at, one.SOPInstanceUID))
    found = [LateSeries(tuple(images)) for _, images in groupby(every, key=lambda one: one.together)]
    return sorted(found, key=lambda one: (one.first.at, one.first.together))


def _late(case_id: int) -> Iterable[LateImage]:
    rows = StoredInstance.objects.filter(case_id=case_id, late=True)
    of_series = StoredInstance.objects.filter(case_id=case_id, late=False).order_by()
    known = set(of_series.values_list("SeriesInstanceUID", flat=True).distinct()) if rows.exists() else set()
    for row in rows:
        kind = LateKind.LATE if row.SeriesInstanceUID in known else LateKind.NEW_SERIES
        yield _image(row, kind, row.calling, row.received_at)


def _changed(case_id: int) -> Iterable[LateImage]:
    for row in OtherContent.objects.filter(case_id=case_id).select_related("instance"):
        yield _image(row.instance, LateKind.CHANGED, row.calling, row.last_at)


def _image(row: StoredInstance, kind: LateKind, calling: str, at: datetime) -> LateImage:
    return LateImage(row.SeriesInstanceUID, row.SeriesDescription, row.SOPInstanceUID, kind, calling, at)
