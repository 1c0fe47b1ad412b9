"""Vertebral bodies as blocks of known Hounsfield units in a volume, under sections of `tests.support.locating`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.density import Site
from pipelines.steps.facts import Located, Volume
from pipelines.steps.measure import measure_body
from tests.support.locating import COLUMN, DEPTH, FIRST_ROW_LPS, PITCH, bodies_of
from vfx_finder.domain.finding import Finding
from vfx_finder.domain.spine import Level, LevelEstimate, Vertebra

HEIGHT = 26
LEVELS = (Level.T12, Level.L1, Level.L2)
TRABECULAR_HU, NOISE_HU, CORTEX_HU = 130.0, 25.0, 800.0

Floats = NDArray[np.floating]
Paint = Callable[[Floats, Floats, Floats], NDArray[np.bool_]]
"""Which places are painted: mm towards posterior, left and the head from the middle of the body."""


@dataclass(frozen=True)
class Painted:
    """One thing in a body: where, and its HU."""

    level: Level
    where: Paint
    hu: float


def ball(radius: float, posterior: float = 0.0, left: float = 0.0, head: float = 0.0) -> Paint:
    """A ball (mm) somewhere in the body."""
    return lambda p, x, h: (p - posterior) ** 2 + (x - left) ** 2 + (h - head) ** 2 <= radius**2


def everywhere(p: Floats, _x: Floats, _h: Floats) -> NDArray[np.bool_]:
    """The whole inside."""
    return np.ones(p.shape, np.bool_)


def located() -> Located:
    """T12, L1 and L2, one under the other."""
    return bodies_of([(HEIGHT, HEIGHT)] * len(LEVELS))


def volume(*things: Painted, turn_degrees: float = 0.0) -> Volume:
    """The volume of `located()`, 1 mm voxels, its grid turned about the patient's left-right axis by so much."""
    affine, lps, noise = _grid(turn_degrees)
    hu = np.full(noise.shape, 40.0, np.float32)
    for n, level in enumerate(LEVELS):
        _paint_body(hu, lps, n, [thing for thing in things if thing.level is level])
    return Volume(np.clip(np.rint(hu + noise), -1024, 3071).astype(np.int16), affine, 1.0)


@cache
def _grid(turn_degrees: float) -> tuple[NDArray[np.float64], Floats, Floats]:
    """Voxel -> LPS, LPS of every voxel, and noise."""
    low = FIRST_ROW_LPS - np.array([27.0, 4.0, PITCH * len(LEVELS) + 24.0])
    shape = (54, 64, PITCH * (len(LEVELS) - 1) + 46)
    turn = np.deg2rad(turn_degrees)
    axes = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    middle = (np.array(shape) - 1) / 2
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, low + middle - axes @ middle
    where = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).astype(np.float32)
    lps = np.tensordot(axes, where, axes=1).astype(np.float32) + affine[:3, 3].astype(np.float32).reshape(3, 1, 1, 1)
    return affine, lps, np.random.default_rng(5).normal(0, NOISE_HU, shape).astype(np.float32)


def _paint_body(hu: Floats, lps: Floats, n: int, things: list[Painted]) -> None:
    middle = FIRST_ROW_LPS + np.array([0.0, COLUMN + DEPTH / 2 - 0.5, -PITCH * (n + 1)])
    left, back, head = lps - middle.astype(np.float32).reshape(3, 1, 1, 1)
    depth = np.maximum(np.maximum(abs(back) - DEPTH / 2, abs(left) - 20.0), abs(head) - HEIGHT / 2)
    hu[depth <= 0] = CORTEX_HU
    inside = depth <= -1.5
    hu[inside] = TRABECULAR_HU
    for thing in things:
        hu[inside & thing.where(back, left, head)] = thing.hu


def sites(found: Located, grades: dict[Level, int | None] | None = None, flags: dict[Level, str] | None = None) -> list[
    Site
]:  # fmt: skip
    """The bodies with these grades (0 where not said) and flags."""
    return [
        _site(found, n, level, (grades or {}).get(level, 0), (flags or {}).get(level)) for n, level in enumerate(LEVELS)
    ]


def _site(found: Located, n: int, level: Level, grade: int | None, flag: str | None) -> Site:
    body = found.bodies[n]
    measure = measure_body(body, found.stack)
    vertebra = Vertebra(
        LevelEstimate(level, 1.0, {}), (0.0, 0.0, 0.0), measure.heights if measure else None,
        (flag,) if flag else (), None,
    )  # fmt: skip
    return Site(Finding(vertebra, None, grade, None, None), body, measure)


def cut(site: Site) -> Site:
    """The same vertebra at the edge of the picture."""
    return replace(site, body=replace(site.body, cut=True))
