"""Training samples for the close look on films: one place in its own frame, and the six points of the body there."""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.film import Film, FilmVertebra
from models.synthesis.film_detector import Exposed
from models.synthesis.film_samples import filled
from models.synthesis.spine import Array

SIZE = 80
HEIGHT_PX = 27.0
"""Pixels that the expected height of a body takes in its look: three heights are shown, whatever the level."""

DEPTH_PER_HEIGHT = 1.35
"""Usual depth of a body over its height: the depth, which no fracture takes away, has half a say in its size."""

POINTS = 6
CENTRED, OFF = 0.34, 0.5
"""A body is centred up to the first distance (shares of its size), no more from the second; between them neither."""

_HALF_DEPTH_PX = 0.5 * 1.22 * HEIGHT_PX
_BEND_MEAN, _BEND_SD = (0.07, 0.0), (0.09, 0.05)
"""Front heights are made lower on average: those of synthetic bodies are 7 in 100 above the norms they are drawn from,
because their front rims stand up."""

_HOLED = 0.45
"""Share of looks that are given dark foramina."""

_BROKEN_FROM, _BROKEN_WIDTH = 0.14, 0.06
"""Loss against the expected height from which a body counts as broken, and over which share more it does so wholly; in
the middle lies where readers see grade 2 (`docs/grading.md`)."""

_DULL, _DULL_KEPT = 0.012, 0.2
"""Spread (SD) of grey below which a look shows next to nothing, and how many of these are kept."""

_MIDDLE = 6  # of film.FRACTIONS: half the depth
_WEIGHT = {"C": 0.3, "T": 1.0, "L": 1.0}
_KINDS = ("body", "disc", "beside", "away", "sacrum", "below", "missized")
_SHARE = (0.56, 0.11, 0.09, 0.04, 0.08, 0.05, 0.07)


@dataclass(frozen=True)
class FilmLook:
    """picture [1, H, W] grey (0..1, bone bright, front left); points [6, 2] (row, col): upper anterior, middle,
    posterior, lower anterior, middle, posterior, where `known` [1] is 1; own [1, H, W]: share of each pixel in the
    body; here [2]: 1 where a body is centred, and where the sacrum's first is, else 0, where `told` [1] is 1; broken
    [1]: how far (0..1) the body counts as one of grade 2 or 3, where `known` is 1."""

    picture: Tensor
    points: Tensor
    known: Tensor
    own: Tensor
    here: Tensor
    told: Tensor
    broken: Tensor


@dataclass(frozen=True)
class Place:
    """A square grid on a film: its middle (row, col), the matrix [2, 2] that turns grid steps into film steps, and how
    bodies are bent in it, (wedge, waist): by how much (share) they are lower at the front, and in the middle, than on
    the film, so that a network cannot go by how synthetic bodies are shaped."""

    middle: Array
    steps: Array
    bend: tuple[float, float] = (0.0, 0.0)

    def film(self) -> tuple[Tensor, Tensor]:
        """Rows and columns [H, W] of the film that the grid's pixels show."""
        at = np.arange(SIZE) - (SIZE - 1) / 2
        v, u = np.meshgrid(at, at, indexing="ij")
        shown = np.stack([v * self._taller(u), u], -1) @ self.steps.T + self.middle
        return torch.from_numpy(shown[..., 0]).float(), torch.from_numpy(shown[..., 1]).float()

    def into(self, points: Array) -> Array:
        """(row, col) in the grid of film points [..., 2]."""
        plain = (points - self.middle) @ np.linalg.inv(self.steps).T
        v, u = plain[..., 0], plain[..., 1]
        return np.asarray(np.stack([v / self._taller(u), u], -1) + (SIZE - 1) / 2)

    def _taller(self, u: Array) -> Array:
        """Film rows shown by one row of the grid, by column from the middle."""
        at = np.clip(u / _HALF_DEPTH_PX, -1.6, 1.6)
        return np.asarray(1 - self.bend[0] / 2 * at + self.bend[1] * np.clip(1 - at * at, 0, None))


