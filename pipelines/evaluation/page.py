"""The evaluation as one HTML file that needs nothing beside it: tables, charts, and pictures of the worst images."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.evaluation.charts import charts
from pipelines.evaluation.page_parts import (
    FILMS_FILE,
    PAGE_FILE,
    Case,
    Outline,
    Part,
    embedded,
    label_heights,
    rendered,
)
from pipelines.evaluation.report import Evaluation
from pipelines.evaluation.rows import POSITIVE_GRADE, BodyRow, StrayRow, StudyRow, is_flagged, study_row
from pipelines.evaluation.run import Results
from pipelines.evaluation.tables import NONE, Table, counted, excluded_table, number, sections
from pipelines.evaluation.worst import MOST, in_words, worst_first, wrongs
from vfx_finder.domain.certainty import stated
from vfx_finder.domain.operating_point import (
    BALANCED,
    COUNTED_BY_GRADE,
    OPERATING_POINTS,
    SHOWN_WHATEVER_IT_RESEMBLES,
    OperatingPoint,
)

PICTURE_EM = 11
GUTTER = 160
"""Size of the letters beside a picture and the width of their column, in pixels of the picture."""

HEADER = ("true level", "said", "true min/max", "measured", "true grade", "given", "P(2+)", "remarks")


def write_page(told: Evaluation, results: Results, folder: Path, beside_films: bool = False) -> Path:
    """Write the page into this folder, with a link to that of the films where there is one; where it lies."""
    file = folder / PAGE_FILE
    file.write_text(page(told, results, beside_films), encoding="utf-8")
    return file


def page(told: Evaluation, results: Results, beside_films: bool = False) -> str:
    """The whole page as HTML."""
    studies = [study_row(record) for record in results.images]
    bad = worst_first(studies)
    drawn = {"synthetic": told.synthetic, "real": told.real}
    parts = [Part(section, charts(scores) if (scores := drawn.get(section.name)) else ()) for section in sections(told)]
    content = {
        "parts": parts,
        "made": told.made.words if told.made else "",
        "synthetic": told.synthetic is not None,
        "real": told.real is not None or told.masks is not None,
        "points": [f"{point.name} from {point.threshold:.0%}" for point in OPERATING_POINTS.values()],
        "whatever_it_resembles": _whatever_it_resembles(tuple(OPERATING_POINTS.values())),
        "most_worst": MOST,
        "worst": [_case(studies[at], at, results.pictures.get(at)) for at in bad],
        "images": _images_table(studies),
        "excluded": excluded_table(told) if told.excluded else None,
        "films_page": FILMS_FILE if beside_films else "",
    }
    return rendered("evaluation.html", content)


def _whatever_it_resembles(points: Sequence[OperatingPoint]) -> str:
    """Where a measured fracture is flagged although its shape, or likeness to a mimic, made its probability small."""
    by_grade = " and ".join(f'"{point.name}"' for point in points if not point.mimics_count_fully)
    others = " and ".join(f'"{point.name}"' for point in points if point.mimics_count_fully)
    return (
        f"At {by_grade} a vertebra that measures grade {COUNTED_BY_GRADE} or more is flagged whatever its probability. "
        f"At {others} the probability decides, which its shape gives: one that measures grade {COUNTED_BY_GRADE} and "
        f"looks like a mimic may stay off the worklist, one of grade {SHOWN_WHATEVER_IT_RESEMBLES} never does."
    )


def _case(study: StudyRow, at: int, picture: Path | None) -> Case:
    record = study.record
    width, height = record.picture or (0, 0)
    return Case(
        anchor=f"case-{at}",
        name=record.name,
        facts=_facts(study),
        wrong=in_words(wrongs(study)),
        picture=embedded(picture),
        width=width,
        height=height,
        view_box=f"0 0 {width + GUTTER} {height}",
        em=PICTURE_EM,
        outlines=_outlines(study),
        header=HEADER,
        bodies=(*(_body(row) for row in study.bodies), *(_stray(row) for row in study.strays)),
    )


def _facts(study: StudyRow) -> str:
    about = study.about
    facts = (
        "synthetic" if study.record.truth.synthetic else "real",
        about.view,
        about.contents,
        f"{about.slice_mm:g} mm" if about.slice_mm else "",
        f"{about.kernel} kernel" if about.kernel else "",
        f"{about.sex} {about.age}" if about.sex and about.age else "",
        study.record.not_analysed or "",
    )
    return ", ".join(fact for fact in facts if fact)


def _outlines(study: StudyRow) -> tuple[Outline, ...]:
    width = study.record.picture[0] if study.record.picture else 0
    told = [(row.said, _kind(row), _words(row)) for row in study.bodies if row.said]
    told += [(row.said, _stray_kind(row, study), f"{row.said.level}?") for row in study.strays]
    drawn = [(said.outline, kind, words) for said, kind, words in told if said.outline]
    heights = label_heights([outline for outline, _, _ in drawn], PICTURE_EM)
    return tuple(
        Outline(" ".join(f"{x:g},{y:g}" for x, y in outline), kind, width + 6, height, words)
        for (outline, kind, words), height in zip(drawn, heights, strict=True)
    )


def _kind(row: BodyRow) -> str:
    fractured, flagged = (row.true.grade or 0) >= POSITIVE_GRADE, is_flagged(row.said, BALANCED)
    if row.true.grade is not None and fractured != flagged:
        return "missed" if fractured else "false"
    return "named" if row.levels_off else "right"


def _stray_kind(row: StrayRow, study: StudyRow) -> str:
    bad = row.in_span or (study.record.truth.synthetic and is_flagged(row.said, BALANCED))
    return "false" if bad else "beyond"


def _words(row: BodyRow) -> str:
    if row.said is None:
        return ""
    name = f"{row.said.level}" if not row.levels_off else f"{row.said.level} (true {row.true.level})"
    if row.true.grade is None or (row.true.grade == 0 and not row.said.grade):
        return name
    given = f"{name} {_grade(row.said.grade)}"
    return given if row.said.grade == row.true.grade else f"{given} (true {row.true.grade})"


def _grade(grade: int | None) -> str:
    return "g?" if grade is None else f"g{grade}"


def _stated(probability: float | None) -> str:
    """A probability of grade 2 or 3 as the product states it; a dash where there is none."""
    return number(None if probability is None else stated(probability), ".2f")


def _body(row: BodyRow) -> tuple[str, ...]:
    said = row.said
    remarks = (row.true.fracture, row.true.mimic, "cut" if row.true.cut else "", row.why_not_graded, *_flags(row))
    return (
        row.true.level.value,
        said.level.value if said else "missed",
        number(row.true.ratio, ".2f"),
        number(said.ratio if said else None, ".2f"),
        number(row.true.grade, "d"),
        number(said.grade if said else None, "d"),
        _stated(said.probability if said else None),
        ", ".join(dict.fromkeys(remark for remark in remarks if remark)),
    )


def _flags(row: BodyRow) -> tuple[str, ...]:
    return row.said.flags if row.said else ()


def _stray(row: StrayRow) -> tuple[str, ...]:
    said = row.said
    where = "no true body here" if row.in_span else "beyond the span of the truth"
    measured = (number(said.ratio, ".2f"), NONE, number(said.grade, "d"), _stated(said.probability))
    return (NONE, said.level.value, NONE, *measured, ", ".join((where, *said.flags)))


def _images_table(studies: Sequence[StudyRow]) -> Table:
    header = ("image", "what", "bodies found", "seconds", "what went wrong")
    rows = tuple(
        (
            study.record.name,
            _facts(study),
            f"{sum(row.said is not None for row in study.bodies)} of {len(study.bodies)}",
            f"{study.record.seconds:.1f}",
            ", ".join(in_words(wrongs(study))) or "nothing",
        )
        for study in studies
    )
    return Table(f"All {counted(len(studies), 'image')}", "", header, rows)
