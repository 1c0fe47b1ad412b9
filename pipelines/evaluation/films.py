"""Lateral films against named corners: the COCO layout of annotated films, and the same layout for synthetic ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.film_picture import FilmPicture, Held, film_picture, height_lines, how_held
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis, Finding
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, Point

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
    true, and whether it was suspected; None where that is not known. `true_outline`: its corners in turn, `outline`:
    what was drawn of it, in pixels (column, row) of the picture of the film; empty where there is none."""

    film: str
    level: Level
    found: bool
    called: Level | None = None
    corner_error: float | None = None
    ratio: tuple[float, float] | None = None
    suspected: bool | None = None
    probability: float | None = None
    grade: int | None = None
    true_outline: tuple[Point, ...] = ()
    outline: tuple[Point, ...] = ()

    @property
    def ratio_error(self) -> float | None:
        """How far the Ha/Hp measured lies off the true one; None where it was not measured."""
        return abs(self.ratio[0] - self.ratio[1]) if self.ratio else None


@dataclass(frozen=True)
class StrayResult:
    """A finding that is no true body. `inside`: where every body is known, so that it is a false one."""

    called: Level
    inside: bool
    suspected: bool
    probability: float | None
    outline: tuple[Point, ...] = ()


@dataclass(frozen=True)
class FilmResult:
    """One film: its bodies, how many findings are false ones (below the top of the first true thoracic body), seconds,
    and why it was not analysed (empty if it was). `picture` (width, height) is None where there is none."""

    film: str
    bodies: tuple[BodyResult, ...]
    false_bodies: int
    seconds: float
    unsuitable: str = ""
    strays: tuple[StrayResult, ...] = ()
    picture: tuple[int, int] | None = None


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


def film_result(truth: FilmTruth, analyse: FilmAnalyser) -> tuple[FilmResult, bytes | None]:
    """How one film was read; the result and a picture (JPEG) to show it on."""
    analysis = analyse([truth.film])
    found = [one for one in analysis.findings if NO_VERTEBRA not in one.vertebra.flags]
    centres = np.array([one.vertebra.centre_mm[1::-1] for one in found]).reshape(-1, 2)
    pairs = _pairs(truth, centres)
    held = how_held(truth.film, analysis.picture, found)
    shown = film_picture(truth.film, analysis.picture, held)
    bodies = tuple(
        _body(truth, level, found[pairs[level]], _Place(held, shown))
        if level in pairs
        else _missed(truth, level, shown)
        for level in truth.corners
    )
    strays = tuple(
        _stray(found[n], _inside(centres[n], truth), shown) for n in range(len(found)) if n not in pairs.values()
    )
    result = FilmResult(
        film=truth.film.name,
        bodies=bodies,
        false_bodies=sum(stray.inside for stray in strays),
        seconds=analysis.seconds.get("total", 0.0),
        unsuitable=analysis.unsuitable.reason.value if analysis.unsuitable else "",
        strays=strays,
        picture=(shown.width, shown.height) if shown else None,
    )
    return result, shown.jpeg if shown else None


@dataclass(frozen=True)
class _Place:
    """How the picture of the analysis holds the film, and the small one it is shown on; None where there is none."""

    held: Held | None
    shown: FilmPicture | None


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


def _corners_on_film(finding: Finding, held: Held | None) -> Floats | None:
    """The four measured corners on the film as given, in the order of the truth; None where it was not measured."""
    drawing = finding.vertebra.drawing
    if held is None or drawing is None or not drawing.height_lines:
        return None
    return held.on_film(height_lines(finding).reshape(4, 2))


def _body(truth: FilmTruth, level: Level, finding: Finding, place: _Place) -> BodyResult:
    corners, heights = truth.corners[level], finding.vertebra.heights
    drawn = _corners_on_film(finding, place.held)
    error, ratio = None, None
    if drawn is not None and heights is not None:
        error = float(np.linalg.norm(drawn - corners, axis=1).mean() / _height(corners))
        true = np.linalg.norm(corners[2:] - corners[:2], axis=1)
        ratio = (heights.anterior_posterior, float(true[0] / true[1]))
    return BodyResult(
        film=truth.film.name,
        level=level,
        found=True,
        called=finding.vertebra.level.level,
        corner_error=error,
        ratio=ratio,
        suspected=_is_suspected(finding) if finding.loss is not None else None,
        probability=finding.probability_grade2plus,
        grade=truth.grades.get(level),
        true_outline=_true_outline(corners, place.shown),
        outline=_outline(finding, place.shown),
    )


def _missed(truth: FilmTruth, level: Level, shown: FilmPicture | None) -> BodyResult:
    outline = _true_outline(truth.corners[level], shown)
    return BodyResult(truth.film.name, level, False, grade=truth.grades.get(level), true_outline=outline)


def _stray(finding: Finding, inside: bool, shown: FilmPicture | None) -> StrayResult:
    outline, level = _outline(finding, shown), finding.vertebra.level.level
    return StrayResult(level, inside, _is_suspected(finding), finding.probability_grade2plus, outline)


def _is_suspected(finding: Finding) -> bool:
    return FILM_SUSPECTED in finding.vertebra.flags


def _true_outline(corners: Floats, shown: FilmPicture | None) -> tuple[Point, ...]:
    return shown.of_film(corners[[0, 1, 3, 2]]) if shown else ()


def _outline(finding: Finding, shown: FilmPicture | None) -> tuple[Point, ...]:
    drawing = finding.vertebra.drawing
    return shown.of_drawing(drawing.outline) if shown and drawing else ()
