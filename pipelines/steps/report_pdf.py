"""The report for people as PDF: whose, what was found, where, how it was measured, and who stands behind it."""

from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Image, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

from pipelines.steps.lettering import BOLD, NOT_DRAWN, REGULAR, drawable, is_drawable, name_of
from vfx_finder.dicom.headers import text
from vfx_finder.dicom.result import Result, software_versions
from vfx_finder.domain.guidance import INTENDED_USE, RESEARCH_ONLY
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import Level
from vfx_finder.domain.told import Standing, Told, headline, sums, what_lost_means
from vfx_finder.figures.density import shown_density

_FONT, _BOLD = "Vera", "VeraBd"
_BODY = ParagraphStyle("body", fontName=_FONT, fontSize=8.5, leading=11.5)
_HEAD = ParagraphStyle("head", parent=_BODY, fontName=_BOLD, fontSize=13, leading=17, spaceAfter=4)
_PART = ParagraphStyle("part", parent=_BODY, fontName=_BOLD, fontSize=10, leading=14, spaceBefore=8, spaceAfter=3)
_STRONG = ParagraphStyle("strong", parent=_BODY, fontName=_BOLD)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=7.5, leading=10)
_WIDTHS = [28 * mm, 13 * mm, 17 * mm, 15 * mm, 18 * mm, 14 * mm, 75 * mm]
_PICTURE = (180 * mm, 235 * mm)

Pixels = NDArray[np.uint8]


def report_pdf(result: Result, words: str, pictures: Sequence[Pixels]) -> bytes:
    """The PDF. `words` is the report text that goes with a signed review, empty before; `pictures` come last.

    The same result gives the same bytes.
    """
    buffer = BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, invariant=1, title="Vertebral fracture report", author="vfx_finder",
        leftMargin=14 * mm, rightMargin=14 * mm, topMargin=14 * mm, bottomMargin=14 * mm, lang="en-GB",
    )  # fmt: skip
    document.build([*_first_page(result, words), *_shown(pictures)])
    return buffer.getvalue()


def _first_page(result: Result, words: str) -> list[Flowable]:
    for name, path in ((_FONT, REGULAR), (_BOLD, BOLD)):
        pdfmetrics.registerFont(TTFont(name, str(path)))
    status = f"{result.status_words}, {result.at:%d %b %Y %H:%M}. {RESEARCH_ONLY}"
    story: list[Flowable] = [
        _said("Vertebral fracture report", _HEAD),
        _said(status, _STRONG),
        Spacer(1, 3 * mm),
        _whose(result),
        _said("Result", _PART),
        _said(headline(result.analysis, result.vertebrae), _STRONG),
        *(_said(line) for line in _about(result)),
    ]
    if words:
        story += [_said("Report text", _PART), *(_said(line) for line in words.splitlines())]
    if not is_drawable(f"{status}{words}"):
        story.append(_said(NOT_DRAWN, _SMALL))
    return [
        *story,
        _said("Vertebra by vertebra", _PART),
        _table(result.vertebrae),
        _said(f"Heights in mm. {what_lost_means(result.analysis)}", _SMALL),
        *_density(result),
        _said("How it was made", _PART),
        _said(f"{', '.join(software_versions(result.analysis))}. {_series(result)} {INTENDED_USE}", _SMALL),
    ]  # fmt: skip


def _said(words: str, style: ParagraphStyle = _BODY) -> Paragraph:
    return Paragraph(escape(drawable(words)), style)


def _whose(result: Result) -> Table:
    head = result.source.head
    pairs = [
        ("Patient", name_of(text(head, "PatientName"))),
        ("ID", text(head, "PatientID")),
        ("Born, sex", f"{text(head, 'PatientBirthDate')}, {text(head, 'PatientSex')}"),
        ("Study", f"{text(head, 'StudyDate')}, {text(head, 'StudyDescription')}"),
        ("Accession", text(head, "AccessionNumber")),
    ]
    rows = [[_said(name, _SMALL), _said(value or "not stated")] for name, value in pairs]
    if not all(is_drawable(value) for _, value in pairs):
        rows.append([_said("", _SMALL), _said(NOT_DRAWN, _SMALL)])
    return Table(rows, [28 * mm, 152 * mm], style=[("TOPPADDING", (0, 0), (-1, -1), 0),
                                                   ("BOTTOMPADDING", (0, 0), (-1, -1), 1)])  # fmt: skip


def _about(result: Result) -> list[str]:
    """The patient's numbers, and what is doubtful about the levels while nobody has signed them."""
    total = sums(result.vertebrae)
    counted = f"Highest Genant grade {total.max_grade}, spinal deformity index {total.spinal_deformity_index}."
    if total.max_grade is None:
        counted = "Without a grade: none was given."
    if result.review:
        return [counted]
    return [counted, *numbering_remarks([one.vertebra for one in result.analysis.findings])]


def _table(vertebrae: Sequence[Told]) -> Table:
    head = ("Level", "Grade", "Anterior", "Middle", "Posterior", "Loss", "")
    rows = [[_said(cell, _SMALL) for cell in head], *(_row(one) for one in vertebrae)]
    shaded = [("BACKGROUND", (0, n), (-1, n), colors.HexColor("#fff0d0"))
              for n, one in enumerate(vertebrae, start=1) if one.standing.is_fracture]  # fmt: skip
    ruled = [("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP"),
             ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5)]  # fmt: skip
    return Table(rows, _WIDTHS, style=[*ruled, *shaded], repeatRows=1)


def _row(one: Told) -> list[Paragraph]:
    heights = one.heights
    numbers = [f"{h:.1f}" for h in (heights.anterior, heights.middle, heights.posterior)] if heights else ["-"] * 3
    loss = "-" if one.lost is None else f"{100 * one.lost:.0f} %"
    grade = "-" if one.grade is None or one.standing is Standing.REJECTED else str(one.grade)
    judged = "" if one.standing is Standing.NO_FRACTURE else one.sentence
    note = "; ".join(part for part in (judged, *one.remarks) if part)
    style = _STRONG if one.standing.is_fracture else _BODY
    return [_said(one.name, style), _said(grade, style), *(_said(n) for n in numbers), _said(loss), _said(note)]


def _density(result: Result) -> list[Flowable]:
    pairs = list(zip(result.analysis.findings, result.vertebrae, strict=True))
    fractured: list[Level] = [found.vertebra.level.level for found, one in pairs if one.standing.is_fracture]
    renamed = {found.vertebra.level.level: one.level for found, one in pairs}
    shown = shown_density(result.analysis.bone_density, fractured, renamed)
    if shown is None:
        return []
    said = [f"{shown.number}. {shown.doubt}".strip(), *shown.published, shown.contrast, shown.caution]
    return [_said("Trabecular bone density in this CT", _PART), *(_said(line, _SMALL) for line in said)]


def _series(result: Result) -> str:
    chosen = [one for one in result.analysis.series if one.SeriesInstanceUID == result.source.SeriesInstanceUID]
    if not chosen:
        return ""
    return f"Analysed: series “{chosen[0].SeriesDescription}”, {chosen[0].instances} images."


def _shown(pictures: Sequence[Pixels]) -> list[Flowable]:
    pages: list[Flowable] = []
    for picture in pictures:
        buffer = BytesIO()
        Pictures.fromarray(picture).save(buffer, "PNG")
        buffer.seek(0)
        shrink = min(_PICTURE[0] / picture.shape[1], _PICTURE[1] / picture.shape[0])
        pages += [PageBreak(), Image(buffer, picture.shape[1] * shrink, picture.shape[0] * shrink)]
    return pages
