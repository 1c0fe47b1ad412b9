"""Every bone that is not a vertebral body, as capsules: arches, ribs, sacral wings, pelvis, chest, skull."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.synthesis.norms import RIB_BEARING
from models.synthesis.spine import Array, Spine, SyntheticVertebra

Segment = tuple[Array, Array, float, float]


@dataclass(frozen=True)
class Capsules:
    """A bone as tapered capsules: ends [N, 2, 3] and radii [N, 2] in trunk mm, its class and attenuation (HU)."""

    ends: Tensor
    radii: Tensor
    tissue: str
    cortex: float
    marrow: float
    owner: str
    low: Array
    high: Array


def capsules(segments: list[Segment], tissue: str, hu: tuple[float, float], owner: str = "") -> Capsules:
    """Bundle segments (start, end, radius, radius) with the box that holds them (4 mm margin)."""
    ends = np.array([[s[0], s[1]] for s in segments])
    radii = np.array([[s[2], s[3]] for s in segments])
    margin = radii.max() + 4
    flat = ends.reshape(-1, 3)
    return Capsules(
        torch.tensor(ends, dtype=torch.float32), torch.tensor(radii, dtype=torch.float32), tissue, hu[0], hu[1], owner,
        flat.min(0) - margin, flat.max(0) + margin,
    )  # fmt: skip


def arch(v: SyntheticVertebra, rng: np.random.Generator) -> Capsules:
    """Pedicles, articular pillars, laminae, transverse and spinous processes of one vertebra."""
    depth, width, s = v.shape.depth, v.shape.width, v.scale
    height = v.shape.upper.posterior + v.shape.lower.posterior
    lumbar, thoracic = v.name[0] == "L", v.name[0] == "T"
    canal_w, canal_d = (24.0 if lumbar else 18.0) * s, (16.0 if lumbar else 15.0) * s * rng.uniform(0.9, 1.15)
    thick = (4.2 if lumbar else 3.0) * s * rng.uniform(0.85, 1.15)
    back = depth / 2
    angle = np.radians(v.drop + rng.normal(0, 6))
    reach = (27.0 if lumbar else 32.0 if thoracic else 22.0) * s * rng.uniform(0.75, 1.15)
    tall = (5.0 if lumbar else 2.5) * s * rng.uniform(0.7, 1.2)
    segments: list[tuple[tuple[float, ...], tuple[float, ...], float, float]] = []
    outer, inner = thick * 1.1, thick * 0.8
    for side in (-1.0, 1.0):
        x = side * (canal_w / 2 + 3)
        segments += [
            ((side * 0.3 * width, back - 1, 0.16 * height), (x, back + canal_d * 0.5, 0.2 * height), thick, thick),
            ((side * 0.3 * width, back - 1, 0.02 * height), (x, back + canal_d * 0.5, 0.05 * height), thick, thick),
            ((x, back + canal_d * 0.75, 0.5 * height), (x, back + canal_d * 0.85, -0.65 * height), outer, outer),
            ((x, back + canal_d * 0.8, 0.1 * height), (0, back + canal_d + 3, -0.15 * height), inner, inner),
            ((x, back + canal_d * 0.85, -0.3 * height), (0, back + canal_d + 3, -0.5 * height), inner, inner),
            (
                (x, back + canal_d * 0.6, 0.15 * height),
                (side * (width / 2 + 15 * s), back + canal_d * (0.7 if lumbar else 1.3), 0.2 * height),
                thick, thick * 0.7,
            ),
        ]  # fmt: skip
    for shift in (-tall, -tall / 3, tall / 3, tall):
        root = (0.0, back + canal_d + 3.5, -0.3 * height + shift)
        tip = (
            float(rng.normal(0, 1)),
            root[1] + reach * np.cos(angle),
            root[2] - reach * np.sin(angle) * 0.9 + shift * 0.3,
        )
        segments.append((root, tip, thick * 0.9, thick * rng.uniform(0.8, 1.2)))
    world = [(v.frame @ np.array(a) + v.centre, v.frame @ np.array(b) + v.centre, r, q) for a, b, r, q in segments]
    return capsules(world, "posterior", (v.cortex, v.spongiosa + 80), v.name)


@dataclass(frozen=True)
class RibCage:
    """What all ribs of a patient share: half width and depth of the chest (mm), bone (HU), radius (mm), how high the
    heads sit (share of half the body's height above its middle) and how steeply the shafts fall (mm at full length)."""

    chest: tuple[float, float]
    cortex: float
    marrow: float
    radius: float
    head: float
    fall: float


def draw_rib_cage(chest: tuple[float, float], bone_hu: float, rng: np.random.Generator) -> RibCage:
    """Ribs as different as patients are: thin and chalky to thick and dense."""
    return RibCage(
        chest=chest,
        cortex=float(rng.uniform(250, 900)),
        marrow=float(np.clip(bone_hu * rng.uniform(0.5, 1.4), 20, 320)),
        radius=float(rng.uniform(3.2, 5.4)),
        head=float(rng.uniform(0.0, 0.75)),
        fall=float(rng.uniform(45, 95)),
    )


def rib(v: SyntheticVertebra, side: float, cage: RibCage, length: float) -> Capsules:
    """One rib: head beside the body, tubercle at the transverse process, then round the chest wall, falling."""
    width, depth, chest = v.shape.width, v.shape.depth, cage.chest
    half = (v.shape.upper.posterior + v.shape.lower.posterior) / 2
    centre = v.centre + np.array([0, -0.62 * chest[1], 0])
    start = v.centre + v.frame @ np.array([side * (width / 2 + 0.5), depth / 2 - 4, cage.head * half])
    path = [start, v.centre + v.frame @ np.array([side * (width / 2 + 18), depth / 2 + 14, 2])]
    first = np.arctan2(path[-1][1] - centre[1], abs(path[-1][0] - centre[0]))
    for i in range(1, 8):
        angle = first - (first + 0.9) * i / 7 * length
        fall = -cage.fall * length * (i / 7) ** 1.2 * chest[1] / 95
        around = np.array([side * chest[0] * np.cos(angle), chest[1] * np.sin(angle), 0])
        path.append(np.array([centre[0], centre[1], v.centre[2] + fall]) + around)
    segments = [(a, b, cage.radius, 0.95 * cage.radius) for a, b in pairwise(path)]
    return capsules(segments, "rib", (cage.cortex, cage.marrow), v.name)


def ribs(spine: Spine, chest: tuple[float, float], rng: np.random.Generator) -> list[Capsules]:
    """A pair of ribs for every thoracic vertebra; the last two are short."""
    thoracic = [v for v in spine.vertebrae if v.name in RIB_BEARING]
    cage = draw_rib_cage(chest, spine.bone_hu, rng)
    made = []
    for i, v in enumerate(thoracic):
        last = len(thoracic) - 1 - i
        length = {0: rng.uniform(0.12, 0.4), 1: rng.uniform(0.35, 0.6)}.get(last, rng.uniform(0.85, 1.0))
        span = 0.55 + 0.45 * min(1.0, (i + 1) / 6)
        around = replace(cage, chest=(chest[0] * span, chest[1] * (0.7 + 0.3 * span)))
        made += [rib(v, side, around, length) for side in (-1.0, 1.0)]
    return made


def pelvis(spine: Spine, rng: np.random.Generator) -> list[Capsules]:
    """Sacral wings and crest, iliac wings, hips, pubis and femora, placed from the sacrum."""
    sacral = [v for v in spine.vertebrae if v.kind == "sacrum"]
    s1, s, s3 = sacral[0], spine.scale, sacral[2]

    def at(v: SyntheticVertebra, x: float, y: float, z: float) -> Array:
        return np.asarray(v.centre + v.frame @ (np.array([x, y, z]) * s))

    wings: list[Segment] = [(at(v, 0, 20, 0), at(v, 0, 24, -18), 5.0, 4.0) for v in sacral[:3]]
    other: list[Segment] = []
    for side in (-1.0, 1.0):
        wings += [
            (at(s1, side * 22, 2, 2), at(s1, side * 48, 6, -4), 12 * s, 11 * s),
            (at(s1, side * 24, 4, -12), at(s3, side * 28, 4, 0), 11 * s, 7 * s),
            (at(s1, side * 14, 14, 6), at(s3, side * 14, 14, 0), 5 * s, 4 * s),
        ]
        hip = s1.centre + np.array([side * 88, -38, -92]) * s
        for y, z in ((28, 18), (10, 36), (-14, 48), (-40, 46), (-62, 30)):
            other.append(
                (
                    s1.centre + np.array([side * 56, 14, -28]) * s,
                    s1.centre + np.array([side * (92 + rng.uniform(-6, 10)), y, z]) * s,
                    6.0,
                    5.0,
                )
            )
            other.append((hip, s1.centre + np.array([side * 96, y, z]) * s, 7.0, 5.0))
        other += [
            (hip, hip + np.array([0.1, 0, 0]), 27 * s, 27 * s),
            (hip + np.array([side * 20, 0, -10]) * s, hip + np.array([side * 40, 8, -60]) * s, 14 * s, 14 * s),
            (hip + np.array([-side * 10, -10, -10]) * s, hip + np.array([-side * 80, -34, -28]) * s, 8 * s, 9 * s),
            (hip, hip + np.array([-side * 30, 20, -62]) * s, 13 * s, 12 * s),
        ]
    return [
        capsules(wings, "sacrum", (s1.cortex * 0.7, s1.spongiosa), "sacrum"),
        capsules(other, "other", (float(rng.uniform(300, 900)), float(rng.uniform(60, 260))), "pelvis"),
    ]


def shoulders_and_chest(spine: Spine, chest: tuple[float, float], rng: np.random.Generator) -> list[Capsules]:
    """Sternum, clavicles, scapulae and, one time in two, arms beside the trunk."""
    by_name = {v.name: v for v in spine.vertebrae}
    t2, t4, t9 = (by_name[name].centre for name in ("T2", "T4", "T9"))
    front = np.array([0, -1.55 * chest[1], 0])
    sternum: list[Segment] = [
        (t4 + front * 0.75, t4 + front * 0.9 + np.array([0, 0, -60]), 8.0, 7.0),
        (t4 + front * 0.9 + np.array([0, 0, -60]), t9 + front, 7.0, 7.0),
    ]
    sides: list[Segment] = []
    for side in (-1.0, 1.0):
        joint = t2 + np.array([side * chest[0] * 1.15, -10, 0])
        sides += [
            (t4 + front * 0.75 + np.array([side * 14, 0, 8]), joint, 6.0, 6.0),
            (joint, t4 + np.array([side * 70, 45, -10]), 8.0, 4.0),
            (t4 + np.array([side * 70, 45, 10]), t4 + np.array([side * 85, 48, -90]), 4.0, 4.0),
            (t4 + np.array([side * 100, 40, 0]), t4 + np.array([side * 88, 48, -85]), 4.0, 4.0),
        ]
    made = [
        capsules(sternum, "other", (float(rng.uniform(200, 600)), float(rng.uniform(60, 200))), "sternum"),
        capsules(sides, "other", (float(rng.uniform(300, 800)), float(rng.uniform(80, 280))), "shoulder"),
    ]
    if rng.random() < 0.4:
        arms: list[Segment] = []
        for side in (-1.0, 1.0):
            joint = t2 + np.array([side * chest[0] * 1.25, -10, -5])
            elbow = joint + np.array([side * 40, rng.uniform(-60, 30), -300])
            arms += [
                (joint, elbow, 14.0, 11.0),
                (elbow, elbow + np.array([-side * 20, rng.uniform(-80, 0), -240]), 9.0, 8.0),
            ]
        made.append(capsules(arms, "other", (800, 150), "arms"))
    return made


def neck_and_skull(spine: Spine) -> list[Capsules]:
    """C2 with its dens, C1, the skull base and mandible as rough bone, so that the head end is not mistaken."""
    c3 = spine.vertebrae[0]

    def at(x: float, y: float, z: float) -> Array:
        return np.asarray(c3.centre + c3.frame @ (np.array([x, y, z]) * spine.scale))

    c2: list[Segment] = [(at(0, -1, 16), at(0, -1, 44), 8.0, 6.0), (at(-14, 0, 22), at(14, 0, 22), 6.0, 6.0)]
    ring = [at(22 * np.cos(a), 10 + 22 * np.sin(a), 38) for a in np.linspace(0, 2 * np.pi, 9)]
    head: list[Segment] = [(a, b, 5.0, 5.0) for a, b in pairwise(ring)]
    vault = [at(60 * np.cos(a), -20 + 85 * np.sin(a), 58) for a in np.linspace(0, 2 * np.pi, 13)]
    head += [(a, b, 8.0, 8.0) for a, b in pairwise(vault)]
    head += [(at(s * 45, -20, 40), at(0, -85, 0), 8.0, 8.0) for s in (-1.0, 1.0)]
    return [capsules(c2, "dens", (c3.cortex, c3.spongiosa), "C2"), capsules(head, "other", (800, 300), "skull")]


def bridging(spine: Spine, rng: np.random.Generator) -> Capsules:
    """Flowing ossification along the front of four to eight thoracic bodies (diffuse idiopathic skeletal hyperostosis;
    Resnick and Niwayama 1976: at least four contiguous bodies)."""
    bodies = [v for v in spine.vertebrae if v.kind == "body"]
    count, first = int(rng.integers(4, 9)), int(rng.integers(8, 13))
    side, thick = float(rng.uniform(0, 10)), float(rng.uniform(1.2, 3.5))
    line = []
    for v in bodies[first : first + count]:
        for z in (0.9, -0.9):
            rim = z * (v.shape.upper.anterior if z > 0 else v.shape.lower.anterior)
            line.append(v.centre + v.frame @ np.array([side, -v.shape.depth / 2 - thick * 0.6, rim]))
    segments = [(a, b, thick, thick) for a, b in pairwise(line)]
    return capsules(segments, "other", (float(rng.uniform(400, 900)), float(rng.uniform(250, 500))), "bridging")
