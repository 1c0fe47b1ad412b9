"""Training samples from one synthetic film: parts of the whole at 3 mm, and windows along the spine at 1 mm."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.film_picture import prepared
from models.synthesis.blocks import LEVELS
from models.synthesis.film import Film, FilmVertebra
from models.synthesis.film_detector import COARSE, Exposed, _sampled, draw_exposure, graticule, marked
from models.synthesis.sections import OFFSET_MM
from models.synthesis.spine import Array

WHOLE_MM = 3.0
WHOLE_SIZE = (192, 128)
HEAT_SD_PX = 1.8
OFFSET_PX = 8.0
CORNERS = (("upper", 0), ("upper", -1), ("lower", 0), ("lower", -1))

STRIP_MM = 1.0
STRIP_SIZE = (160, 96)
STRIP_HEAT_SD_PX = 2.5
UPRIGHT_DEG = -9.0
"""Parts are turned so on average: synthetic trunks stoop, L5 lies 6 degrees behind T1, where in patients who stand in
balance (the plumb line of C7 meets the back of S1) it lies some degrees before it."""

_STRIP_WEIGHT = {"C": 0.25, "T": 1.0, "L": 1.0}


@dataclass(frozen=True)
class Whole:
    """image [2, H, W] (`prepared`); tissue [4, H, W] shares of background, body, sacrum, dens; heat [1, H, W] of body
    centres; rank [1, H, W] (C3 = 0, sacrum = 1) and offset [8, H, W] (row, col; units of OFFSET_PX) to the four
    corners, both where inside [1, H, W] is 1."""

    image: Tensor
    tissue: Tensor
    heat: Tensor
    rank: Tensor
    offset: Tensor
    inside: Tensor


@dataclass(frozen=True)
class Strip:
    """image [2, H, W] (`prepared`): a window that lies along the spine, at 1 mm; tissue [4, H, W] shares of background,
    body, disc, sacrum; heat [1, H, W] of body centres; offset [2, H, W] (row, col; units of OFFSET_MM) to the centre of
    the body, where inside [1, H, W] is 1."""

    image: Tensor
    tissue: Tensor
    heat: Tensor
    offset: Tensor
    inside: Tensor


@dataclass(frozen=True)
class Frame:
    """A turned, scaled grid on a film: its middle (row, col) and its pixel, both in film pixels, its turn (radian)
    and its size in pixels; a positive turn lowers the right-hand side."""

    middle: tuple[float, float]
    pixel: float
    turn: float
    size: tuple[int, int]

    def points(self) -> tuple[Tensor, Tensor]:
        """Rows and columns [H, W] of the film that the grid's pixels show."""
        v = torch.arange(self.size[0], dtype=torch.float32) - (self.size[0] - 1) / 2
        u = torch.arange(self.size[1], dtype=torch.float32) - (self.size[1] - 1) / 2
        vv, uu = torch.meshgrid(v, u, indexing="ij")
        sine, cosine = float(np.sin(self.turn)), float(np.cos(self.turn))
        return (
            self.middle[0] + (uu * sine + vv * cosine) * self.pixel,
            self.middle[1] + (uu * cosine - vv * sine) * self.pixel,
        )

    def into(self, points: Array) -> Array:
        """(row, col) in the grid of film points [N, 2] (row, col)."""
        row, col = (points[:, 0] - self.middle[0]) / self.pixel, (points[:, 1] - self.middle[1]) / self.pixel
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        v, u = row * cosine - col * sine, row * sine + col * cosine
        return np.stack([v + (self.size[0] - 1) / 2, u + (self.size[1] - 1) / 2], 1)


def expose(film: Film, rng: np.random.Generator) -> Exposed:
    """The film under one random exposure."""
    return Exposed(film, draw_exposure(rng))


