"""Lateral and frontal scout views of CT (localizers) from synthetic trunks: lying patients, parallel rays, noise."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.synthesis.film import Film, project
from models.synthesis.film_detector import Exposed, Exposure, draw_exposure
from models.synthesis.film_rays import View, frontal_turn, lateral_turn
from models.synthesis.film_samples import Frame
from models.synthesis.film_validation import annotations_of, whole_points
from models.synthesis.spine import Array
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.validation import OPTIONS, readers_grade

SEED = 20270404
_PARALLEL_MM = 1e5
"""A scout's rays are parallel along the table and fan out across it; the fan is left out here."""

_PIXEL_MM = 0.8
_SHARE = {"normal": 0.3, "mimics": 0.25, "fractures": 0.45}
_TABLE_MM, _TABLE_WATER_MM = (6.0, 14.0), (40.0, 140.0)


def draw_scout(trunk: Trunk, rng: np.random.Generator, frontal: bool = False) -> Film:
    """The trunk as a scout shows it: head to thigh, on a table whose edge lies behind the back."""
    z = [v.centre[2] for v in trunk.spine.vertebrae]
    middle = float(np.mean([v.centre[1] for v in trunk.spine.vertebrae]))
    turn = frontal_turn(rng.normal(0, 2)) if frontal else lateral_turn(rng.normal(0, 3), rng.normal(0, 2))
    top, foot = z[0] + rng.uniform(-60, 60), z[-1] - rng.uniform(-20, 80)
    left, right = (-230.0, 230.0) if frontal else (middle - 290, middle + 170)
    size = (int((top - foot) / _PIXEL_MM), int((right - left) / _PIXEL_MM))
    view = View(turn, _PARALLEL_MM, (0.0, float(np.mean([top, foot]))), (left, top), size, _PIXEL_MM)
    film = project(trunk, view, rng, frontal)
    return film if frontal else replace(film, layers=_on_a_table(film.layers, rng))


def _on_a_table(layers: Tensor, rng: np.random.Generator) -> Tensor:
    layers = layers.clone()
    body = layers[0].amax(0) > 1
    back = int(torch.nonzero(body).max()) if bool(body.any()) else layers.shape[2] - 20
    wide = int(rng.uniform(*_TABLE_MM) / _PIXEL_MM)
    start = min(back + 1, layers.shape[2] - wide - 1)
    layers[0, :, start : start + wide] += float(rng.uniform(*_TABLE_WATER_MM))
    return layers


def scout_exposure(rng: np.random.Generator) -> Exposure:
    """Few photons, hardly any scatter, no tone: the logarithm as it is, sometimes sharpened at its edges."""
    flat = float(rng.choice([0.0, rng.uniform(0.2, 0.7)]))
    return replace(
        draw_exposure(rng),
        scatter=float(rng.uniform(0, 0.08)),
        mottle=(0.01, 0.01, 0.01),
        photons=float(np.exp(rng.uniform(np.log(2e4), np.log(3e5)))),
        flatten=flat,
        gamma=float(rng.uniform(0.8, 1.2)),
        black=0.01,
        white=0.995,
        knee=0.01,
        ceiling=1.0,
    )


def write_scouts(numbers: Iterable[int], folder: Path) -> Path:
    """Write lateral scouts as PNG into `folder`/images, and `annotations.json` as `film_validation.write_films` does;
    frontal ones, which have no truth, into `folder`/frontal. Returns the path of the annotations."""
    torch.set_num_threads(1)
    for name in ("images", "frontal"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = [_write(number, folder) for number in numbers]
    target = folder / "annotations.json"
    target.write_text(json.dumps(annotations_of(rows, f"synthetic lateral scouts, seed {SEED}")) + "\n")
    return target


def _write(number: int, folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, number])
    trunk = draw_trunk(rng, OPTIONS[str(rng.choice(list(_SHARE), p=list(_SHARE.values())))])
    film, exposure, front_left = draw_scout(trunk, rng), scout_exposure(rng), bool(rng.random() < 0.5)
    frame = _frame(film, rng)
    _save(Exposed(film, exposure), frame, folder / "images" / f"{number:04d}.png", front_left)
    front = draw_scout(trunk, rng, frontal=True)
    _save(Exposed(front, exposure), _frame(front, rng), folder / "frontal" / f"{number:04d}.png", True)
    points, seen = whole_points(film, frame, front_left)
    return {"number": number, "points": points, "grades": {v.name: readers_grade(v.loss) for v in seen}}


def _frame(film: Film, rng: np.random.Generator) -> Frame:
    """The whole scout at 0.5 to 1 mm."""
    height, width = film.layers.shape[1:]
    pixel = float(rng.uniform(0.5, 1.0)) / film.pixel_mm
    return Frame(((height - 1) / 2, (width - 1) / 2), pixel, 0.0, (int(height / pixel), int(width / pixel)))


def _save(exposed: Exposed, frame: Frame, path: Path, front_left: bool) -> None:
    picture = exposed.patch(*frame.points(), frame.pixel * exposed.film.pixel_mm).clamp(0, 1)
    shown: Array = (picture if front_left else picture.flip(1)).mul(255).round().to(torch.uint8).numpy()
    Image.fromarray(shown).save(path)
