"""Trunks whose ribs, arches and organs vary as real ones do, so that a network learns to look for the rib itself."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from models.synthesis.bones import Capsules, arch, capsules
from models.synthesis.norms import RIB_BEARING
from models.synthesis.spine import Array, SyntheticVertebra
from models.synthesis.trunk import Trunk

SIDES = (1.0, -1.0)
"""Left and right, as signs of x."""

_RESTYLED = dict.fromkeys(("T9", "T10", "T11", "T12", "T13"), ("L1", 0.5)) | dict.fromkeys(("L1", "L2"), ("T12", 0.25))
_PARTS_OF_AN_ARCH = 10
_FALL_WITHIN_MM, _BULGE_WITHIN_MM = 80.0, 120.0


def ribs_of(trunk: Trunk) -> set[tuple[str, float]]:
    """The level and side (1 left, -1 right) of every rib of a trunk."""
    centres = {v.name: v.centre for v in trunk.spine.vertebrae}
    drawn = [bone for bone in trunk.bones if bone.tissue == "rib"]
    return {(bone.owner, float(np.sign(bone.ends[0, 0, 0].item() - centres[bone.owner][0]))) for bone in drawn}


def with_varied_ribs(trunk: Trunk, rng: np.random.Generator) -> Trunk:
    """The trunk, its ribs on courses of their own, the last as they come: one time in five cut to stubs, or missing on
    one side or on both; and one time in four the first lumbar bodies with long transverse processes, like ribs."""
    last = [v.name for v in trunk.spine.vertebrae if v.name in RIB_BEARING][-1]
    habit = _Habit(
        tubercle=rng.normal(0, 4, 3) * [1, 1, 0.5],
        head=float(rng.uniform(-2, 8)),
        thick=float(rng.uniform(0.7, 1.4)),
        steep=float(rng.uniform(0, 0.7)),
        bulge=float(rng.uniform(0, 28)),
    )
    ribs = [_bent(bone, habit, rng) for bone in trunk.bones if bone.tissue == "rib"]
    bones = [bone for bone in trunk.bones if bone.tissue != "rib"] + [bone for bone in ribs if bone.owner != last]
    own = [bone for bone in ribs if bone.owner == last]
    fate = str(rng.choice(["whole", "stubs", "one", "none"], p=[0.80, 0.12, 0.055, 0.025]))
    if fate == "stubs":
        own = [_stub(bone, int(rng.integers(1, 3))) for bone in own]
    kept = {"one": own[: 1 if rng.random() < 0.5 else None][-1:], "none": []}.get(fate, own)
    long = [v for v in trunk.spine.vertebrae if v.name in ("L1", "L2", "L3")] if rng.random() < 0.25 else []
    processes = [_long_processes(v, rng) for v in long]
    return replace(trunk, bones=(*bones, *kept), arches=(*trunk.arches, *processes))


def with_varied_arches(trunk: Trunk, rng: np.random.Generator) -> Trunk:
    """The trunk, its arches and organs no clue to the ribs: half of the lower thoracic arches are built like lumbar
    ones (T11 and T12 often are), a quarter of the upper lumbar ones like thoracic ones; organs lie up to 50 mm off."""
    by_owner = {v.name: v for v in trunk.spine.vertebrae}
    arches = [_restyled(bone, by_owner[bone.owner], rng) for bone in trunk.arches]
    off = np.array([0.0, 0.0, float(np.clip(rng.normal(0, 25), -50, 50))])
    organs = tuple(replace(organ, centre=organ.centre + off) for organ in trunk.organs)
    return replace(trunk, arches=tuple(arches), organs=organs)


def _restyled(bone: Capsules, v: SyntheticVertebra, rng: np.random.Generator) -> Capsules:
    style, share = _RESTYLED.get(v.name, ("", 0.0))
    if rng.random() >= share or len(bone.ends) < _PARTS_OF_AN_ARCH:
        return bone
    return replace(arch(replace(v, name=style, drop=float(rng.uniform(8, 45))), rng), owner=bone.owner)


@dataclass(frozen=True)
class _Habit:
    """How one patient's ribs differ from the drawn ones: the tubercle's place (left, back, up), how much higher the
    heads sit (mm; not of the last two, which join the middle of their body), how thick they are, how steeply they fall
    beside the spine (mm per mm sideways) and how far they bulge backwards there (mm)."""

    tubercle: Array
    head: float
    thick: float
    steep: float
    bulge: float


def _bent(bone: Capsules, habit: _Habit, rng: np.random.Generator) -> Capsules:
    """The rib on a course of its own: moved as the patient's all are, and a little by itself."""
    ends, side = bone.ends.clone(), float(torch.sign(bone.ends[-1, 1, 0] - bone.ends[0, 0, 0]))
    moves = rng.normal(0, 2.5, (len(ends) + 1, 3))
    moves[1] += habit.tubercle * [side, 1, 1]
    moves[0] = [0, 0, habit.head if bone.owner not in ("T11", "T12", "T13") else 0.3 * habit.head]
    aside = np.r_[0.0, np.abs((bone.ends[:, 1, 0] - bone.ends[0, 0, 0]).numpy())]
    moves[:, 2] -= habit.steep * np.minimum(aside, _FALL_WITHIN_MM)
    moves[:, 1] += habit.bulge * np.sin(np.pi * np.minimum(aside / _BULGE_WITHIN_MM, 1.0))
    moved = torch.as_tensor(moves, dtype=torch.float32)
    ends[:, 0] += moved[:-1]
    ends[:, 1] += moved[1:]
    return _within(replace(bone, ends=ends, radii=bone.radii * habit.thick))


def _within(bone: Capsules) -> Capsules:
    """The bone with the box that holds it."""
    flat, margin = bone.ends.reshape(-1, 3).numpy(), float(bone.radii.max()) + 4
    return replace(bone, low=flat.min(0) - margin, high=flat.max(0) + margin)


def _stub(bone: Capsules, segments: int) -> Capsules:
    return _within(replace(bone, ends=bone.ends[:segments], radii=bone.radii[:segments]))


def _long_processes(v: SyntheticVertebra, rng: np.random.Generator) -> Capsules:
    """Transverse processes that reach 22 to 34 mm beyond the body and point a little up or down."""
    long, rise = float(rng.uniform(22, 34)) * v.scale, float(rng.normal(2, 4))
    thick, root = float(rng.uniform(2.2, 3.6)), v.shape.depth / 2 + 10 * v.scale
    segments = [
        (
            v.frame @ np.array([side * 0.4 * v.shape.width, root, 2.0]) + v.centre,
            v.frame @ np.array([side * (v.shape.width / 2 + long), root + 4.0, rise]) + v.centre, thick, 0.8 * thick,
        )
        for side in SIDES
    ]  # fmt: skip
    return capsules(segments, "posterior", (v.cortex, v.spongiosa + 80), v.name)
