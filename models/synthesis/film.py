"""One synthetic film before any detector: what lies in the way of the rays, and where every vertebra really is."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.synthesis.blocks import LEVEL_ORDER, LEVELS
from models.synthesis.bones import Capsules
from models.synthesis.film_arms import arms
from models.synthesis.film_body import gas, head, skin, thighs
from models.synthesis.film_chest import inside_chest, lungs
from models.synthesis.film_rays import View, frontal_turn, lateral_turn
from models.synthesis.film_solids import Solid
from models.synthesis.shapes import BodyShape, body_depth, occupancy, plate_height, posterior_dent
from models.synthesis.spine import Array, SyntheticVertebra
from models.synthesis.trunk import Trunk
from models.synthesis.volumes import true_heights, true_loss

PIXEL_MM = 0.8
LAYERS = ("soft", "body", "bone", "limbs", "metal")
STEP_MM = 2.0
METAL_RATE = 0.08
"""Of films without metal in the trunk; upright whole films are taken of operated patients more than CT is."""

FRACTIONS = np.array([0.0, 0.04, 0.1, 0.18, 0.28, 0.38, 0.5, 0.62, 0.72, 0.82, 0.9, 0.96, 1.0])
"""Where the outline's end-plates are given, as fractions of the depth from the anterior to the posterior wall."""
_WALL = (-0.6, -0.2, 0.2, 0.6)


@dataclass(frozen=True)
class FilmVertebra:
    """The truth for one vertebra, in pixels (row, col) of the film: `upper`, `lower` [13, 2] its mean end-plates at
    `FRACTIONS` (mid-sagittal, between the two contours that a tilted plate casts), `outline` the closed polygon,
    `centre`; heights (mm) and what chance did to it; `rank` 0 for C3 to 21 for L5, as in `LEVEL_ORDER`; the
    sacrum has 22."""

    name: str
    kind: str
    rank: float
    upper: Array
    lower: Array
    outline: Array
    centre: Array
    heights_mm: tuple[float, float, float]
    loss: float
    fracture: str | None
    mimic: str | None


@dataclass(frozen=True)
class Film:
    """`layers` [5, H, W]: water equivalent (mm) of each of `LAYERS`, more to less dense as the name says; lateral films
    show the front of the patient on the left."""

    layers: Tensor
    pixel_mm: float
    vertebrae: tuple[FilmVertebra, ...]
    dens: tuple[float, float]
    view: str


def draw_view(trunk: Trunk, rng: np.random.Generator, frontal: bool = False, device: str = "cpu") -> View:
    """A random exposure of the whole trunk: source 1.1 to 3 m away, patient turned by a few degrees."""
    z = [v.centre[2] for v in trunk.spine.vertebrae]
    turn = frontal_turn(rng.normal(0, 4)) if frontal else lateral_turn(rng.normal(0, 5), rng.normal(0, 3))
    middle = float(np.mean([v.centre[1] for v in trunk.spine.vertebrae]))
    top, foot = z[0] + 130, z[-1] - 90
    left, right = (-200.0, 200.0) if frontal else (middle - 265, middle + 135)
    size = (int((top - foot) / PIXEL_MM), int((right - left) / PIXEL_MM))
    centre = (float(rng.uniform(-40, 40)), float(rng.uniform(foot + 150, top - 200)))
    return View(turn, float(rng.uniform(1100, 3000)), centre, (left, top), size, PIXEL_MM, device)


def draw_film(trunk: Trunk, rng: np.random.Generator, frontal: bool = False, device: str = "cpu") -> Film:
    """The trunk projected on a film, with its truth."""
    return project(trunk, draw_view(trunk, rng, frontal, device), rng, frontal)


