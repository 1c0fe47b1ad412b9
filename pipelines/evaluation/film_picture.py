"""The picture a film is shown on beside its true corners, and where points of the film lie on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.steps.film_image import read_film
from pipelines.steps.film_way import Way
from vfx_finder.domain.finding import Finding, SagittalPicture
from vfx_finder.domain.spine import Point
from vfx_finder.domain.study import Unsuitable

Floats = NDArray[np.float64]

LONGEST_PX, QUALITY = 1000, 80
"""So that a dozen of them fit into one page."""

WAYS = tuple(Way(quarters, mirrored) for quarters in range(4) for mirrored in (False, True))
ROUND_TO = 1


@dataclass(frozen=True)
class Held:
    """How a picture shows a film of `size` (rows, columns) in pixels: held `way`, and `scale` of its pixels to one of
    the picture. Points are (row, col) [..., 2]."""

    way: Way
    scale: float
    size: tuple[int, int]

    def on_film(self, points: Floats) -> Floats:
        """Where points of the picture lie on the film as it was given."""
        return self.way.back(points * self.scale, self.size)

    def in_picture(self, points: Floats) -> Floats:
        """Where points of the film as it was given lie on the picture."""
        upright = self.size if self.way.quarters % 2 == 0 else self.size[::-1]
        # mirrored after turning, a way undoes itself
        undone = self.way if self.way.mirrored else Way(-self.way.quarters % 4)
        return undone.back(points, upright) / self.scale


@dataclass(frozen=True)
class FilmPicture:
    """A small picture (JPEG) of a film, `width` by `height`; `held` says how it shows the film. `shrunk`: its size over
    that of the picture of the analysis; None where there is none that says how it is held."""

    jpeg: bytes
    width: int
    height: int
    held: Held
    shrunk: float | None

    def of_film(self, points: Floats) -> tuple[Point, ...]:
        """Points (row, col) of the film as outline (column, row) on the picture."""
        return _outline(self.held.in_picture(points)[:, ::-1])

    def of_drawing(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """Points (column, row) of a drawing of the analysis on the picture; none where it is not known how it lies."""
        return _outline(np.array(points) * self.shrunk) if points and self.shrunk else ()


def how_held(film: Path, picture: SagittalPicture | None, found: Sequence[Finding]) -> Held | None:
    """How the picture of an analysis holds the film; None where nothing is drawn on it.

    It is held upright: the way of holding it that brings the drawings nearest to the centres found is the one used.
    """
    drawn = [one for one in found if one.vertebra.drawing and one.vertebra.drawing.height_lines]
    if picture is None or not drawn:
        return None
    with Image.open(film) as opened:
        size = (opened.height, opened.width)
    scale = max(size) / max(picture.height, picture.width)
    middles = np.array([height_lines(one).mean((0, 1)) for one in drawn])
    centres = np.array([one.vertebra.centre_mm[1::-1] for one in drawn])

    def misfit(held: Held) -> float:
        return float(np.abs(held.on_film(middles) - centres).sum())

    return min((Held(way, scale, size) for way in WAYS), key=misfit)


def height_lines(finding: Finding) -> Floats:
    """The first and the last height measured of a finding, (row, col) of its picture [upper/lower, front/back, 2]."""
    lines = finding.vertebra.drawing.height_lines if finding.vertebra.drawing else ()
    return np.array([lines[0], lines[-1]], float).transpose(1, 0, 2)[..., ::-1]


def film_picture(film: Path, picture: SagittalPicture | None, held: Held | None) -> FilmPicture | None:
    """The picture of the analysis made small, or where that does not show how it is held the film as it was given;
    None for a film that cannot be shown."""
    if picture is not None and held is not None:
        small, by = _small(Image.open(BytesIO(picture.png)))
        return FilmPicture(_jpeg(small), *small.size, Held(held.way, held.scale / by, held.size), by)
    read = read_film(film)
    if isinstance(read, Unsuitable):
        return None
    rows, columns = read.grey.shape
    small, by = _small(Image.fromarray(np.rint(read.grey * 255).astype(np.uint8)))
    return FilmPicture(_jpeg(small), *small.size, Held(Way(), 1 / by, (rows, columns)), None)


def _small(full: Image.Image) -> tuple[Image.Image, float]:
    """A picture of bounded size, and its size over the full one."""
    by = min(1.0, LONGEST_PX / max(full.size))
    width, height = (max(1, round(side * by)) for side in full.size)
    return full.convert("L").resize((width, height), Image.Resampling.BOX), by


def _jpeg(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def _outline(points: Floats) -> tuple[Point, ...]:
    return tuple((round(float(col), ROUND_TO), round(float(row), ROUND_TO)) for col, row in points)
