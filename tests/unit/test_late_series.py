"""The series of a study with what came too late: nothing is left out, nothing is counted twice."""

from datetime import UTC, datetime

from vfx_finder.domain.late import LateKind
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def test_late_images_stand_by_their_series_and_new_series_at_the_end() -> None:
    from vfx_finder.ledger.late import LateImage, LateSeries
    from vfx_finder.web.operations.late import SHOWN, LateRow, SeriesRow, series_rows

    def came(series: str, kind: LateKind, count: int) -> LateSeries:
        return LateSeries([LateImage(series, f"series {series}", f"1.{n}", kind, "PACS", NOW) for n in range(count)])

    verdicts = (
        SeriesVerdict("1", "THORAX", 300, None),
        SeriesVerdict("2", "SCOUT", 2, Unsuitable(Reason.LOCALIZER, "a scout")),
    )
    late = [
        came("2", LateKind.LATE, 3),
        came("9", LateKind.NEW_SERIES, 4),
        came("9", LateKind.NEW_SERIES, 5),
        came("1", LateKind.CHANGED, 7),
    ]
    thorax, scout, new = series_rows(verdicts, late)
    assert thorax == SeriesRow("THORAX", 300, 0), "what was offered again is no further image"
    assert (scout.images, scout.late, scout.verdict) == (2, 3, "localizer")
    assert (new.description, new.images, new.late, new.verdict) == ("series 9", 0, 9, "came after signing")
    assert series_rows((), []) == []
    many = LateRow(came("9", LateKind.LATE, SHOWN + 2))
    assert (len(many.named), many.more) == (SHOWN, 2)