def draw_whole(exposed: Exposed, rng: np.random.Generator) -> Whole:
    """A random part of a film as the first stage sees it: whole, thoracic or lumbar; turned, collimated, marked."""
    film = exposed.film
    frame, field = _part(film, rng)
    rows, cols = frame.points()
    coarse = Frame(frame.middle, frame.pixel, frame.turn, frame.size)
    half = (COARSE - 1) / 2
    picture = _sampled(exposed.coarse, (rows - half) / COARSE, (cols - half) / COARSE)
    on_film = (rows > 0) & (rows < film.layers.shape[1]) & (cols > 0) & (cols < film.layers.shape[2])
    seen = _collimated(field, coarse.size) & on_film
    fill = float(rng.choice([0.0, 0.0, 0.0, 1.0, rng.uniform(0, 1)]))
    if rng.random() < 0.4:
        square = Frame(frame.middle, frame.pixel, 0.2 * frame.turn, frame.size).points()
        picture = graticule(picture, *square, film.pixel_mm, rng)
    picture = marked(torch.where(seen, picture, torch.full_like(picture, fill)), WHOLE_MM, rng)
    return Whole(prepared(picture), *_whole_truth(film, frame, seen.float()))


def _part(film: Film, rng: np.random.Generator) -> tuple[Frame, tuple[float, float]]:
    """Which part of the film: the grid, and the height and width (shares of it) of the collimated field."""
    pixel = WHOLE_MM / film.pixel_mm * float(np.exp(rng.normal(0, 0.13)))
    bodies = [v for v in film.vertebrae if v.kind == "body"]
    kind = str(rng.choice(["any", "lumbar", "thoracic"], p=[0.55, 0.22, 0.23]))
    ranks = {"any": (0, len(bodies)), "lumbar": (len(bodies) - 5, len(bodies)), "thoracic": (8, 15)}[kind]
    v = bodies[int(rng.integers(*ranks))]
    middle = v.centre + rng.normal(0, 20, 2) / film.pixel_mm + np.array([0, -rng.uniform(-20, 70) / film.pixel_mm])
    field = (1.2, 1.2) if kind == "any" else (float(rng.uniform(0.55, 0.9)), float(rng.uniform(0.35, 1.1)))
    turn = float(np.radians(rng.normal(UPRIGHT_DEG, 6)))
    return Frame((float(middle[0]), float(middle[1])), pixel, turn, WHOLE_SIZE), field


def _collimated(field: tuple[float, float], size: tuple[int, int]) -> Tensor:
    rows = (torch.arange(size[0]) - size[0] / 2).abs() < field[0] * size[0] / 2
    cols = (torch.arange(size[1]) - size[1] / 2).abs() < field[1] * size[1] / 2
    return rows[:, None] & cols[None]


