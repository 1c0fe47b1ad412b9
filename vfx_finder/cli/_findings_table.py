"""An analysis as a table for the terminal."""

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.steps.label import UNCERTAIN
from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import Heights

_COLUMNS = ("level", "sure", "mm a / m / p", "min/max", "loss", "grade", "shape", "P(2+)", "remarks")
_LEFT = frozenset({"level", "shape", "remarks"})
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
    """The table, and below it, once, the remarks that hold for every vertebra, and those on the numbering."""
    everywhere = set.intersection(*(set(_remarks(finding)) for finding in analysis.findings))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in _COLUMNS:
        justify: JustifyMethod = "left" if column in _LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=column != "remarks", overflow="fold")
    for finding in analysis.findings:
        table.add_row(*_row(finding, everywhere), style=_GRADE_STYLE.get(finding.grade or 0))
    below = [Text(f"All: {', '.join(sorted(everywhere))}", style="dim")] if everywhere else []
    numbering = [Text(one, style="dim") for one in numbering_remarks([found.vertebra for found in analysis.findings])]
    return [table, *below, *numbering]


def _row(finding: Finding, everywhere: set[str]) -> tuple[str, ...]:
    level, heights = finding.vertebra.level, finding.vertebra.heights
    probability = finding.probability_grade2plus
    return (
        level.level.value if level.is_sure else f"{level.level}?",
        f"{level.confidence:.0%}",
        _millimetres(heights),
        f"{heights.min_max:.2f}" if heights else "",
        f"{finding.loss.own:.0%}" if finding.loss else "",
        "" if finding.grade is None else str(finding.grade),
        finding.deformity.value if finding.deformity else "",
        "" if probability is None else f"{probability:.2f}",
        ", ".join(remark for remark in _remarks(finding) if remark not in everywhere),
    )


def _remarks(finding: Finding) -> tuple[str, ...]:
    """Flags and reason, each once; how sure the level is has a column of its own."""
    why = (finding.unsuitable.reason.value,) if finding.unsuitable else ()
    flags = (flag for flag in finding.vertebra.flags if flag != UNCERTAIN)
    return tuple(dict.fromkeys((*flags, *why)))


def _millimetres(heights: Heights | None) -> str:
    return f"{heights.anterior:.1f} {heights.middle:.1f} {heights.posterior:.1f}" if heights else ""


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
    return Text(
        f"Highest grade {patient.max_grade}, {patient.fracture_count} of grade 1 or more, spinal deformity index "
        f"{patient.spinal_deformity_index}, probability of a grade 2 or 3: {patient.probability_grade2plus:.2f}. "
        f"For a radiologist at operating point {analysis.operating_point.name}: {flagged}. "
        f"{analysis.seconds.get('total', 0.0):.1f} s. Research software: a radiologist decides."
    )


def _not_used(analysis: Analysis) -> list[Text]:
    return [
        Text(
            f"Not used: {verdict.SeriesDescription or 'files'} ({verdict.instances}): {verdict.unsuitable.detail}",
            style="dim",
        )
        for verdict in analysis.series
        if verdict.unsuitable and verdict.unsuitable != analysis.unsuitable
    ]
