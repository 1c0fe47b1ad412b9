"""An analysis as a table for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.steps.label import UNCERTAIN
from vfx_finder.domain import genant
from vfx_finder.domain.certainty import MOST_CERTAIN, percent, stated
from vfx_finder.domain.finding import Analysis, Finding, millimetres
from vfx_finder.domain.guidance import cement_words
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import Heights

_COLUMNS = ("level", "sure", "mm a / m / p", "min/max", "severity", "grade", "shape", "P(2+)")
_LEFT = frozenset({"level", "shape"})
_GRADE_STYLE = {1: "yellow", 2: "bold red", 3: "bold red"}


def rendered(name: str, analysis: Analysis) -> RenderableType:
    """Title, one row a vertebra, the patient's summary, and why anything was not analysed."""
    parts: list[RenderableType] = [Text(" ".join(part for part in (name, _series_line(analysis)) if part), "bold")]
    if analysis.findings:
        parts.extend(_table(analysis))
    parts.append(_conclusion(analysis))
    parts.extend(_not_used(analysis))
    return Group(*parts)


def _table(analysis: Analysis) -> list[RenderableType]:
    """The table, and below it the remarks: on the numbering, those that hold for every vertebra, those of one."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in _COLUMNS:
        justify: JustifyMethod = "left" if column in _LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    for finding in analysis.findings:
        table.add_row(*_row(finding), style=_GRADE_STYLE.get(finding.grade or 0))
    numbering = numbering_remarks([found.vertebra for found in analysis.findings])
    return [table, *(Text(line, style="dim") for line in (*numbering, *_remark_lines(analysis.findings)))]


def _remark_lines(findings: Sequence[Finding]) -> list[str]:
    """What holds for every vertebra, once; then each vertebra that has remarks of its own."""
    told = [_remarks(finding) for finding in findings]
    everywhere = set.intersection(*map(set, told)) if len(told) > 1 else set()
    shared = [f"All: {', '.join(sorted(everywhere))}"] if everywhere else []
    for finding, remarks in zip(findings, told, strict=True):
        own = [remark for remark in remarks if remark not in everywhere]
        shared += [f"{finding.vertebra.level.level}: {', '.join(own)}"] if own else []
    return shared


def _row(finding: Finding) -> tuple[str, ...]:
    level, heights = finding.vertebra.level, finding.vertebra.heights
    probability = finding.probability_grade2plus
    return (
        level.level.value if level.is_sure else f"{level.level}?",
        percent(level.confidence),
        _millimetres(millimetres(finding.vertebra)),
        f"{heights.min_max:.2f}" if heights else "",
        _severity(finding),
        "" if finding.grade is None else str(finding.grade),
        finding.deformity.value if finding.deformity else "",
        "" if probability is None else f"{stated(probability):.2f}",
    )


def _remarks(finding: Finding) -> tuple[str, ...]:
    """Flags and reason, each once; how sure the level is has a column of its own."""
    why = (finding.unsuitable.reason.value,) if finding.unsuitable else ()
    flags = (flag for flag in finding.vertebra.flags if flag != UNCERTAIN)
    return tuple(dict.fromkeys((*flags, *why)))


def _millimetres(heights: Heights | None) -> str:
    return f"{heights.anterior:.1f} {heights.middle:.1f} {heights.posterior:.1f}" if heights else ""


def _severity(finding: Finding) -> str:
    """What the grade is read from: own and expected loss on one scale (docs/grading.md)."""
    severity = genant.severity_of(finding)
    return "" if severity is None else f"{severity:.1%}"


def _series_line(analysis: Analysis) -> str:
    chosen = [v for v in analysis.series if v.unsuitable is None]
    described = ", ".join(f"{v.SeriesDescription or 'series'} ({v.instances} images)" for v in chosen)
    return " ".join(part for part in (analysis.modality, described) if part)


def _conclusion(analysis: Analysis) -> Text:
    if analysis.unsuitable:
        return Text(f"Not analysed: {analysis.unsuitable.reason.value}. {analysis.unsuitable.detail}", style="yellow")
    patient = analysis.patient
    if patient is None:
        return Text("")
    flagged = ", ".join(found.vertebra.level.level for found in analysis.flagged) or "nothing"
    if analysis.is_film:
        look = ", ".join(map(_with_loss, analysis.flagged)) or "nothing"
        return Text(
            f"Radiograph (X-ray), research: measured on the projection, not graded. Please look at: {look}. Does "
            f"not exclude fracture. {analysis.seconds.get('total', 0.0):.1f} s. A radiologist decides."
        )
    cement = cement_words([found.vertebra.level.words for found in analysis.findings if found.has_cement])
    return Text(
        f"Highest grade {patient.max_grade}, {patient.fracture_count} of grade 1 or more, spinal deformity index "
        f"{patient.spinal_deformity_index}, probability of a grade 2 or 3: "
        f"{stated(patient.probability_grade2plus):.2f} "
        f"(at most {MOST_CERTAIN}: nothing measured supports more). "
        f"{cement}{' ' if cement else ''}For a radiologist: {flagged}. {analysis.operating_point.words} "
        f"{analysis.seconds.get('total', 0.0):.1f} s. Research software: a radiologist decides."
    )


def _with_loss(finding: Finding) -> str:
    """A level on a film with what was measured there in place of a grade."""
    level, severity = finding.vertebra.level.level, genant.severity_of(finding)
    return level if severity is None else f"{level} (measured loss {severity:.0%})"


def _not_used(analysis: Analysis) -> list[Text]:
    return [
        Text(
            f"Not used: {verdict.SeriesDescription or 'files'} ({verdict.instances}): {verdict.unsuitable.detail}",
            style="dim",
        )
        for verdict in analysis.series
        if verdict.unsuitable and verdict.unsuitable != analysis.unsuitable
    ]
