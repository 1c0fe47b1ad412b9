"""The key images: the sagittal picture with levels, outlines, heights and grades drawn in, and who stands behind it.

Drawn from an analysis alone, on light letters over black, as viewers show it. Words carry every meaning that a colour
does.
"""

from collections.abc import Sequence
from io import BytesIO
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.steps.lettering import NOT_DRAWN, drawable, is_drawable, letters, wrapped
from vfx_finder.dicom.result import Result
from vfx_finder.domain.finding import SagittalPicture, millimetres
from vfx_finder.domain.guidance import RESEARCH_ONLY
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import Point
from vfx_finder.domain.told import Standing, Told, fractures, headline, what_lost_means
from vfx_finder.figures.sagittal import Callout, DrawnMark, Figure, Mark, figure

PICTURE_HEIGHT = 1008
TABLE_WIDTH = 860
MARGIN = 24
LEFT_EM, RIGHT_EM = 3.4, 11.0
"""Room for the words beside the picture, in letters: what `figures.sagittal` counts on."""

LINE, SMALL = 24, 15
WHITE, GREY, BLUE, AMBER, RED = (240, 240, 240), (160, 160, 160), (90, 180, 255), (255, 176, 0), (255, 96, 96)
COLUMNS = (0, 170, 236, 294, 352, 410, 478)
"""Where the columns of the table begin."""

CLOSE_UPS = 6
CLOSE_UP_MM, CLOSE_UP_PX = 64.0, 400

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]


def key_images(result: Result) -> list[Pixels]:
    """8-bit colour pictures [row, column, 3]: the whole spine with its table, then the fractures close up, if any.

    Empty where the analysis has no picture.
    """
    picture = result.analysis.picture
    if picture is None:
        return []
    grey = Image.open(BytesIO(picture.png)).convert("L")
    pages = [_overview(result, picture, grey)]
    found = fractures(result.vertebrae)
    if any(one.drawing for one in found):
        pages.append(_close_ups(result, picture, grey))
    return [np.asarray(page, np.uint8) for page in pages]


def colour_of(standing: Standing) -> Colour:
    """Amber for what nobody has confirmed, red for what was signed, blue for the others."""
    return {Standing.SUSPECTED: AMBER, Standing.CONFIRMED: RED, Standing.UNDECIDED: AMBER}.get(standing, BLUE)


def _overview(result: Result, picture: SagittalPicture, grey: Image.Image) -> Image.Image:
    scale = PICTURE_HEIGHT / picture.height
    drawn = _figure(result.vertebrae, picture)
    em = drawn.em * scale
    left = MARGIN + LEFT_EM * em
    table_at = left + picture.width * scale + RIGHT_EM * em + MARGIN
    head = _head(result, int(table_at) + TABLE_WIDTH - 2 * MARGIN)
    top = MARGIN + LINE * (len(head) + 1)
    rows = _table(result)
    needed = max(PICTURE_HEIGHT + 2 * LINE, LINE * (len(rows) + 3))
    page = Image.new("RGB", (int(table_at) + TABLE_WIDTH, top + needed + MARGIN), "black")
    draw = ImageDraw.Draw(page)
    for number, (words, is_bold) in enumerate(head):
        draw.text((MARGIN, MARGIN + number * LINE), words, WHITE, letters(18, bold=is_bold))
    shown = grey.resize((round(picture.width * scale), PICTURE_HEIGHT), Image.Resampling.LANCZOS)
    page.paste(shown.convert("RGB"), (round(left), top))
    pen = _Pen(draw, (round(left), top), scale)
    for mark in drawn.marks:
        _draw_mark(pen, mark, result.vertebrae[mark.index], em)
    if all(millimetres(one.vertebra) == one.vertebra.heights for one in result.analysis.findings):
        _draw_scale(pen, picture)
    _draw_table(draw, rows, (int(table_at), top))
    return page


class _Pen:
    """Draws in the picture's pixels on a page that shows the picture `scale` times larger at `corner`."""

    def __init__(self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], scale: float) -> None:
        self.draw, self._corner, self._scale = draw, corner, scale

    def at(self, point: Point) -> Point:
        """Page pixels of the centre of a picture pixel (column, row)."""
        x, y = self._corner
        return x + (point[0] + 0.5) * self._scale, y + (point[1] + 0.5) * self._scale

    def line(self, points: Sequence[Point], colour: Colour, width: int = 2) -> None:
        """A line through these points."""
        self.draw.line([self.at(point) for point in points], colour, width, joint="curve")

    def dashed(self, points: Sequence[Point], colour: Colour, width: int = 2) -> None:
        """A broken line through these points: for what nobody has confirmed."""
        path = np.array([self.at(point) for point in points])
        lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        for start in np.arange(0, lengths[-1], 14.0):
            along = np.linspace(start, min(start + 9.0, lengths[-1]), 4)
            piece = np.stack([np.interp(along, lengths, path[:, axis]) for axis in (0, 1)], -1)
            self.draw.line([(float(x), float(y)) for x, y in piece], colour, width)