def six(v: FilmVertebra) -> Array:
    """The six points [6, 2] of a vertebra on its film."""
    return np.concatenate([plate[[0, _MIDDLE, -1]] for plate in (v.upper, v.lower)])


def size_of(points: Array) -> float:
    """The size of a body by its six points: half its mean height, half its depth as height."""
    height = np.linalg.norm(points[[3, 5]] - points[[0, 2]], axis=1).mean()
    depth = np.linalg.norm(points[[2, 5]] - points[[0, 3]], axis=1).mean()
    return float(height + depth / DEPTH_PER_HEIGHT) / 2


def draw_film_look(picture: Tensor, film: Film, rng: np.random.Generator) -> FilmLook:
    """One place on the exposed picture [H, W] of a film, found with the errors of a first stage: mostly a body, else a
    disc, a place beside the spine or anywhere, the sacrum, or a body at a wrong size."""
    while True:
        place = _place(film, rng)
        shown = _shown(picture, place)
        if float(shown.std()) > _DULL or rng.random() < _DULL_KEPT:
            look = look_at(shown, film, place)
            return replace(look, picture=_holed(look, rng)) if rng.random() < _HOLED else look


def whole_picture(exposed: Exposed) -> Tensor:
    """The whole film [H, W] as exposed, at its own pixel; grey 0 to 1."""
    height, width = exposed.film.layers.shape[1:]
    rows, cols = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    return exposed.patch(rows, cols, exposed.film.pixel_mm)


def _shown(picture: Tensor, place: Place) -> Tensor:
    """What a place shows of a picture [H, W] of the whole film; the film's edge goes on beyond it."""
    rows, cols = place.film()
    height, width = picture.shape
    grid = torch.stack([2 * cols / (width - 1) - 1, 2 * rows / (height - 1) - 1], -1)[None]
    return F.grid_sample(picture[None, None].float(), grid, align_corners=True, padding_mode="border")[0, 0]


def _holed(look: FilmLook, rng: np.random.Generator) -> Tensor:
    """The look with dark foramina behind the discs above and below its body, where real films show them."""
    if not float(look.known):
        return look.picture
    points = look.points.numpy().astype(float)
    back = (points[[2, 5]] - points[[0, 3]]).mean(0)
    back, tall = back / np.linalg.norm(back), points[[3, 5]].mean(0) - points[[0, 2]].mean(0)
    picture, size = look.picture.clone(), float(np.linalg.norm(tall))
    at = np.moveaxis(np.indices(picture.shape[1:]), 0, -1).astype(float)
    strength, wide = rng.uniform(0.04, 0.25), rng.uniform(0.14, 0.24) * size
    behind = back * (rng.uniform(0.12, 0.3) * size + wide)
    for end, along in ((points[2], rng.uniform(-0.35, -0.05)), (points[5], rng.uniform(-0.3, 0.1))):
        away = at - (end + behind + along * tall)
        across, down = away @ back / wide, away @ (tall / size) / (1.4 * wide)
        picture[0] -= torch.from_numpy(strength / (1 + np.exp(np.minimum(3 * (across**2 + down**2 - 1), 30)))).float()
    return picture.clamp_min(0)


def look_at(picture: Tensor, film: Film, place: Place) -> FilmLook:
    """A picture [H, W] of a place with its truth."""
    bodies = [v for v in film.vertebrae if v.kind == "body"] if film.view == "lateral" else []
    middle = np.full(2, (SIZE - 1) / 2)
    last = six(film.vertebrae[-1])
    sacrum = film.view == "lateral" and float(np.linalg.norm(place.into(last).mean(0) - middle)) < CENTRED * HEIGHT_PX
    seen = [(place.into(six(v)), v) for v in bodies]
    away = [float(np.linalg.norm(points.mean(0) - middle)) / size_of(points) for points, _ in seen]
    if not seen or min(away) > OFF:
        return _told(picture, None, (0.0, float(sacrum), 1.0), 0.0)
    n = int(np.argmin(away))
    right = 1 / 1.45 < size_of(seen[n][0]) / HEIGHT_PX < 1.45
    sure = away[n] < CENTRED and right
    wrong = not 1 / 1.6 < size_of(seen[n][0]) / HEIGHT_PX < 1.6
    broken = float(np.clip((seen[n][1].loss - _BROKEN_FROM) / _BROKEN_WIDTH, 0, 1))
    body = (seen[n][0], place.into(seen[n][1].outline))
    return _told(picture, body, (float(sure), 0.0, float(sure or wrong)), broken)