def project(trunk: Trunk, view: View, rng: np.random.Generator, frontal: bool = False) -> Film:
    """The trunk as one exposure shows it, with its truth."""
    layers = {name: torch.zeros(view.size, device=view.device) for name in LAYERS}
    layers["soft"] += skin(trunk, view, rng, frontal) + lungs(trunk, view, rng, frontal)
    layers["soft"] += inside_chest(trunk, view, rng)
    for solid in gas(trunk, rng):
        solid.add_to(layers["soft"], view)
    layers["limbs"] += arms(trunk, view, rng)
    for solid in (*head(trunk, rng), *thighs(trunk)):
        solid.add_to(layers["limbs"], view)
    for bone in (*trunk.bones, *trunk.arches):
        if bone.owner not in ("arms", "skull"):
            _add_bone(layers["bone"], bone, view)
    for vessel in trunk.vessels:
        _add_plain(layers["soft"], vessel, view, vessel.marrow / 1000 * 0.5)
    for v in trunk.spine.vertebrae:
        _add_body(layers["body"], v, view)
    metal = _metal(trunk, rng)
    for solid in metal:
        solid.add_to(layers["metal"], view)
    c3 = trunk.spine.vertebrae[0]
    dens = view.pixels((c3.centre + c3.frame @ np.array([0, -1, 30.0]))[None])[0]
    vertebrae = tuple(film_vertebra(v, view) for v in trunk.spine.vertebrae if v.name[0] != "S" or v.name == "S1")
    stacked = torch.stack([layers[name] for name in LAYERS])
    stacked[0].clamp_(min=0)
    return Film(
        stacked, view.pixel_mm, vertebrae, (float(dens[0]), float(dens[1])), "frontal" if frontal else "lateral"
    )


def _add_bone(picture: Tensor, bone: Capsules, view: View) -> None:
    """Cortex and marrow of a bone made of capsules; overlapping capsules of one bone count a little less."""
    share = 0.75 if len(bone.ends) > 8 else 1.0
    for ends, radii in zip(bone.ends.numpy(), bone.radii.numpy(), strict=True):
        radius = float(radii.mean())
        inner = radius - min(1.5, 0.4 * radius)
        core = (bone.marrow - bone.cortex) / 1000 * share
        _solid(ends, radius, share * bone.cortex / 1000, (inner, core)).add_to(picture, view)


def _solid(ends: Array, radius: float, density: float, core: tuple[float, float] | None = None) -> Solid:
    """A tube, or a ball where both ends are one point."""
    if np.linalg.norm(ends[1] - ends[0]) < 1:
        return Solid(ends[:1], 0.0, density * 0.6, np.full(3, radius))
    return Solid(ends, radius, density, core=core)


def _add_plain(picture: Tensor, bone: Capsules, view: View, density: float) -> None:
    for ends, radii in zip(bone.ends.numpy(), bone.radii.numpy(), strict=True):
        _solid(ends, float(radii.mean()), density).add_to(picture, view)


def _metal(trunk: Trunk, rng: np.random.Generator) -> list[Solid]:
    """Screws and rods over any stretch, cages in discs; none in most."""
    made: list[Solid] = []
    bodies = [v for v in trunk.spine.vertebrae if v.kind == "body"]
    if trunk.hardware or rng.random() < METAL_RATE:
        count = int(rng.integers(2, 15))
        first = int(rng.integers(6, len(bodies) - 1))
        for side in (-1.0, 1.0):
            heads = [_screw(v, side, made) for v in bodies[first : first + count]]
            made += [Solid(np.stack([a, b]), 2.8, 6.0) for a, b in pairwise(heads)]
    if rng.random() < 0.05:
        v = bodies[int(rng.integers(14, len(bodies)))]
        disc = v.centre - v.frame[:, 2] * (v.shape.lower.posterior + 4)
        made.append(Solid(disc[None], 0.0, 3.0, np.array([10.0, 12.0, 4.0])))
    return made


def _screw(v: SyntheticVertebra, side: float, made: list[Solid]) -> Array:
    tip = v.centre + v.frame @ np.array(
        [side * 0.16 * v.shape.width, -0.15 * v.shape.depth, 0.2 * v.shape.upper.posterior]
    )
    end = np.array([side * 0.42 * v.shape.width, v.shape.depth / 2 + 26, 0.3 * v.shape.upper.posterior])
    end = v.centre + v.frame @ end
    made.append(Solid(np.stack([tip, end]), 2.8, 5.0))
    return np.asarray(end)


