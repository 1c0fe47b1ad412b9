"""Films that are no lateral films of the spine: what else a PACS sends under the name of a radiograph."""

import numpy as np
from torch import Tensor

from models.synthesis.film import Film
from models.synthesis.film_detector import Exposed, draw_exposure, graticule, marked
from models.synthesis.film_limbs import LIMBS, draw_limb
from models.synthesis.film_samples import Frame

FROM_FRONT = ("spine-ap", "chest-pa")
FROM_SIDE = ("chest-lateral", "skull", "neck")
KINDS = (*FROM_FRONT, *FROM_SIDE, *LIMBS)
"""Kinds of film, by what they are cut from: the trunk from the front, from the side, or a limb of its own."""

_SPINE_ENDS = (("T11", "S1"), ("T1", "L1"), ("C4", "S1"))


def draw_other(kind: str, trunk_film: Film | None, rng: np.random.Generator) -> tuple[Tensor, float]:
    """One film (grey 0 to 1, bone bright, [H, W]) of a kind of `KINDS`, and its mm per pixel.

    `trunk_film` is a projection from the front or from the side, as the kind needs it; None for limbs.
    """
    film = draw_limb(kind, rng) if trunk_film is None else trunk_film
    return shown(Exposed(film, draw_exposure(rng)), other_frame(kind, film, rng), rng)


def shown(exposed: Exposed, frame: Frame, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The part of an exposed film in a frame, with the furniture of films, and its mm per pixel."""
    picture, mm = exposed.patch(*frame.points(), frame.pixel * exposed.film.pixel_mm), frame.pixel
    if rng.random() < 0.1:
        picture = graticule(picture, *frame.points(), exposed.film.pixel_mm, rng)
    return marked(picture, mm * exposed.film.pixel_mm, rng), mm * exposed.film.pixel_mm


def other_frame(kind: str, film: Film, rng: np.random.Generator) -> Frame:
    """What a film of this kind shows of a projection, with a collimator's whims."""
    if kind in LIMBS:
        height, width = film.layers.shape[1:]
        return _frame((0.0, float(height)), (0.0, float(width)), rng, 0.06)
    mm, at = film.pixel_mm, {v.name: v.centre for v in film.vertebrae}
    if kind == "skull":
        return _frame((0, at["C5"][0]), (at["C3"][1] - 150 / mm, at["C3"][1] + 90 / mm), rng, 0.08)
    if kind == "neck":
        rows = (at["C3"][0] - rng.uniform(40, 90) / mm, at["T1"][0] + rng.uniform(-10, 30) / mm)
        return _frame(
            rows, (at["C5"][1] - rng.uniform(70, 120) / mm, at["C5"][1] + rng.uniform(60, 90) / mm), rng, 0.05
        )
    if kind == "spine-ap":
        return _spine_from_the_front(at, mm, rng)
    rows = (at["T1"][0] - rng.uniform(20, 70) / mm, at["L2"][0] + rng.uniform(-30, 30) / mm)
    if kind == "chest-pa":
        return _frame(rows, (at["T7"][1] - 180 / mm, at["T7"][1] + 180 / mm), rng, 0.06)
    return _frame(rows, (at["T7"][1] - rng.uniform(215, 260) / mm, at["T7"][1] + rng.uniform(85, 120) / mm), rng, 0.04)


def _spine_from_the_front(at: dict[str, np.ndarray], mm: float, rng: np.random.Generator) -> Frame:
    first, last = _SPINE_ENDS[int(rng.integers(len(_SPINE_ENDS)))]
    rows = (at[first][0] - 30 / mm, at[last][0] + 30 / mm)
    middle = np.mean([centre[1] for centre in at.values() if rows[0] < centre[0] < rows[1]])
    half = rng.uniform(70, 190) / mm
    return _frame(rows, (middle - half, middle + half), rng, 0.05)


def _frame(rows: tuple[float, float], cols: tuple[float, float], rng: np.random.Generator, loose: float) -> Frame:
    """The grid between rows and columns of a projection, moved, opened and turned a little."""
    height, width = rows[1] - rows[0], cols[1] - cols[0]
    middle = np.array([rows[0] + rows[1], cols[0] + cols[1]]) / 2 + rng.normal(0, loose / 2, 2) * (height, width)
    size = np.array([height, width]) * np.exp(rng.normal(0, loose, 2))
    return Frame(
        (float(middle[0]), float(middle[1])), 1.0, float(np.radians(rng.normal(0, 3))), (int(size[0]), int(size[1]))
    )
