"""What is kept of one evaluated case: the truth and what was said, raw, so that every number can be made again."""

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pipelines.evaluation.cases import Case
from pipelines.evaluation.truth import Acquisition, Heights3, TrueBody, Truth, read_truth, truth_of_mask
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.spine import Level, Point, Point3

Analyser = Callable[[Sequence[Path]], Analysis]

KILO = 1024


@dataclass(frozen=True)
class Said:
    """One finding, as far as an evaluation asks. `outline` is in pixels (column, row) of the picture."""

    level: Level
    centre_mm: Point3
    heights_mm: Heights3 | None
    grade: int | None
    probability: float | None
    why_not: str | None
    flags: tuple[str, ...] = ()
    outline: tuple[Point, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Lowest over highest height."""
        return min(self.heights_mm) / max(self.heights_mm) if self.heights_mm else None


@dataclass(frozen=True)
class ImageRecord:
    """One analysed image. `peak_mb` is the highest memory of the process so far (getrusage), so the largest of an
    evaluation counts, and a single case only where it raised it. `picture` (width, height) is None where there is none.
    """

    name: str
    truth: Truth
    said: tuple[Said, ...]
    not_analysed: str | None
    patient_probability: float | None
    seconds: float
    peak_mb: float
    picture: tuple[int, int] | None = None


def image_record(case: Case, analyse: Analyser) -> tuple[ImageRecord, bytes | None]:
    """Analyse the image of a case; the record and its picture (PNG). Raises `Unreadable` for a truth that is none."""
    if case.ct is None:
        raise ValueError("This case has no image.")
    truth = _truth(case, case.ct)
    started = perf_counter()
    analysis = analyse([case.ct])
    seconds = perf_counter() - started
    picture = analysis.picture
    record = ImageRecord(
        name=case.subject,
        truth=truth,
        said=tuple(_said(finding) for finding in analysis.findings),
        not_analysed=None if analysis.unsuitable is None else analysis.unsuitable.reason.value,
        patient_probability=analysis.patient.probability_grade2plus if analysis.patient else None,
        seconds=round(seconds, 3),
        peak_mb=round(_peak_mb(), 1),
        picture=(picture.width, picture.height) if picture else None,
    )
    return record, picture.png if picture else None


def to_document(record: ImageRecord) -> dict[str, Any]:
    """The record as plain JSON values."""
    return asdict(record)


def from_document(told: Mapping[str, Any]) -> ImageRecord:
    """The record such a document tells of. Raises KeyError, TypeError or ValueError for one of another layout."""
    return ImageRecord(
        name=told["name"],
        truth=_truth_from(told["truth"]),
        said=tuple(_said_from(row) for row in told["said"]),
        not_analysed=told["not_analysed"],
        patient_probability=told["patient_probability"],
        seconds=told["seconds"],
        peak_mb=told["peak_mb"],
        picture=tuple(told["picture"]) if told["picture"] else None,
    )


def _truth(case: Case, ct: Path) -> Truth:
    if case.truth:
        return read_truth(case.truth)
    if case.mask is None:
        raise Unreadable(f"{case.subject} has neither a mask nor a truth file.")
    return truth_of_mask(case.mask, ct, case.grades)


def _said(finding: Finding) -> Said:
    vertebra = finding.vertebra
    heights, drawing = vertebra.heights, vertebra.drawing
    x, y, z = (float(value) for value in vertebra.centre_mm)
    return Said(
        level=vertebra.level.level,
        centre_mm=(x, y, z),
        heights_mm=(float(heights.anterior), float(heights.middle), float(heights.posterior)) if heights else None,
        grade=finding.grade,
        probability=None if finding.probability_grade2plus is None else float(finding.probability_grade2plus),
        why_not=finding.unsuitable.reason.value if finding.unsuitable else None,
        flags=vertebra.flags,
        outline=tuple((round(float(x), 1), round(float(y), 1)) for x, y in drawing.outline) if drawing else (),
    )


def _peak_mb() -> float:
    """Linux counts in kibibytes, macOS in bytes (getrusage(2))."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / KILO / (KILO if sys.platform == "darwin" else 1)


def _truth_from(told: Mapping[str, Any]) -> Truth:
    about = dict(told["about"])
    anchors = about.pop("anchors")
    bodies = tuple(_body_from(row) for row in told["bodies"])
    acquisition = Acquisition(**about, anchors=None if anchors is None else tuple(anchors))
    return Truth(acquisition, bodies, told["synthetic"], told["image_sha256"])


def _body_from(told: Mapping[str, Any]) -> TrueBody:
    row = dict(told)
    level, centre, heights = Level(row.pop("level")), tuple(row.pop("centre_mm")), row.pop("heights_mm")
    return TrueBody(level, centre, tuple(heights) if heights else None, **row)


def _said_from(told: Mapping[str, Any]) -> Said:
    row = dict(told)
    level, centre, heights = Level(row.pop("level")), tuple(row.pop("centre_mm")), row.pop("heights_mm")
    outline = tuple((x, y) for x, y in row.pop("outline"))
    flags = tuple(row.pop("flags"))
    return Said(level, centre, tuple(heights) if heights else None, **row, flags=flags, outline=outline)