def _told(
    picture: Tensor, body: tuple[Array, Array] | None, here: tuple[float, float, float], broken: float
) -> FilmLook:
    points = np.full((POINTS, 2), (SIZE - 1) / 2) if body is None else body[0]
    own = torch.zeros(SIZE, SIZE) if body is None else filled(body[1], (SIZE, SIZE), 2)
    inside = body is not None and bool((points > 0).all() and (points < SIZE - 1).all())
    return FilmLook(
        picture[None],
        torch.as_tensor(points, dtype=torch.float32),
        torch.tensor([float(inside)]),
        own[None],
        torch.tensor(here[:2]),
        torch.tensor(here[2:]),
        torch.tensor([broken]),
    )


def _place(film: Film, rng: np.random.Generator) -> Place:
    bodies = [v for v in film.vertebrae if v.kind == "body"]
    n = _chosen(bodies, rng)
    kind = str(rng.choice(_KINDS, p=_SHARE))
    near = [six(v) for v in bodies[max(0, n - 1) : n + 2]]
    size, points = float(np.median([size_of(one) for one in near])), six(bodies[n])
    middle = points.mean(0) + rng.normal(0, 0.14, 2) * size
    turn = _turn(points) + float(np.radians(rng.normal(0, 7)))
    scale = float(np.exp(np.clip(rng.normal(0, 0.14), -0.34, 0.34)))
    if kind == "disc" and n + 1 < len(bodies):
        middle = (points[3:].mean(0) + six(bodies[n + 1])[:3].mean(0)) / 2 + rng.normal(0, 0.1, 2) * size
    elif kind == "beside":
        middle = middle + size * rng.choice([-1, 1]) * rng.uniform(0.6, 2.0) * np.array([np.sin(turn), np.cos(turn)])
    elif kind == "away":
        middle = rng.uniform(0.05, 0.95, 2) * np.array([np.ptp([v.centre[0] for v in bodies]), 500.0])
        middle = middle + np.array([bodies[0].centre[0], 0.0])
    elif kind == "sacrum":
        middle = six(film.vertebrae[-1]).mean(0) + rng.normal(0, 0.14, 2) * size
        turn = _turn(six(film.vertebrae[-1])) + float(np.radians(rng.normal(-12, 12)))
    elif kind == "below":
        middle = film.vertebrae[-1].centre + rng.uniform(-0.7, 2.5, 2) * size
    elif kind == "missized":
        scale *= float(rng.choice([0.55, 1.8]))
    bend = rng.normal(_BEND_MEAN, _BEND_SD)
    return Place(np.asarray(middle), _steps(size * scale / HEIGHT_PX, turn, rng), (float(bend[0]), float(bend[1])))


def _chosen(bodies: list[FilmVertebra], rng: np.random.Generator) -> int:
    weight = np.array([_WEIGHT[v.name[0]] * (2.5 if v.fracture else 1.5 if v.mimic else 1.0) for v in bodies])
    return int(rng.choice(len(bodies), p=weight / weight.sum()))


def _turn(points: Array) -> float:
    """How far (radian) the depth axis points downwards at its posterior end."""
    back = points[[2, 5]].mean(0) - points[[0, 3]].mean(0)
    return float(np.arctan2(back[0], back[1]))


def _steps(pixel: float, turn: float, rng: np.random.Generator) -> Array:
    """Film steps (row, col) per grid step, turned, a little stretched and sheared: bodies are not all alike."""
    stretch = float(np.exp(rng.normal(0, 0.05)))
    own = np.array([[stretch, float(rng.normal(0, 0.04))], [float(rng.normal(0, 0.04)), 1 / stretch]])
    sine, cosine = np.sin(turn), np.cos(turn)
    return np.asarray(np.array([[cosine, sine], [-sine, cosine]]) @ own * pixel)