def _add_body(picture: Tensor, v: SyntheticVertebra, view: View) -> None:
    """Shell, spongiosa and inclusions of one body, summed along the rays."""
    tall = max(v.shape.upper.posterior + v.shape.lower.posterior, v.shape.upper.anterior + v.shape.lower.anterior)
    extent = np.array([v.shape.width, v.shape.depth, tall]) / 2 + 3
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    rays = view.box(v.centre + (signs * extent) @ v.frame.T, 2.0)
    if rays is None:
        return
    frame = torch.as_tensor(v.frame, dtype=torch.float32, device=view.device)
    origin = (rays.origin - torch.as_tensor(v.centre, dtype=torch.float32, device=view.device)) @ frame
    along = rays.along @ frame
    nearest = -(origin * along).sum(-1, keepdim=True)
    across = np.abs(along.mean((0, 1)).cpu().numpy()) @ extent
    steps = torch.arange(-across, across + 1e-3, STEP_MM, device=view.device)
    points = origin[..., None, :] + (nearest + steps)[..., None] * along[..., None, :]
    xyz = (points[..., 0], points[..., 1], points[..., 2])
    depth, top, bottom, side = body_depth(v.shape, xyz)
    t = v.cortex_mm
    inner = torch.minimum(torch.minimum(top - 1.3 * t, bottom - 1.3 * t), side - 0.6 * t)
    whole, core = occupancy(depth, view.pixel_mm), occupancy(inner, view.pixel_mm)
    hu = v.cortex * (whole - core) + (v.spongiosa - 40) * core
    for one in v.inside:
        away = sum((a - c) ** 2 for a, c in zip(xyz, one.centre, strict=True)) ** 0.5
        hu = hu + (one.hu - v.spongiosa) * occupancy(one.radius - away, view.pixel_mm) * core
    picture[rays.rows, rays.cols] += hu.sum(-1) * (STEP_MM / 1000)


def _plates(shape: BodyShape) -> tuple[Array, Array]:
    """Mean upper and lower end-plate [13, 3] of the mid-sagittal slab (+-5 mm), in the body's frame."""
    x = torch.linspace(-5, 5, 5)[None].expand(len(FRACTIONS), -1)
    dent = float(posterior_dent(shape, torch.zeros(1)))
    y = torch.as_tensor(FRACTIONS, dtype=torch.float32)[:, None] * (shape.depth - dent) - shape.depth / 2
    upper = plate_height(shape.upper, shape, (x, y.expand_as(x))).mean(1).numpy()
    lower = plate_height(shape.lower, shape, (x, y.expand_as(x))).mean(1).numpy()
    depth, zero = y[:, 0].numpy(), np.zeros(len(FRACTIONS))
    return np.stack([zero, depth, upper], 1), np.stack([zero, depth, -lower], 1)


def _walls(shape: BodyShape, upper: Array, lower: Array) -> tuple[Array, Array]:
    """The anterior and posterior wall between the end-plates, drawn in at the waist: [4, 3] each, upper end first."""
    walls = []
    for end, sign in ((0, -1.0), (-1, 1.0)):
        rows = []
        for t in _WALL:
            z = upper[end, 2] * (1 - t) / 2 + lower[end, 2] * (1 + t) / 2
            pull = shape.waist * (1 - t * t) * shape.depth / 2
            rows.append([0.0, upper[end, 1] - sign * pull, z])
        walls.append(np.array(rows))
    return walls[0], walls[1]


def film_vertebra(v: SyntheticVertebra, view: View) -> FilmVertebra:
    """Where a vertebra of the trunk comes to lie on the film, and what is true of it."""
    upper, lower = _plates(v.shape)
    front, back = _walls(v.shape, upper, lower)
    ring = np.concatenate([upper, back, lower[::-1], front[::-1]])

    def seen(points: Array) -> Array:
        return view.pixels(points @ v.frame.T + v.centre)

    return FilmVertebra(
        name=v.name,
        kind=v.kind,
        rank=LEVEL_ORDER.get(v.name, LEVELS),
        upper=seen(upper),
        lower=seen(lower),
        outline=seen(ring),
        centre=view.pixels(v.centre[None])[0],
        heights_mm=true_heights(v.shape),
        loss=true_loss(v),
        fracture=v.fracture[0] if v.fracture else None,
        mimic=v.mimic,
    )
