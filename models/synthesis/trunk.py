"""A whole synthetic trunk: the spine, every other bone, and the soft tissue around them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.synthesis.bones import Capsules, arch, bridging, capsules, neck_and_skull, pelvis, ribs, shoulders_and_chest
from models.synthesis.metal import Hardware, draw_hardware
from models.synthesis.spine import Array, Spine, SpineOptions, draw_spine

AIR, LUNG, FAT, MUSCLE = -1000.0, -820.0, -100.0, 55.0


@dataclass(frozen=True)
class Organ:
    """An ellipsoid of soft tissue: centre and semi-axes in trunk mm, attenuation in HU."""

    centre: Array
    axes: Array
    hu: float


@dataclass(frozen=True)
class Trunk:
    """Everything a scanner would see. `organs` and `vessels` are painted in order, bones over them.

    `chest` = half width and half depth of the rib cage (mm); `fat` = thickness under the skin (mm);
    `canal` = the spinal canal as capsules; `wall` = HU of muscle; `hardware` = screws and rods, painted last.
    """

    spine: Spine
    arches: tuple[Capsules, ...]
    bones: tuple[Capsules, ...]
    organs: tuple[Organ, ...]
    vessels: tuple[Capsules, ...]
    canal: Capsules
    chest: tuple[float, float]
    fat: float
    wall: float
    hardware: Hardware | None = None


def _lungs_and_belly(spine: Spine, chest: tuple[float, float], rng: np.random.Generator) -> list[Organ]:
    names = {v.name: v.centre for v in spine.vertebrae}
    lung_mid, diaphragm, l3 = names["T6"], names["T11"], names["L3"]
    front = np.array([0, -0.75 * chest[1], 0])

    def organ(at: Array, offset: tuple[float, float, float], axes: tuple[float, float, float], hu: float) -> Organ:
        return Organ(at + front + np.array(offset), np.array(axes) * spine.scale, hu)

    lung = rng.uniform(-900, -700)
    made = [
        organ(lung_mid, (-0.52 * chest[0], 12, 0), (0.46 * chest[0], 1.0 * chest[1], 135), lung),
        organ(lung_mid, (0.52 * chest[0], 12, 0), (0.46 * chest[0], 1.0 * chest[1], 135), lung),
        organ(lung_mid, (10, -15, -35), (60, 50, 60), rng.uniform(35, 180)),
        organ(lung_mid, (0, 10, 60), (28, 45, 70), rng.uniform(-60, 60)),
        organ(diaphragm, (-65, -5, -40), (88, 85, 75), rng.uniform(45, 120)),
        organ(diaphragm, (85, 25, -35), (38, 50, 55), rng.uniform(45, 130)),
        organ(l3, (62, 55, 45), (28, 28, 55), rng.uniform(30, 200)),
        organ(l3, (-62, 55, 35), (28, 28, 55), rng.uniform(30, 200)),
        organ(names["S1"], (0, 15, -70), (48, 42, 45), rng.uniform(0, 40)),
    ]
    for _ in range(int(rng.integers(6, 18))):
        where = l3 + np.array([rng.uniform(-100, 100), -rng.uniform(30, 130), rng.uniform(-130, 110)])
        gut = rng.choice([-850.0, -400.0, 20.0, 40.0, 60.0, 250.0], p=[0.2, 0.1, 0.25, 0.25, 0.15, 0.05])
        made.append(Organ(where, rng.uniform(8, 32, 3), float(gut)))
    return made


def _vessels_and_muscles(spine: Spine, rng: np.random.Generator, wall: float) -> list[Capsules]:
    bodies = [v for v in spine.vertebrae if v.kind == "body"]
    blood = float(rng.choice([45.0, rng.uniform(100, 380)]))

    def along(first: str, last: str, x: float, gap: float, radius: float, hu: float) -> Capsules:
        names = [v.name for v in bodies]
        part = bodies[names.index(first) : names.index(last) + 1]
        line = [v.centre + v.frame @ np.array([x, -v.shape.depth / 2 - gap, 0]) for v in part]
        return capsules([(a, b, radius, radius) for a, b in pairwise(line)], "soft", (hu, hu))

    end = "L4" if any(v.name == "L4" for v in bodies) else "L3"
    made = [
        along("T4", end, rng.uniform(4, 22), rng.uniform(9, 16), rng.uniform(8, 15), blood),
        along("T9", end, -rng.uniform(8, 22), rng.uniform(9, 18), rng.uniform(8, 13), blood * rng.uniform(0.5, 1)),
        along("C4", "T10", rng.uniform(-8, 10), rng.uniform(6, 14), rng.uniform(5, 9), rng.uniform(0, 60)),
    ]
    if rng.random() < 0.5:
        made.append(along("C4", "T4", rng.uniform(-6, 6), rng.uniform(22, 30), rng.uniform(7, 9), -980.0))
    for side in (-1.0, 1.0):
        lumbar = [v for v in bodies if v.name[0] == "L"]
        line = [
            v.centre + np.array([side * (v.shape.width / 2 + 6 + 3 * i), -2.0 * i, 0]) for i, v in enumerate(lumbar)
        ]
        segments = [(a, b, 9.0 + 3 * i, 12.0 + 3 * i) for i, (a, b) in enumerate(pairwise(line))]
        made.append(capsules(segments, "soft", (wall, wall)))
    return made


def _canal(spine: Spine, rng: np.random.Generator) -> Capsules:
    line = [v.centre + v.frame @ np.array([0, v.shape.depth / 2 + 8.0 * v.scale, 0]) for v in spine.vertebrae[:-3]]
    radius = float(rng.uniform(6, 9)) * spine.scale
    return capsules([(a, b, radius, radius) for a, b in pairwise(line)], "soft", (30.0, rng.uniform(5, 45)))


def draw_trunk(rng: np.random.Generator, options: SpineOptions | None = None) -> Trunk:
    """A random trunk around a random spine."""
    options = options or SpineOptions()
    spine = draw_spine(rng, options)
    chest = (float(rng.uniform(112, 150)) * spine.scale, float(rng.uniform(78, 112)) * spine.scale)
    wall = float(rng.uniform(35, 75))
    bones = (
        ribs(spine, chest, rng) + pelvis(spine, rng) + shoulders_and_chest(spine, chest, rng) + neck_and_skull(spine)
    )
    if options.bridging_rate > rng.random():
        bones.append(bridging(spine, rng))
    return Trunk(
        spine=spine,
        arches=tuple(arch(v, rng) for v in spine.vertebrae if v.kind == "body"),
        bones=tuple(bones),
        organs=tuple(_lungs_and_belly(spine, chest, rng)),
        vessels=tuple(_vessels_and_muscles(spine, rng, wall)),
        canal=_canal(spine, rng),
        chest=chest,
        fat=float(rng.uniform(4, 40)),
        wall=wall,
        hardware=draw_hardware(spine, rng) if rng.random() < options.hardware_rate else None,
    )
