"""An analysis as a table for the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.spine import Heights

_COLUMNS = ("level", "sure", "anterior", "middle", "posterior", "min/max", "loss", "grade", "deformity", "P(2+)",
            "remarks")  # fmt: skip
_GRADE_STYLE = {0: "green", 1: "yellow", 2: "bold red", 3: "bold red"}


def rendered(name: str, analysis: Analysis) -> RenderableType:
    """Title, one row a vertebra, the patient's summary, and why anything was not analysed."""
    parts: list[RenderableType] = [Text(f"{name}  {_series_line(analysis)}", style="bold")]
    if analysis.findings:
        parts.append(_table(analysis))
    parts.append(_conclusion(analysis))
    parts.extend(_not_used(analysis))
    return Group(*parts)


def _table(analysis: Analysis) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in {"level", "deformity", "remarks"} else "right")
    for finding in analysis.findings:
        table.add_row(*_row(finding), style=_GRADE_STYLE.get(finding.grade, "dim") if finding.grade else None)
    return table


def _row(finding: Finding) -> tuple[str, ...]:
    level = finding.vertebra.level
    heights = finding.vertebra.heights
    remarks = [*finding.vertebra.flags, *([finding.unsuitable.reason.value] if finding.unsuitable else [])]
    return (
        level.level.value,
        f"{level.confidence:.0%}",
        *_millimetres(heights),
        f"{heights.min_max:.2f}" if heights else "",
        f"{finding.loss.own:.0%}" if finding.loss else "",
        "" if finding.grade is None else str(finding.grade),
        finding.deformity.value if finding.deformity else "",
        "" if finding.probability_grade2plus is None else f"{finding.probability_grade2plus:.2f}",
        ", ".join(dict.fromkeys(remarks)),
    )


def _millimetres(heights: Heights | None) -> tuple[str, str, str]:
    if heights is None:
        return "", "", ""
    return f"{heights.anterior:.1f}", f"{heights.middle:.1f}", f"{heights.posterior:.1f}"


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
    return Text(
        f"Highest grade {patient.max_grade}, {patient.fracture_count} of grade 1 or more, spinal deformity index "
        f"{patient.spinal_deformity_index}, probability of a grade 2 or 3: {patient.probability_grade2plus:.2f}. "
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
