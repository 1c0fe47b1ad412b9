"""Hands, knees, feet and hips on a film: hardly a vertebra, but chains of bones that may be taken for a spine."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from models.synthesis.film import LAYERS, Film
from models.synthesis.film_rays import View, lateral_turn
from models.synthesis.film_solids import Solid, union
from models.synthesis.scanner import gaussian
from models.synthesis.spine import Array

PIXEL_MM = 0.5
_SOFT_PX = 1.6
_SWELL = (1.45, 1.25, 1.1, 1.02, 1.0, 1.0, 1.02, 1.1, 1.25, 1.45)
"""How much thicker than its middle a long bone is from end to end (house value for generating pictures only)."""


@dataclass(frozen=True)
class Limb:
    """Bones and flesh in mm: x along the central ray, y to the right of the picture, z up; `size` of the film (mm)."""

    bones: tuple[Solid, ...]
    flesh: tuple[Solid, ...]
    size: tuple[float, float]


def draw_limb(kind: str, rng: np.random.Generator) -> Film:
    """A film of one hand, knee, foot or pelvis (`LIMBS`), without a vertebra that counts."""
    limb = LIMBS[kind](rng)
    height, width = limb.size
    pixels = (int(height / PIXEL_MM), int(width / PIXEL_MM))
    turn = lateral_turn(float(rng.normal(0, 8)), float(rng.normal(0, 6)))
    view = View(turn, float(rng.uniform(900, 1300)), (0.0, 0.0), (-width / 2, height / 2), pixels, PIXEL_MM)
    layers = {name: torch.zeros(pixels) for name in LAYERS}
    layers["soft"] += union(limb.flesh, view)
    for solid in limb.bones:
        solid.add_to(layers["bone"], view)
    layers["bone"] = gaussian(gaussian(layers["bone"].clamp_min(0.0), _SOFT_PX, 0), _SOFT_PX, 1)
    return Film(torch.stack([layers[name] for name in LAYERS]), PIXEL_MM, (), (0.0, 0.0), kind)


def _hand(rng: np.random.Generator) -> Limb:
    """From the front: wrist, palm and five fingers."""
    s = float(rng.uniform(0.85, 1.1))
    bones = [*_long(_at(0, 12, -120, s), _at(0, 10, -8, s), 8 * s), *_long(_at(0, -14, -120, s), _at(0, -12, -8, s), 6)]
    for row, count in ((4.0, 3), (17.0, 4)):
        bones += [_ball(_at(rng.normal(0, 2), 14 * (n - (count - 1) / 2), row, s), 7.5 * s) for n in range(count)]
    flesh = [Solid(np.stack([_at(0, 0, -140, s), _at(0, 0, 10, s)]), 27 * s, 1.0), _ball(_at(0, 0, 0, s), 27 * s, 1.0)]
    flesh.append(Solid(_at(0, 0, 48, s)[None], 0.0, 1.0, np.array([13.0, 43.0, 52.0]) * s))
    spread = float(rng.uniform(0.5, 1.2))
    for n, lengths in enumerate(((46, 32, 24), (67, 40, 24, 18), (64, 44, 28, 18), (58, 41, 27, 18), (53, 33, 20, 17))):
        angle = np.radians((42.0, 8.0, 1.0, -7.0, -17.0)[n] * spread)
        joints = _chain(_at(0, (24, 17, 6, -6, -17)[n], 10 if n == 0 else 26, s), angle, np.array(lengths) * s)
        for thick, (a, b) in zip((4.2, 3.7, 3.1, 2.6), pairwise(joints), strict=False):
            bones += _long(a, b, thick * s)
        flesh += [Solid(np.stack([joints[0], joints[-1]]), 10 * s, 1.0), _ball(joints[-1], 9 * s, 1.0)]
    return Limb(tuple(bones), tuple(flesh), (330 * s, 230 * s))


def _knee(rng: np.random.Generator) -> Limb:
    """From the front or the side, straight or bent."""
    s, side = float(rng.uniform(0.88, 1.12)), bool(rng.random() < 0.5)
    bend = float(np.radians(rng.uniform(0, 45) if side else rng.uniform(-3, 3)))
    foot = np.array([0.0, np.sin(bend), -np.cos(bend)])
    thigh, plateau = _at(0, 0, 190, s), foot * 20 * s
    bones = [*_long(_at(0, 0, 22, s), thigh, 15 * s), *_long(plateau, plateau + foot * 190 * s, 14 * s)]
    for shift in (-19.0, 19.0):
        across = np.array([shift, 6.0, 12.0]) if side else np.array([6.0, shift, 12.0])
        axes = np.array([17.0, 28.0, 20.0]) if side else np.array([28.0, 20.0, 20.0])
        bones.append(Solid(across[None] * s, 0.0, 0.35, axes * s))
    bones.append(
        Solid((plateau - foot * 6 * s)[None], 0.0, 0.35, np.array([36.0 if not side else 28.0, 38.0, 11.0]) * s)
    )
    beside = np.array([35.0, 18.0, 0.0] if side else [0.0, 38.0, 0.0]) * s
    bones += _long(plateau + foot * 14 * s + beside, plateau + foot * 190 * s + beside, 5.5 * s)
    cap = (_at(0, -36, 20, s), (20.0, 10.0, 21.0)) if side else (_at(-36, 0, 20, s), (10.0, 20.0, 21.0))
    bones.append(Solid(cap[0][None], 0.0, 0.4, np.array(cap[1]) * s))
    thick = float(rng.uniform(48, 72)) * s
    flesh = (
        Solid(np.stack([np.zeros(3), thigh * 1.3]), thick, 1.0),
        Solid(np.stack([np.zeros(3), plateau + foot * 230 * s]), 0.85 * thick, 1.0),
        _ball(np.zeros(3), 1.02 * thick, 1.0),
    )
    return Limb(tuple(bones), flesh, (330 * s, 220 * s))


def _foot(rng: np.random.Generator) -> Limb:
    """From the side: shin, heel, arch and toes."""
    s = float(rng.uniform(0.88, 1.1))
    ankle = _at(0, 30, 36, s)
    bones = [*_long(ankle, _at(0, 30, 200, s), 13 * s), *_long(ankle + _at(0, 14, -8, s), _at(0, 42, 200, s), 6 * s)]
    for (y, z), axes in {(20, 14): (18, 26, 15), (52, -12): (17, 36, 17), (-12, 4): (16, 11, 14)}.items():
        bones.append(Solid(_at(0, y, z, s)[None], 0.0, 0.4, np.array(axes, float) * s))
    flesh = [
        Solid(np.stack([_at(0, 34, 220, s), ankle]), 42 * s, 1.0),
        Solid(_at(0, 30, -4, s)[None], 0.0, 1.0, np.array([38.0, 74.0, 38.0]) * s),
        Solid(_at(0, -50, -16, s)[None], 0.0, 1.0, np.array([42.0, 100.0, 24.0]) * s),
    ]
    for n in range(5):
        start, toe = _at(10 * (n - 2), -24, 4 - 4 * n, s), _at(12 * (n - 2), -88, -24 - 2 * n, s)
        bones += [*_long(start, toe, 4.2 * s), *_long(toe, toe + _at(0, -34, -4, s), 3.2 * s)]
    return Limb(tuple(bones), tuple(flesh), (300 * s, 290 * s))


def _pelvis(rng: np.random.Generator) -> Limb:
    """From the front: both wings and hips, the sacrum, the lowest lumbar bodies above it."""
    s = float(rng.uniform(0.88, 1.12))
    bones = [Solid(np.stack([_at(0, 0, 150, s), _at(0, 0, 96, s)]), 24 * s, 0.3, core=(21 * s, -0.12))]
    for n, half in enumerate((46.0, 38.0, 30.0, 20.0)):
        bones.append(Solid(_at(0, 0, 76 - 22 * n, s)[None], 0.0, 0.25, np.array([16.0, half, 14.0]) * s))
    for side in (-1.0, 1.0):
        wing = np.array([8.0, 54.0, 66.0]) * s * rng.uniform(0.9, 1.1)
        bones.append(Solid(_at(0, side * 88, 66, s)[None], 0.0, 0.8, wing))
        bones.append(Solid(_at(0, side * 88, 66, s)[None], 0.0, -0.45, wing * 0.9))
        hip = _at(0, side * 92, -22, s)
        bones += [Solid(hip[None], 0.0, 0.4, np.full(3, 25.0 * s)), Solid(hip[None], 0.0, 0.25, np.full(3, 33.0 * s))]
        rim = [hip, _at(0, side * 40, -28, s), _at(0, side * 5, -52, s), _at(0, side * 48, -92, s), hip]
        for a, b in pairwise(rim):
            bones += _long(a, b, 8 * s)
        trochanter = _at(0, side * 142, -52, s)
        bones += [*_long(hip, trochanter, 13 * s), *_long(trochanter, _at(0, side * 128, -210, s), 15 * s)]
    wide = float(rng.uniform(165, 205)) * s
    flesh = [Solid(_at(0, 0, 20, s)[None], 0.0, 1.0, np.array([100.0, wide, 260.0]) * s)]
    flesh += [Solid(np.stack([_at(0, q * 100, 0, s), _at(0, q * 100, -260, s)]), 84 * s, 1.0) for q in (-1.0, 1.0)]
    return Limb(tuple(bones), tuple(flesh), (350 * s, 400 * s))


LIMBS: dict[str, Callable[[np.random.Generator], Limb]] = {
    "hand": _hand,
    "knee": _knee,
    "foot": _foot,
    "pelvis": _pelvis,
}


def _at(x: float, y: float, z: float, scale: float) -> Array:
    return np.array([x, y, z]) * scale


def _ball(at: Array, radius: float, density: float = 0.45) -> Solid:
    return Solid(at[None], 0.0, density, np.full(3, radius))


def _chain(start: Array, angle: float, lengths: Array) -> list[Array]:
    """Joints of a finger that points up, turned by `angle` to the right."""
    way = np.array([0.0, np.sin(angle), np.cos(angle)])
    return [start + way * length for length in np.r_[0.0, np.cumsum(lengths * 1.06)]]


def _long(a: Array, b: Array, radius: float) -> list[Solid]:
    """A hollow shaft that widens to both joints."""
    joints = [a + share * (b - a) for share in np.linspace(0, 1, len(_SWELL) + 1)]
    made = [
        Solid(np.stack(ends), swell * radius, 0.9, core=(0.65 * swell * radius, -0.6))
        for ends, swell in zip(pairwise(joints), _SWELL, strict=True)
    ]
    return [*made, _ball(a, 1.35 * radius), _ball(b, 1.35 * radius)]