def _whole_truth(film: Film, frame: Frame, seen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    height, width = frame.size
    tissue, heat = torch.zeros(4, height, width), torch.zeros(1, height, width)
    rank, offset, inside = torch.zeros(1, height, width), torch.zeros(8, height, width), torch.zeros(1, height, width)
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    cols = torch.arange(width, dtype=torch.float32)[None].expand(height, width)
    for v in film.vertebrae if film.view == "lateral" else ():
        own = filled(frame.into(v.outline), frame.size) * seen
        if float(own.sum()) < 1:
            continue
        tissue[1 if v.kind == "body" else 2] += own
        mine = own > 0.5
        rank[0][mine], inside[0][mine] = v.rank / LEVELS, 1.0
        for n, corner in enumerate(corners(v, frame)):
            offset[2 * n][mine] = (float(corner[0]) - rows)[mine] / OFFSET_PX
            offset[2 * n + 1][mine] = (float(corner[1]) - cols)[mine] / OFFSET_PX
        at = frame.into(v.centre[None])[0]
        whole = filled(frame.into(v.outline), frame.size)
        if v.kind == "body" and float((whole * seen).sum()) > 0.6 * _area(frame.into(v.outline)):
            heat = torch.maximum(heat, _spot(rows, cols, at, HEAT_SD_PX))
    if film.view == "lateral":
        at = frame.into(np.array([film.dens]))[0]
        tissue[3] = _spot(rows, cols, at, 3.0).round() * seen
    tissue[1:] /= tissue[1:].sum(0, keepdim=True).clamp_min(1.0)
    tissue[0] = 1 - tissue[1:].sum(0)
    return tissue, heat, rank, offset, inside


def corners(v: FilmVertebra, frame: Frame) -> Array:
    """The upper anterior, upper posterior, lower anterior and lower posterior corner [4, 2] in the grid."""
    return frame.into(np.array([getattr(v, plate)[at] for plate, at in CORNERS]))


def _area(ring: Array) -> float:
    row, col = ring.T
    return float(abs(np.dot(row, np.roll(col, 1)) - np.dot(col, np.roll(row, 1))) / 2)


def _spot(rows: Tensor, cols: Tensor, at: Array, sd: float) -> Tensor:
    return torch.exp(-((rows - float(at[0])) ** 2 + (cols - float(at[1])) ** 2) / (2 * sd * sd))


def filled(ring: Array, size: tuple[int, int], fine: int = 4) -> Tensor:
    """The share (0..1) of each pixel inside the closed polygon `ring` [N, 2] (row, col)."""
    low = np.clip(np.floor(ring.min(0)).astype(int) - 1, 0, size)
    high = np.clip(np.ceil(ring.max(0)).astype(int) + 2, 0, size)
    out = torch.zeros(size)
    if np.any(high <= low):
        return out
    drawn = Image.new("L", (int(high[1] - low[1]) * fine, int(high[0] - low[0]) * fine))
    shape = [((c - low[1] + 0.5) * fine - 0.5, (r - low[0] + 0.5) * fine - 0.5) for r, c in ring]
    ImageDraw.Draw(drawn).polygon(shape, fill=1)
    cells = np.asarray(drawn, np.float32).reshape(high[0] - low[0], fine, high[1] - low[1], fine)
    out[low[0] : high[0], low[1] : high[1]] = torch.from_numpy(cells.mean((1, 3)))
    return out


def draw_strip(exposed: Exposed, rng: np.random.Generator) -> Strip:
    """A window along the spine as the second stage sees it, laid with the errors of a first stage."""
    film = exposed.film
    frame = _strip_frame(film, rng)
    picture = exposed.patch(*frame.points(), frame.pixel * film.pixel_mm)
    if rng.random() < 0.4:
        picture = graticule(picture, *frame.points(), film.pixel_mm, rng)
    if rng.random() < 0.3:
        picture = marked(picture, STRIP_MM, rng)
    return Strip(prepared(picture), *_strip_truth(film, frame))


def _strip_frame(film: Film, rng: np.random.Generator) -> Frame:
    bodies = [v for v in film.vertebrae if v.kind == "body"]
    weight = np.array([_STRIP_WEIGHT[v.name[0]] * (2.0 if v.fracture else 1.0) for v in bodies])
    n = int(rng.choice(len(bodies), p=weight / weight.sum()))
    above, below = bodies[max(0, n - 2)].centre, bodies[min(len(bodies) - 1, n + 2)].centre
    turn = float(np.arctan2(-(below - above)[1], (below - above)[0])) + float(np.radians(rng.normal(0, 7)))
    pixel = STRIP_MM / film.pixel_mm * float(np.exp(rng.normal(0, 0.13)))
    middle = bodies[n].centre + rng.uniform(-30, 30, 2) * np.array([1.0, 0.5]) / film.pixel_mm
    return Frame((float(middle[0]), float(middle[1])), pixel, turn, STRIP_SIZE)


def _strip_truth(film: Film, frame: Frame) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = frame.size
    tissue, heat = torch.zeros(4, height, width), torch.zeros(1, height, width)
    offset, inside = torch.zeros(2, height, width), torch.zeros(1, height, width)
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    cols = torch.arange(width, dtype=torch.float32)[None].expand(height, width)
    for upper, lower in pairwise(film.vertebrae):
        gap = np.concatenate([upper.lower, lower.upper[::-1]])
        tissue[2] = torch.maximum(tissue[2], filled(frame.into(gap), frame.size))
    for v in film.vertebrae:
        own = filled(frame.into(v.outline), frame.size)
        place = 1 if v.kind == "body" else 3
        tissue[place] = torch.maximum(tissue[place], own)
        if v.kind != "body" or float(own.sum()) < 1:
            continue
        mine, at = own > 0.5, frame.into(v.centre[None])[0]
        inside[0][mine] = 1.0
        offset[0][mine], offset[1][mine] = (float(at[0]) - rows)[mine], (float(at[1]) - cols)[mine]
        if float(own.sum()) > 40:
            heat = torch.maximum(heat, _spot(rows, cols, at, STRIP_HEAT_SD_PX))
    tissue[2] = torch.minimum(tissue[2], 1 - torch.maximum(tissue[1], tissue[3]))
    tissue[1:] /= tissue[1:].sum(0, keepdim=True).clamp_min(1.0)
    tissue[0] = 1 - tissue[1:].sum(0)
    return tissue, heat, offset * (STRIP_MM / OFFSET_MM), inside
