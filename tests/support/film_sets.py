"""Small sets of films with named corners, and what an analyser may say of them."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis, Finding, Loss, PatientSummary, SagittalPicture
from vfx_finder.domain.spine import Drawing, Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

LEVELS = (Level.T12, Level.L1, Level.L2)
SIZE = (400, 300)
"""Rows and columns of every film."""

AT = {level: 100.0 + 45 * n for n, level in enumerate(LEVELS)}
"""The row of the middle of each body."""


def box(row: float, col: float = 120.0) -> np.ndarray:
    """The corners of a body (row, col): upper front, upper back, lower front, lower back."""
    return np.array([[row - 15, col - 20], [row - 15, col + 20], [row + 15, col - 20], [row + 15, col + 20]])


def write_films(folder: Path, grades: Mapping[str, Mapping[str, int]], absent: tuple[str, ...] = ()) -> Path:
    """Films of these names with three bodies each and their grades, bright from left to right; the picture of an absent
    one is missing. Returns the annotations file."""
    folder.mkdir(parents=True, exist_ok=True)
    grey = np.tile(np.linspace(0, 255, SIZE[1]).astype(np.uint8), (SIZE[0], 1))
    for number, name in enumerate(grades):
        Image.fromarray(np.roll(grey, number, 1)).save(folder / name)
    names = [f"{level}{corner}" for level in LEVELS for corner in ("TF", "TB", "BF", "BB")]
    points = np.array([(col, row, 2) for level in LEVELS for row, col in box(AT[level])]).flatten().tolist()
    films = list(enumerate([*grades, *absent], start=1))
    told = {
        "images": [{"id": at, "file_name": name} for at, name in films],
        "categories": [{"keypoints": names}],
        "annotations": [
            {"image_id": at, "keypoints": points, "grades": dict(grades.get(name, {}))} for at, name in films
        ],
    }
    file = folder / "annotations.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def said(level: Level, row: float, *, mirrored: bool = False, suspected: bool = False, scale: int = 1) -> Finding:
    """A finding at this row of the film; mirrored, it is drawn on a picture that is held so, `scale` times as large."""
    corners = box(row)
    if mirrored:
        corners = np.stack([corners[:, 0], SIZE[1] - 1 - corners[:, 1]], 1)
    at = [(float(col), float(row)) for row, col in corners * scale]
    drawing = Drawing((at[0], at[1], at[3], at[2]), ((at[0], at[2]), (at[0], at[2]), (at[1], at[3])))
    flags = (FILM_SUSPECTED,) if suspected else ()
    vertebra = Vertebra(LevelEstimate(level, 0.9, {}), (120.0, row, 0.0), Heights(30, 28, 30), flags, drawing)
    return Finding(vertebra, Loss(0.1, 0.1), None, None, 0.9 if suspected else 0.1)


def analysis(*findings: Finding, scale: int = 1) -> Analysis:
    """An analysis of a film with these findings and a picture `scale` times as large as the film."""
    rows, columns = (side * scale for side in SIZE)
    buffer = BytesIO()
    Image.fromarray(np.full((rows, columns), 90, np.uint8)).save(buffer, "PNG")
    picture = SagittalPicture(buffer.getvalue(), columns, rows, 1.0)
    return Analysis("DX", None, findings, PatientSummary(0, 0, 0, 0.0), (), {"total": 2.0}, picture=picture)


def refused(reason: Reason = Reason.FILM_OF_CHEST) -> Analysis:
    """A film that no body was sought on."""
    return Analysis("DX", Unsuitable(reason, "a chest"), (), None, (), {"total": 1.0})
