"""Made-up analyses with a made-up picture, for pages and rows: no patient, no network, exact truth."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vfx_finder.domain.bone_density import (
    CANDIDATES,
    BoneDensity,
    Contrast,
    Exposure,
    PassedOver,
    Trabecular,
    WhyNot,
)
from vfx_finder.domain.finding import (
    Analysis,
    Deformity,
    Finding,
    Loss,
    ModelVersion,
    PatientSummary,
    SagittalPicture,
)
from vfx_finder.domain.operating_point import ON_FILMS
from vfx_finder.domain.spine import GRADED_LEVELS, Drawing, Heights, Level, LevelEstimate, Point, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

MM_PER_PIXEL = 0.8
SPAN = tuple(level for level in Level if level not in (Level.T13, Level.L6))[11:24]
"""T5 to L5: what a chest and abdomen CT shows."""

LOWEST_OF_GRADE = {0: 0.95, 1: 0.77, 2: 0.68, 3: 0.52}
PROBABILITY_OF_GRADE = {0: 0.01, 1: 0.22, 2: 0.91, 3: 0.99}
ASSESSED_SHAPE = {1: Deformity.WEDGE, 2: Deformity.WEDGE, 3: Deformity.CRUSH}
MODEL = ModelVersion("ct_spine", "0.1.0", "0" * 64)


NOTHING_SEEN = "Films are not graded (research); no loss of height measured that calls for a look."


def film(flags: Mapping[Level, tuple[str, ...]]) -> Analysis:
    """The analysis of a radiograph: these flags by level, every vertebra measured and none graded."""
    found = analysis({})
    findings = [
        replace(
            one,
            grade=None,
            unsuitable=Unsuitable(Reason.FILM_NOT_GRADED, NOTHING_SEEN),
            vertebra=replace(one.vertebra, flags=flags.get(one.vertebra.level.level, ())),
        )
        for one in found.findings
    ]
    return replace(found, modality="DX", findings=tuple(findings), operating_point=ON_FILMS)


def cemented(grades: Mapping[Level, int]) -> Analysis:
    """A CT with these grades, and with cement in L1, which therefore has none."""
    found = analysis(grades)
    why = Unsuitable(Reason.CEMENT, "L1 is filled with cement, as after a treated fracture.")
    findings = [
        replace(one, grade=None, loss=None, deformity=None, probability_grade2plus=None, unsuitable=why)
        if one.vertebra.level.level is Level.L1
        else one
        for one in found.findings
    ]
    return replace(found, findings=tuple(findings))


@dataclass(frozen=True)
class Body:
    """Where one vertebral body stands in the picture, pixels."""

    level: Level
    grade: int
    centre: Point
    depth: float
    anterior: float
    middle: float
    posterior: float
    tilt: float


def analysis(grades: Mapping[Level, int] | None = None, unsure: Level | None = None) -> Analysis:
    """The analysis of a spine from T5 to L5 with these Genant grades; `unsure` has a doubtful number."""
    bodies = _bodies(grades or {})
    findings = tuple(_finding(body, unsure) for body in bodies)
    found = [finding.grade for finding in findings if finding.grade]
    top = max(found, default=0)
    return Analysis(
        modality="CT",
        unsuitable=None,
        findings=findings,
        patient=PatientSummary(top, len(found), sum(found), PROBABILITY_OF_GRADE[top]),
        models=(MODEL,),
        seconds={"read": 0.8, "locate": 9.1, "measure": 0.4, "total": 10.3},
        picture=_picture(bodies),
        bone_density=_density(grades or {}),
    )


def _density(grades: Mapping[Level, int]) -> BoneDensity:
    """Of the first of L1, T12, L2 that is not fractured."""
    broken = [level for level in CANDIDATES if grades.get(level)]
    sound = next((level for level in CANDIDATES if level not in broken), None)
    passed = tuple(PassedOver(level, WhyNot.FRACTURED) for level in broken)
    measured = Trabecular(sound, 104.0, 31.0, 196.0, 1568.0, 0.02) if sound else None
    return BoneDensity(measured, Exposure(120.0, Contrast.YES), passed)


def not_analysed(reason: Reason, detail: str) -> Analysis:
    """The analysis of a study that could not be analysed."""
    return Analysis("CT", Unsuitable(reason, detail), (), None, (), {"total": 0.2})


def _bodies(grades: Mapping[Level, int]) -> tuple[Body, ...]:
    bodies: list[Body] = []
    row = 26.0
    for place, level in enumerate(SPAN):
        share = place / (len(SPAN) - 1)
        normal = _normal_height(place)
        grade = grades.get(level, 0)
        low = LOWEST_OF_GRADE[grade]
        crushed = grade > 2
        posterior = normal * (0.66 if crushed else 1.0)
        anterior = normal * (low if grade else 0.97)
        middle = normal * ((low + 0.04) if crushed else (low + 1) / 2 if grade else 0.95)
        height = max(anterior, posterior)
        row += height / 2
        column = 88 + 24 * np.cos(2.4 + 3.9 * share)
        tilt = 0.26 * np.cos(0.6 + 3.4 * share) * -1
        bodies.append(Body(level, grade, (float(column), row), (27 + 8 * share) / MM_PER_PIXEL, anterior, middle,
                           posterior, float(tilt)))  # fmt: skip
        row += height / 2 + (4.0 + 5.5 * share) / MM_PER_PIXEL
    return tuple(bodies)


def _finding(body: Body, unsure: Level | None) -> Finding:
    heights = Heights(*(round(h * MM_PER_PIXEL, 1) for h in (body.anterior, body.middle, body.posterior)))
    is_graded = body.level in GRADED_LEVELS
    is_unsure = body.level is unsure
    neighbour = SPAN[max(0, SPAN.index(body.level) - 1)]
    estimate = LevelEstimate(body.level, 0.71 if is_unsure else 0.97, {neighbour: 0.29 if is_unsure else 0.03})
    flags = ("level-uncertain",) if is_unsure else ()
    return Finding(
        vertebra=Vertebra(estimate, (0.0, 0.0, -body.centre[1] * MM_PER_PIXEL), heights, flags, _drawing(body)),
        loss=Loss(1 - heights.min_max, _expected_loss(body, heights)) if is_graded else None,
        grade=body.grade if is_graded else None,
        deformity=ASSESSED_SHAPE.get(body.grade) if is_graded else None,
        probability_grade2plus=PROBABILITY_OF_GRADE[body.grade] if is_graded else None,
        unsuitable=None if is_graded else Unsuitable(Reason.OUTSIDE_GRADED_LEVELS, "Only T4 to L4 are graded."),
    )


def _expected_loss(body: Body, heights: Heights) -> float:
    lowest = min(heights.anterior, heights.middle, heights.posterior)
    return max(0.0, 1 - lowest / (_normal_height(SPAN.index(body.level)) * MM_PER_PIXEL))


def _normal_height(place: int) -> float:
    return (18.5 + 9 * place / (len(SPAN) - 1)) / MM_PER_PIXEL


def _drawing(body: Body) -> Drawing:
    ends = [_side(body, at, height) for at, height in _profile(body)]
    outline = tuple(upper for upper, _ in ends) + tuple(lower for _, lower in reversed(ends))
    lines = tuple(_side(body, at, h) for at, h in ((-0.38, body.anterior), (0, body.middle), (0.38, body.posterior)))
    return Drawing(outline, lines)


def _profile(body: Body) -> list[tuple[float, float]]:
    middle = body.middle
    return [
        (-0.5, body.anterior * 0.93),
        (-0.42, body.anterior),
        (-0.2, (body.anterior + middle) / 2),
        (0.0, middle),
        (0.2, (middle + body.posterior) / 2),
        (0.42, body.posterior),
        (0.5, body.posterior * 0.95),
    ]


def _side(body: Body, at: float, height: float) -> tuple[Point, Point]:
    """Upper and lower end of the body at `at` (-0.5 anterior edge to 0.5 posterior edge)."""
    lower_edge = max(body.anterior, body.posterior) / 2
    return _turned(body, at * body.depth, lower_edge - height), _turned(body, at * body.depth, lower_edge)


def _turned(body: Body, x: float, y: float) -> Point:
    cos, sin = np.cos(body.tilt), np.sin(body.tilt)
    return round(float(body.centre[0] + x * cos - y * sin), 2), round(float(body.centre[1] + x * sin + y * cos), 2)


@cache
def _picture(bodies: tuple[Body, ...]) -> SagittalPicture:
    width, height = 200, int(bodies[-1].centre[1] + 46)
    noise = np.random.default_rng(7)
    canvas = Image.new("L", (width, height), 16)
    draw = ImageDraw.Draw(canvas)
    middle = [body.centre for body in bodies]
    draw.polygon([(0, 0), (0, height), *((x + 62, y) for x, y in reversed(middle)), (140, 0)], fill=78)
    draw.line([(x + 27, y) for x, y in middle], fill=62, width=15)
    for body in bodies:
        shape = _drawing(body).outline
        draw.polygon(shape, fill=148, outline=232)
        spinous = [_turned(body, body.depth * k, y) for k, y in ((1.0, -6), (1.65, 8), (1.6, 20), (1.05, 8))]
        draw.polygon(spinous, fill=138, outline=190)
    grey = np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.9)), dtype=np.float64)
    grain = noise.normal(0, 9, grey.shape)
    softened = np.asarray(Image.fromarray(np.clip(grey + grain, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(0.6)))  # fmt: skip
    file = io.BytesIO()
    Image.fromarray(softened).save(file, "PNG", optimize=True)
    return SagittalPicture(file.getvalue(), width, height, MM_PER_PIXEL)
