"""The charts of a page as plain numbers for one SVG template: ROC, reliability, and shares side by side.

Units are those of the SVG's view box. Everything drawn stands in a table of the page as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.evaluation.calls import CallScore, PointScore
from pipelines.evaluation.report import ImageScores
from pipelines.evaluation.statistics import Bin, Estimate
from pipelines.evaluation.tables import number
from pipelines.evaluation.targets import HEADLINE_POINT

LEFT, TOP, SIDE, FOOT = 44.0, 14.0, 220.0, 40.0
"""The plot is a square of `SIDE` with room for words left of it and below."""

WIDE = 440.0
LIST = (0.55, 0.4)
LIST_STEP = 16.0
"""Where the names of dots on an ROC curve begin, in shares of the plot: below the diagonal, where no curve is."""

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A straight line of a kind that the style sheet knows."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str


@dataclass(frozen=True)
class Dot:
    """A dot; `words` are shown when it is pointed at, and read out."""

    x: float
    y: float
    words: str
    kind: str = "value"


@dataclass(frozen=True)
class Word:
    """Words in the chart: `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Mark:
    """A named point on an ROC curve: `at` is (1 - specificity, sensitivity), `words` say more, `kind` is its style."""

    name: str
    at: Point
    words: str
    kind: str = "point"


@dataclass(frozen=True)
class Chart:
    """One chart: `curve` is a list of SVG points, empty for none."""

    title: str
    words: str
    width: float
    height: float
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    labels: tuple[Word, ...]
    curve: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether it is drawn smaller than it is on a narrow screen, so that its letters need to be larger."""
        return self.width > WIDE


def charts(scores: ImageScores) -> tuple[Chart, ...]:
    """The charts that these scores allow; none where no grade is known or only one kind of vertebra is there."""
    if scores.calls is None or scores.curves is None:
        return ()
    graded = sum(sum(row) for row in scores.calls.table)
    words = "Sensitivity against 1 - specificity of graded vertebrae; the dots are the operating points."
    drawn = (
        roc_chart(f"ROC, grade 2 and above, T4 to L4 (n {graded})", words, scores.curves.roc, _marks(scores.calls)),
        reliability_chart("Reliability of the probability, T4 to L4", scores.curves.reliability),
        _by_grade(scores.calls),
        _by_level(scores.splits.get("level", {})),
    )
    return tuple(chart for chart in drawn if chart)


def roc_chart(title: str, words: str, curve: Sequence[Point], marks: Sequence[Mark]) -> Chart | None:
    """The curve with named points, each joined to its name; None without a curve."""
    if not curve:
        return None
    # the highest first: so the lines to the names do not cross
    placed = sorted(marks, key=lambda mark: (-mark.at[1], -mark.at[0]))
    dots = [Dot(*_at(mark.at), f"{mark.name}: {mark.words}", mark.kind) for mark in placed]
    left, top = _at(LIST)
    names = [Word(left, top + LIST_STEP * at, mark.name, "start") for at, mark in enumerate(placed)]
    leaders = [Line(dot.x, dot.y, left - 4, name.y - 4, "leader") for dot, name in zip(dots, names, strict=True)]
    return Chart(
        title=title,
        words=words,
        width=LEFT + SIDE + 60,
        height=TOP + SIDE + FOOT,
        lines=(*_grid(SIDE), _diagonal(), *leaders),
        dots=tuple(dots),
        labels=(*_ticks(), *_axes("1 - specificity", SIDE), *names),
        curve=_points(curve),
    )


def reliability_chart(title: str, bins: Sequence[Bin]) -> Chart | None:
    """What was said against what came true; None without bins."""
    if not bins:
        return None
    dots = [
        Dot(*_at((one.predicted, one.happened)), f"said {one.predicted:.2f}, true {one.happened:.2f}, n {one.n}")
        for one in bins
    ]
    words = [Word(dot.x + 7, dot.y - 5, str(one.n), "start") for dot, one in zip(dots, bins, strict=True)]
    return Chart(
        title=f"{title} (n {sum(one.n for one in bins)})",
        words="On the diagonal a probability means what it says. The number at each dot is its n.",
        width=LEFT + SIDE + 60,
        height=TOP + SIDE + FOOT,
        lines=(*_grid(SIDE), _diagonal()),
        dots=tuple(dots),
        labels=(*_ticks(), *_axes("mean probability said", SIDE), *words),
        curve=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
    )


def shares_chart(title: str, words: str, shares: Mapping[str, Estimate], width: float) -> Chart | None:
    """Shares side by side, each with its interval and n; None where none is known."""
    known = {name: share for name, share in shares.items() if share.value is not None}
    if not known:
        return None
    step = width / len(known)
    columns = [LEFT + step * (at + 0.5) for at in range(len(known))]
    placed = list(zip(columns, known.items(), strict=True))
    return Chart(
        title=f"{title} (n {sum(share.n for share in known.values())})",
        words=words,
        width=LEFT + width + 16,
        height=TOP + SIDE + FOOT,
        lines=(*_grid(width), *(line for x, (_, share) in placed if (line := _whisker(x, share)))),
        dots=tuple(Dot(x, _height(share.value or 0.0), f"{name}: {share.value:.3f}") for x, (name, share) in placed),
        labels=(
            *_ticks(across=False),
            *(Word(x, TOP + SIDE + 15, name) for x, (name, _) in placed),
            *(Word(x, TOP + SIDE + 29, str(share.n)) for x, (_, share) in placed),
        ),
    )


def _marks(calls: CallScore) -> list[Mark]:
    return [
        Mark(point.name, (1 - specificity, sensitivity), _pair(point), point.name)
        for point in calls.points
        if (specificity := point.specificity.value) is not None and (sensitivity := point.sensitivity.value) is not None
    ]


def _by_grade(calls: CallScore) -> Chart | None:
    point = _headline(calls)
    shares = {f"grade {grade}": share for grade, share in enumerate(point.by_grade)} if point else {}
    title = f"Share flagged of each true grade, {HEADLINE_POINT}, T4 to L4"
    return shares_chart(title, "Lines are 95 % intervals. Grades 2 and 3 should be flagged, 0 and 1 not.", shares, SIDE)


def _by_level(levels: Mapping[str, CallScore]) -> Chart | None:
    found = {level: point.sensitivity for level, score in levels.items() if (point := _headline(score))}
    title = f"Sensitivity for grade 2 and above by level, {HEADLINE_POINT}"
    return shares_chart(title, "Of graded vertebrae; lines are 95 % intervals. Under each level its n.", found, WIDE)


def _headline(calls: CallScore) -> PointScore | None:
    return next((point for point in calls.points if point.name == HEADLINE_POINT), None)


def _pair(point: PointScore) -> str:
    return f"sensitivity {number(point.sensitivity.value)}, specificity {number(point.specificity.value)}"


def _whisker(x: float, share: Estimate) -> Line | None:
    if share.low is None or share.high is None:
        return None
    return Line(x, _height(share.low), x, _height(share.high), "interval")


def _grid(width: float) -> tuple[Line, ...]:
    return tuple(Line(LEFT, _height(tick), LEFT + width, _height(tick), "grid") for tick in TICKS)


def _diagonal() -> Line:
    return Line(LEFT, TOP + SIDE, LEFT + SIDE, TOP, "diagonal")


def _ticks(across: bool = True) -> tuple[Word, ...]:
    up = tuple(Word(LEFT - 6, _height(tick) + 4, f"{tick:g}", "end") for tick in TICKS)
    return (*up, *(Word(LEFT + tick * SIDE, TOP + SIDE + 15, f"{tick:g}") for tick in TICKS)) if across else up


def _axes(across: str, width: float) -> tuple[Word, ...]:
    return (Word(LEFT + width / 2, TOP + SIDE + 32, across),)


def _at(point: Point) -> Point:
    return LEFT + point[0] * SIDE, _height(point[1])


def _height(share: float) -> float:
    return TOP + (1 - share) * SIDE


def _points(curve: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_at, curve))
