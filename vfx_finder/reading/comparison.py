"""The draft beside an earlier study: it follows every grade and level that the reader changes."""

from vfx_finder.domain.seen import NO_VERTEBRA, SeenVertebra
from vfx_finder.figures.since import ShownComparison, since
from vfx_finder.ledger.queries import StudyFile
from vfx_finder.reading.draft import Draft, Row


def compared(file: StudyFile, draft: Draft) -> ShownComparison | None:
    """The draft's vertebrae since the earlier study, row by row; None where there is no earlier study."""
    is_signed = file.review is not None
    return since(file, [_seen(row, is_signed) for row in draft.rows])


def _seen(row: Row, is_signed: bool) -> SeenVertebra:
    vertebra = row.finding.vertebra
    is_one = NO_VERTEBRA not in vertebra.flags
    return SeenVertebra(
        level=row.level,
        heights=vertebra.heights if is_one else None,
        grade=row.grade if is_one else None,
        is_rejected=row.is_rejected,
        reason=row.reason,
        level_sure=is_signed or row.level is not vertebra.level.level or vertebra.level.is_sure,
    )