_NAMED = (Standing.SUSPECTED, Standing.CONFIRMED, Standing.REJECTED)
_CALLED_OUT = 1
"""Any grade that makes the layout leave room for words: a film's suspicion has none of its own."""


def _figure(vertebrae: Sequence[Told], picture: SagittalPicture) -> Figure:
    marks = [
        Mark(
            index=index,
            level=one.short,
            grade=(one.grade or _CALLED_OUT) if one.standing in _NAMED else 0,
            drawing=one.drawing,
            heights=one.heights,
            rejected=one.standing is Standing.REJECTED,
        )
        for index, one in enumerate(vertebrae)
    ]
    return figure(picture.width, picture.height, marks)


def _draw_mark(pen: _Pen, mark: DrawnMark, one: Told, em: float) -> None:
    assert one.drawing is not None
    colour = colour_of(one.standing)
    _outline(pen, one, colour)
    font = letters(max(round(em), 10), bold=one.standing.is_fracture)
    pen.draw.text(pen.at((mark.label_x, mark.label_y)), mark.level, colour, font, anchor="rs")
    for line in mark.heights:
        pen.line([(line.x1, line.y1), (line.x2, line.y2)], WHITE)
    if mark.callout:
        _draw_callout(pen, mark.callout, one, em)


def _outline(pen: _Pen, one: Told, colour: Colour) -> None:
    assert one.drawing is not None
    closed = [*one.drawing.outline, one.drawing.outline[0]]
    draw = pen.dashed if one.standing is Standing.SUSPECTED else pen.line
    draw(closed, colour, 3 if one.standing.is_fracture else 1)


def _draw_callout(pen: _Pen, callout: Callout, one: Told, em: float) -> None:
    leader, colour = callout.leader, colour_of(one.standing)
    title = callout.title if one.grade else f"{one.short} {one.standing.value}"
    numbers = callout.numbers if one.heights else "not measured" if one.lost is None else f"loss {100 * one.lost:.0f} %"
    pen.line([(leader.x1, leader.y1), (leader.x2, leader.y2)], colour, 1)
    x, y = pen.at((callout.x, callout.y))
    pen.draw.text((x, y), title, colour, letters(max(round(em), 10), bold=True), anchor="ls")
    pen.draw.text((x, y + 1.1 * em), numbers, WHITE, letters(max(round(0.85 * em), 9)), anchor="ls")


def _draw_scale(pen: _Pen, picture: SagittalPicture) -> None:
    """A bar of 50 mm at the lower edge."""
    length, row = 50 / picture.mm_per_pixel, picture.height - 6.0
    pen.line([(4.0, row), (4.0 + length, row)], WHITE, 3)
    x, y = pen.at((4.0, row))
    pen.draw.text((x, y - 6), "50 mm", WHITE, letters(SMALL), anchor="ls")


def _head(result: Result, width: int) -> list[tuple[str, bool]]:
    """Who stands behind it, the result, what is doubtful about the numbering, and that it is research."""
    said = [(f"{result.status_words}. {headline(result.analysis, result.vertebrae)}", True)]
    if result.review is None:
        said += [(words, False) for words in numbering_remarks([one.vertebra for one in result.analysis.findings])]
    said.append((RESEARCH_ONLY, False))
    if not all(is_drawable(words) for words, _ in said):
        said.append((NOT_DRAWN, False))
    return [(line, bold) for words, bold in said for line in wrapped(words, letters(18, bold=bold), width)]


Row = tuple[tuple[str, ...], Colour]


def _table(result: Result) -> list[Row]:
    rows: list[Row] = [(("Level", "Grade", "Ant.", "Mid.", "Post.", "Loss %", ""), GREY)]
    for one in result.vertebrae:
        rows += _table_row(one)
    legend = f"Heights in mm. {what_lost_means(result.analysis)} {_SIGNS}"
    return [*rows, *(((words,), GREY) for words in wrapped(legend, letters(SMALL), TABLE_WIDTH - MARGIN))]


_SIGNS = "Broken outline: unconfirmed. ? after a level: not certain."


