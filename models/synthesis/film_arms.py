"""Shoulders and arms as patients hold them for a lateral film: forward, over the upper chest, and never quite still."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.synthesis.film_rays import View
from models.synthesis.film_solids import Solid, union
from models.synthesis.scanner import gaussian
from models.synthesis.spine import Array
from models.synthesis.trunk import Trunk

RAISED_RATE = 0.12


@dataclass(frozen=True)
class Pose:
    """How both arms are held: how far (degrees) the upper arms hang below the horizontal, forward; how far the elbows
    are bent, upward; radius of the upper arms (mm) and their blur (SD, mm) by movement and distance."""

    hang: float
    bend: float
    thick: float
    blur: float


def draw_pose(rng: np.random.Generator) -> Pose:
    """Fists at the collar bones, hands on a bar or a stick, arms crossed; one in eight raised over the head."""
    raised = rng.random() < RAISED_RATE
    return Pose(
        hang=float(rng.uniform(-110, -60) if raised else rng.uniform(-10, 75)),
        bend=float(rng.uniform(0, 60) if raised else rng.uniform(0, 150)),
        thick=float(rng.uniform(26, 46)),
        blur=float(rng.uniform(0.5, 9)),
    )


def arms(trunk: Trunk, view: View, rng: np.random.Generator) -> Tensor:
    """Water equivalent (mm) [H, W] of both arms with their shoulders and shoulder blades."""
    pose, picture = draw_pose(rng), torch.zeros(view.size, device=view.device)
    levels, s = {v.name: v.centre for v in trunk.spine.vertebrae}, trunk.spine.scale
    flesh = float(rng.uniform(0.5, 1.0))
    ahead = float(rng.uniform(-20, 55))
    for side in (-1.0, 1.0):
        joint = levels["T2"] + np.array([side * 150 * s, -ahead, rng.uniform(-25, 10)]) + rng.normal(0, 6, 3)
        elbow, hand = _reach(joint, pose, side, s, rng)
        limb = union((*_shoulder(joint, levels, s, rng), *_limb((joint, elbow, hand), pose.thick * s, rng)), view)
        picture += flesh * _blurred(limb, pose.blur / view.pixel_mm)
        bones = torch.zeros_like(picture)
        for solid in (*_bones(joint, elbow, hand, s), *_blade(joint, levels, side, rng)):
            solid.add_to(bones, view)
        picture += _blurred(bones, 0.35 * pose.blur / view.pixel_mm)
    return picture


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    return gaussian(gaussian(picture, sigma, 0), sigma, 1)


def _reach(joint: Array, pose: Pose, side: float, s: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Elbow and hand."""
    upper = np.radians(pose.hang + rng.normal(0, 6))
    lower = np.radians(pose.hang - pose.bend + rng.normal(0, 8))
    elbow = joint + 290 * s * np.array([side * 0.1, -np.cos(upper), -np.sin(upper)])
    return elbow, elbow + 240 * s * np.array([-side * 0.25, -np.cos(lower), -np.sin(lower)])


def _shoulder(joint: Array, levels: dict[str, Array], s: float, rng: np.random.Generator) -> list[Solid]:
    """Deltoid, the muscles to the breast bone, and those to the shoulder blade: broad, without an edge."""
    made = [Solid(joint[None], 0.0, 1.0, np.array([45.0, 52.0, 62.0]) * s * rng.uniform(0.85, 1.2))]
    breast = levels["T4"] + np.array([0.5 * (joint[0] - levels["T4"][0]), -rng.uniform(70, 110), 0])
    behind = levels["T4"] + np.array([0.6 * (joint[0] - levels["T4"][0]), rng.uniform(10, 35), 0])
    for end, radius in ((breast, rng.uniform(22, 40)), (behind, rng.uniform(14, 26))):
        for share in (0.3, 0.65, 1.0):
            at = joint + share * (end - joint)
            made.append(Solid(at[None], 0.0, 1.0, np.array([radius, 1.2 * radius, 1.5 * radius]) * s))
    return made


def _limb(joints: tuple[Array, Array, Array], thick: float, rng: np.random.Generator) -> list[Solid]:
    joint, elbow, hand = joints
    fore = thick * float(rng.uniform(0.6, 0.8))
    wrist = elbow + 0.6 * (hand - elbow)
    made = [
        Solid(np.stack([joint, elbow]), thick, 1.0),
        Solid(elbow[None], 0.0, 1.0, np.full(3, thick)),
        Solid(np.stack([elbow, wrist]), fore, 1.0),
        Solid(np.stack([wrist, hand]), 0.72 * fore, 1.0),
        Solid(hand[None], 0.0, 1.0, np.array([18.0, 32.0, 32.0])),
    ]
    for n in range(4):
        tip = hand + (hand - elbow) * 0.32 + np.array([0, 11 * (n - 1.5), 9 * n])
        made.append(Solid(np.stack([hand, tip]), 8.0, 1.0))
    return made


def _bones(joint: Array, elbow: Array, hand: Array, s: float) -> list[Solid]:
    beside = np.array([0, 16.0, 6.0]) * s
    return [
        Solid(joint[None], 0.0, 0.35, np.full(3, 23.0 * s)),
        *_tube(joint, elbow, 12.0 * s),
        *_tube(elbow, hand, 7.0 * s),
        *_tube(elbow + beside, hand + 0.5 * beside, 6.5 * s),
    ]


def _tube(a: Array, b: Array, radius: float) -> list[Solid]:
    return [Solid(np.stack([a, b]), radius, 1.0, core=(0.65 * radius, -0.8))]


def _blade(joint: Array, levels: dict[str, Array], side: float, rng: np.random.Generator) -> list[Solid]:
    """A shoulder blade: thick lateral border and spine, a thin sheet between, crossing the bodies from T2 to T8."""
    low = levels["T8"] * 0.6 + levels["T7"] * 0.4 + np.array([side * 85, rng.uniform(-25, 38), rng.uniform(-20, 25)])
    high = levels["T2"] + np.array([side * 75, rng.uniform(5, 48), rng.uniform(-12, 12)])
    neck = joint + np.array([-side * 25, 12.0, -12.0])
    dense = float(rng.uniform(0.35, 1.0))
    made = [
        Solid(np.stack([neck, low]), float(rng.uniform(3.5, 5.5)), dense),
        Solid(np.stack([neck, 0.7 * high + 0.3 * low]), 4.0, dense),
        Solid(np.stack([high, low]), 2.2, dense),
    ]
    fan = [neck + share * (high - neck) for share in np.linspace(0.15, 0.85, 7)]
    return made + [Solid(np.stack([start, low]), 1.8, 0.6 * dense) for start in fan]
