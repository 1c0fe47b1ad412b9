"""Lateral films against named corners: the COCO layout of annotated films, and the same layout for synthetic ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.steps.film_way import Way
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis, Finding
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Floats = NDArray[np.float64]
FilmAnalyser = Callable[[Sequence[Path]], Analysis]
"""Analyses the files of one study."""

CORNERS = ("TF", "TB", "BF", "BB")
"""Names of the layout: top or bottom, front or back, after the level; here in the order of `FilmTruth.corners`."""

UPPER = tuple(Level(f"T{n}") for n in range(1, 7))
LOWER = (*(Level(f"T{n}") for n in range(7, 13)), *(Level(f"L{n}") for n in range(1, 6)))
NEAR = 0.5
"""A body is found when a found centre lies within this share of its height of the true one."""


@dataclass(frozen=True)
class FilmTruth:
    """One film: `corners` by level [4, 2] in its pixels (row, col): upper front, upper back, lower front, lower back.
    `grades` by level where the truth holds them (synthetic films)."""

    film: Path
    corners: Mapping[Level, Floats]
    grades: Mapping[Level, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BodyResult:
    """One true body: `found`, and if so the level it was given, mean corner error over its height, Ha/Hp measured and
    true, and whether it was suspected; None where that is not known."""

    film: str
    level: Level
    found: bool
    called: Level | None = None
    corner_error: float | None = None
    ratio: tuple[float, float] | None = None
    suspected: bool | None = None
    probability: float | None = None
    grade: int | None = None


@dataclass(frozen=True)
class FilmResult:
    """One film: its bodies, false ones between the first true thoracic body and the last lumbar one's foot, seconds,
    and why it was not analysed (empty if it was)."""

    film: str
    bodies: tuple[BodyResult, ...]
    false_bodies: int
    seconds: float
    unsuitable: str = ""


def film_truths(file: Path) -> tuple[FilmTruth, ...]:
    """The films of one annotations file; those whose picture is not there are left out (`film_set` tells them).
    Raises `Unreadable`."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        names = document["categories"][0]["keypoints"]
        images = {image["id"]: image["file_name"] for image in document["images"]}
        return tuple(
            _truth(picture_of(file, images[row["image_id"]]), names, row)
            for row in document["annotations"]
            if picture_of(file, images[row["image_id"]]).exists()
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise Unreadable(f"{file.name} does not hold corners in the COCO layout.") from error


def is_films(file: Path) -> bool:
    """Whether a file by its name holds corners of films."""
    return file.name == "annotations.json"


def picture_of(file: Path, name: str) -> Path:
    """Where the picture of this name lies, or would lie, for an annotations file."""
    inside = file.parent / "images" / name
    return inside if inside.exists() else file.parent / name


def _truth(film: Path, names: Sequence[str], row: Mapping[str, Any]) -> FilmTruth:
    points = np.array(row["keypoints"], float).reshape(-1, 3)
    at = {name: point[1::-1] for name, point in zip(names, points, strict=True) if point[2] > 0}
    corners = {
        level: np.array([at[f"{level}{corner}"] for corner in CORNERS])
        for level in HEAD_TO_FOOT
        if all(f"{level}{corner}" in at for corner in CORNERS)
    }
    grades = {Level(level): int(grade) for level, grade in row.get("grades", {}).items()}
    return FilmTruth(film, corners, grades)


def film_result(truth: FilmTruth, analyse: FilmAnalyser) -> FilmResult:
    """How one film was read."""
    analysis = analyse([truth.film])
    found = [one for one in analysis.findings if NO_VERTEBRA not in one.vertebra.flags]
    centres = np.array([one.vertebra.centre_mm[1::-1] for one in found]).reshape(-1, 2)
    pairs = _pairs(truth, centres)
    drawn = _corners_on_film(analysis, found, truth)
    bodies = tuple(
        _body(truth, level, found[pairs[level]], drawn[pairs[level]])
        if level in pairs
        else BodyResult(truth.film.name, level, False, grade=truth.grades.get(level))
        for level in truth.corners
    )
    strays = [n for n in range(len(found)) if n not in pairs.values() and _inside(centres[n], truth)]
    why = analysis.unsuitable.reason.value if analysis.unsuitable else ""
    return FilmResult(truth.film.name, bodies, len(strays), analysis.seconds.get("total", 0.0), why)


def _height(corners: Floats) -> float:
    return float(np.linalg.norm(corners[2:] - corners[:2], axis=1).mean())


def _pairs(truth: FilmTruth, centres: Floats) -> dict[Level, int]:
    """Which finding is which true body: nearest pairs first, each used once, none farther than `NEAR` of its height."""
    near = sorted(
        (float(np.linalg.norm(corners.mean(0) - centre)) / _height(corners), level, n)
        for level, corners in truth.corners.items()
        for n, centre in enumerate(centres)
    )
    pairs: dict[Level, int] = {}
    for away, level, n in near:
        if away <= NEAR and level not in pairs and n not in pairs.values():
            pairs[level] = n
    return pairs


def _inside(centre: Floats, truth: FilmTruth) -> bool:
    """Whether a found centre lies below the top of the first thoracic or later body; what lies below L5 counts too."""
    rows = [corners[:, 0].min() for level, corners in truth.corners.items() if level in (*UPPER, *LOWER)]
    return bool(rows) and bool(centre[0] > min(rows))


def _corners_on_film(analysis: Analysis, found: Sequence[Finding], truth: FilmTruth) -> list[Floats | None]:
    """The four measured corners of each finding on the film as given; None where it was not measured.

    Drawings are in the picture that the analysis made, which is held upright: the way of holding it that brings the
    drawings nearest to the centres found is the one that was used.
    """
    picture = analysis.picture
    lines = [one.vertebra.drawing.height_lines if one.vertebra.drawing else None for one in found]
    if picture is None or not any(lines):
        return [None for _ in found]
    with Image.open(truth.film) as film:
        size = (film.height, film.width)
    scale = max(size) / max(picture.height, picture.width)
    drawn = [None if line is None else np.array([line[0], line[-1]]).transpose(1, 0, 2)[..., ::-1] for line in lines]
    corners = [None if one is None else one.reshape(4, 2) * scale for one in drawn]
    centres = [np.array(one.vertebra.centre_mm[1::-1]) for one in found]

    def misfit(way: Way) -> float:
        pairs = zip(corners, centres, strict=True)
        return sum(float(np.abs(way.back(one, size).mean(0) - at).sum()) for one, at in pairs if one is not None)

    best = min((Way(quarters, mirrored) for quarters in range(4) for mirrored in (False, True)), key=misfit)
    return [None if one is None else best.back(one, size) for one in corners]


def _body(truth: FilmTruth, level: Level, finding: Finding, drawn: Floats | None) -> BodyResult:
    corners, heights = truth.corners[level], finding.vertebra.heights
    error, ratio = None, None
    if drawn is not None and heights is not None:
        error = float(np.linalg.norm(drawn - corners, axis=1).mean() / _height(corners))
        true = np.linalg.norm(corners[2:] - corners[:2], axis=1)
        ratio = (heights.anterior_posterior, float(true[0] / true[1]))
    return BodyResult(
        truth.film.name,
        level,
        True,
        finding.vertebra.level.level,
        error,
        ratio,
        FILM_SUSPECTED in finding.vertebra.flags if finding.loss is not None else None,
        finding.probability_grade2plus,
        truth.grades.get(level),
    )
