"""The sagittal picture with every vertebra outlined and numbered, as plain numbers for one SVG template.

Units are pixels of the picture. Words stand in gutters left and right of it, so that no letter hides bone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vfx_finder.domain.spine import Drawing, Heights, Point

ROWS_OF_TEXT = 56
"""Lines of text that fit beside the picture at its full height; sets the size of the letters."""

_LEFT_GUTTER, _RIGHT_GUTTER = 3.2, 11.0
_CALLOUT_GAP = 2.5
_LEGEND = ("a", "m", "p")


@dataclass(frozen=True)
class Mark:
    """One vertebra to draw: `grade` is None where nobody graded it; `rejected` by a reader; `suspected` without a
    grade, as on films."""

    index: int
    level: str
    grade: int | None
    drawing: Drawing | None
    heights: Heights | None
    rejected: bool = False
    suspected: bool = False

    @property
    def is_flagged(self) -> bool:
        """Drawn with its three heights: grade 1 or more, or suspected without a grade."""
        return bool(self.grade) or (self.suspected and self.grade is None)

    @property
    def asks(self) -> bool:
        """Suspected, and nobody has said yet what it is."""
        return self.suspected and self.grade is None and not self.rejected


@dataclass(frozen=True)
class Line:
    """A straight line, and the letter that stands at its upper end (empty for none)."""

    x1: float
    y1: float
    x2: float
    y2: float
    letter: str = ""

    @property
    def letter_y(self) -> float:
        """Where the letter's baseline stands: a little above the upper end."""
        return min(self.y1, self.y2)


@dataclass(frozen=True)
class Callout:
    """The words beside a flagged vertebra; `y` is the baseline of the first of two lines."""

    x: float
    y: float
    title: str
    numbers: str
    leader: Line


@dataclass(frozen=True)
class DrawnMark:
    """One vertebra as the template draws it."""

    index: int
    level: str
    grade: int | None
    rejected: bool
    asks: bool
    points: str
    heights: tuple[Line, ...]
    label_x: float
    label_y: float
    label_leader: Line
    box: str
    callout: Callout | None


@dataclass(frozen=True)
class Figure:
    """The whole figure. `em` is the text size and `view_box` the SVG viewBox with both gutters."""

    width: int
    height: int
    em: float
    view_box: str
    marks: tuple[DrawnMark, ...]
    undrawn: tuple[str, ...]


def figure(width: int, height: int, marks: Sequence[Mark], rows_of_text: int = ROWS_OF_TEXT) -> Figure:
    """Lay out the marks around a picture of `width` x `height` pixels; a mark without drawing is named in `undrawn`."""
    em = height / rows_of_text
    drawn = [_draw(mark, mark.drawing, width, em) for mark in marks if mark.drawing and mark.drawing.outline]
    left, right = _LEFT_GUTTER * em, _RIGHT_GUTTER * em
    return Figure(
        width=width,
        height=height,
        em=round(em, 2),
        view_box=f"{-left:.1f} 0 {left + width + right:.1f} {height}",
        marks=tuple(_spread(drawn, em, height)),
        undrawn=tuple(mark.level for mark in marks if not (mark.drawing and mark.drawing.outline)),
    )


def _draw(mark: Mark, drawing: Drawing, width: int, em: float) -> DrawnMark:
    columns = [x for x, _ in drawing.outline]
    rows = [y for _, y in drawing.outline]
    middle = (min(rows) + max(rows)) / 2
    return DrawnMark(
        index=mark.index,
        level=mark.level,
        grade=mark.grade,
        rejected=mark.rejected,
        asks=mark.asks,
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in drawing.outline),
        heights=_height_lines(drawing.height_lines) if mark.is_flagged else (),
        label_x=round(-0.5 * em, 1),
        label_y=round(middle + 0.35 * em, 1),
        label_leader=_line((-0.3 * em, middle), (min(columns) - 0.2 * em, middle)),
        box=f"{min(columns):.1f} {min(rows):.1f} {max(columns) - min(columns):.1f} {max(rows) - min(rows):.1f}",
        callout=_callout(mark, (max(columns), middle), width, em) if mark.is_flagged else None,
    )


def _height_lines(lines: Sequence[tuple[Point, Point]]) -> tuple[Line, ...]:
    letters = _LEGEND if len(lines) == len(_LEGEND) else ("",) * len(lines)
    return tuple(_line(upper, lower, letter) for (upper, lower), letter in zip(lines, letters, strict=True))


def _callout(mark: Mark, tip: Point, width: int, em: float) -> Callout:
    title = f"{mark.level} suspected" if mark.asks else f"{mark.level} grade {mark.grade}"
    title = f"{mark.level} rejected" if mark.rejected else title
    h, unmeasured = mark.heights, "not graded" if mark.suspected else "not measured"
    numbers = f"{h.anterior:.1f}  {h.middle:.1f}  {h.posterior:.1f} mm" if h else unmeasured
    x = width + 0.7 * em
    return Callout(round(x, 1), round(tip[1] - 0.2 * em, 1), title, numbers, _line(tip, (x - 0.3 * em, tip[1])))


def _spread(marks: Sequence[DrawnMark], em: float, height: int) -> list[DrawnMark]:
    """Push callouts apart downwards, then back up from the lower edge, so that no two lie on each other."""
    gap = _CALLOUT_GAP * em
    called = sorted((mark for mark in marks if mark.callout), key=lambda mark: mark.callout.y if mark.callout else 0)
    wanted = [mark.callout.y for mark in called if mark.callout]
    for i in range(1, len(wanted)):
        wanted[i] = max(wanted[i], wanted[i - 1] + gap)
    floor = height - 1.4 * em
    for i in range(len(wanted) - 1, -1, -1):
        wanted[i] = min(wanted[i], floor)
        floor = wanted[i] - gap
    moved = {mark.index: y for mark, y in zip(called, wanted, strict=True)}
    return [_moved(mark, moved.get(mark.index), em) for mark in marks]


def _moved(mark: DrawnMark, y: float | None, em: float) -> DrawnMark:
    if mark.callout is None or y is None:
        return mark
    leader = replace(mark.callout.leader, y2=round(y + 0.2 * em, 1))
    return replace(mark, callout=replace(mark.callout, y=round(y, 1), leader=leader))


def _line(start: Point, end: Point, letter: str = "") -> Line:
    return Line(round(start[0], 1), round(start[1], 1), round(end[0], 1), round(end[1], 1), letter)