def _table_row(one: Told) -> list[Row]:
    colour = colour_of(one.standing) if one.standing is not Standing.NO_FRACTURE else WHITE
    heights = one.heights
    numbers = [f"{h:.1f}" for h in (heights.anterior, heights.middle, heights.posterior)] if heights else ["-"] * 3
    loss = "-" if one.lost is None else f"{100 * one.lost:.0f}"
    notes = wrapped(_note(one), letters(SMALL), TABLE_WIDTH - COLUMNS[-1] - MARGIN)
    names = wrapped(one.name, letters(SMALL), COLUMNS[1] - MARGIN)
    grade = "-" if one.grade is None or one.standing is Standing.REJECTED else str(one.grade)
    lines = list(zip_longest(names, notes, fillvalue=""))
    first, *more = lines
    return [
        ((first[0], grade, *numbers, loss, first[1]), colour),
        *(((name, *[""] * 5, note), colour) for name, note in more),
    ]


def _note(one: Told) -> str:
    """Why, and what it resembles; the level itself stands in front."""
    said = {
        Standing.SUSPECTED: "suspected fracture, unconfirmed",
        Standing.CONFIRMED: "fracture, confirmed",
        Standing.REJECTED: f"not confirmed: {one.why}",
        Standing.UNDECIDED: "found by software, not commented on",
        Standing.NOT_GRADED: one.why,
        Standing.NO_FRACTURE: "",
    }[one.standing]
    return "; ".join(part for part in (said, *one.remarks) if part)


def _draw_table(draw: ImageDraw.ImageDraw, rows: Sequence[Row], corner: tuple[int, int]) -> None:
    for number, (cells, colour) in enumerate(rows):
        for cell, column in zip(cells, COLUMNS, strict=False):
            draw.text((corner[0] + column, corner[1] + number * LINE), drawable(cell), colour, letters(SMALL))


def _close_ups(result: Result, picture: SagittalPicture, grey: Image.Image) -> Image.Image:
    """The worst fractures, each alone and larger, with its three heights."""
    found = sorted((one for one in fractures(result.vertebrae) if one.drawing), key=lambda one: -(one.grade or 0))
    shown = found[:CLOSE_UPS]
    across = min(len(shown), 3)
    tile = CLOSE_UP_PX + MARGIN
    head = _head(result, max(across, 2) * tile)
    top = MARGIN + LINE * (len(head) + 1)
    down = -(-len(shown) // across)
    page = Image.new("RGB", (max(across, 2) * tile + MARGIN, top + down * (tile + 4 * LINE)), "black")
    draw = ImageDraw.Draw(page)
    for number, (words, is_bold) in enumerate(head):
        draw.text((MARGIN, MARGIN + number * LINE), words, WHITE, letters(18, bold=is_bold))
    for number, one in enumerate(shown):
        corner = (MARGIN + number % across * tile, top + number // across * (tile + 4 * LINE))
        _draw_close_up(page, one, corner, (picture, grey))
    return page


def _draw_close_up(
    page: Image.Image, one: Told, corner: tuple[int, int], of: tuple[SagittalPicture, Image.Image]
) -> None:
    assert one.drawing is not None
    picture, grey = of
    size = CLOSE_UP_MM / picture.mm_per_pixel
    columns, rows = zip(*one.drawing.outline, strict=True)
    left, top = (min(columns) + max(columns) - size) / 2, (min(rows) + max(rows) - size) / 2
    box = (left + 0.5, top + 0.5, left + size + 0.5, top + size + 0.5)
    cut = grey.transform((CLOSE_UP_PX, CLOSE_UP_PX), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    tile = Image.new("RGB", (CLOSE_UP_PX, CLOSE_UP_PX))
    tile.paste(cut.convert("RGB"))
    scale = CLOSE_UP_PX / size
    pen = _Pen(ImageDraw.Draw(tile), (round(-(left + 0.5) * scale), round(-(top + 0.5) * scale)), scale)
    _outline(pen, one, colour_of(one.standing))
    for (upper, lower), letter in zip(one.drawing.height_lines, "amp", strict=False):
        pen.line([upper, lower], WHITE)
        x, y = pen.at(upper)
        pen.draw.text((x, y - 8), letter, WHITE, letters(18), anchor="ms")
    page.paste(tile, corner)
    _draw_caption(ImageDraw.Draw(page), one, (corner[0], corner[1] + CLOSE_UP_PX + 6))


def _draw_caption(draw: ImageDraw.ImageDraw, one: Told, corner: tuple[int, int]) -> None:
    h = one.heights
    heights = f"a {h.anterior:.1f}  m {h.middle:.1f}  p {h.posterior:.1f} mm" if h else "not measured"
    lost = "" if one.lost is None else f", loss {100 * one.lost:.0f} %"
    notes = wrapped(_note(one), letters(16), CLOSE_UP_PX)
    grade = f"Genant grade {one.grade}" if one.grade else "not graded"
    lines = [f"{one.level_words}: {grade}", heights + lost, *notes[:2]]
    for number, words in enumerate(lines):
        colour = colour_of(one.standing) if number == 0 else WHITE
        draw.text((corner[0], corner[1] + number * LINE), drawable(words), colour, letters(16, bold=number == 0))
