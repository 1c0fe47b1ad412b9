"""The frozen synthetic validation set: patients that no training ever draws, as hospitals scan them.

Each study is a function of `SEED` and its number alone. Results on it are results on synthetic images: they show what
the pipeline does with known truth, and are never clinical evidence.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.synthesis.render import Painter
from models.synthesis.scanner import Scan, slices
from models.synthesis.spine import SpineOptions
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.volumes import HU_RANGE, FieldOfView, answer_key
from vfx_finder.domain import genant

SEED = 20270101
STUDIES = 400
PAIRED = 40
"""The first so many patients are scanned three times: 1.25 mm soft, 5 mm soft, 1.25 mm sharp."""

RENDER_MM = 1.25
_ROOM_MM = (np.array([42.0, 30.0, 0.0]), np.array([42.0, 58.0, 0.0]))
"""Least room round the body centres in view: to the right and front, to the left and back."""

CONTENTS = ("normal", "mimics", "fractures", "none")
_SHARE = (0.27, 0.25, 0.45, 0.03)
NOTHING = ("hip", "head", "empty", "noise")
VIEWS = {"lumbar": ("T11", "S2"), "abdomen": ("T8", "S3"), "chest": ("T1", "L1"), "thoracic": ("T4", "T12"),
         "whole": ("C2", "S2")}  # fmt: skip
_VIEW_SHARE = (0.32, 0.3, 0.22, 0.12, 0.04)
KERNELS = {"soft": 0.5, "medium": 0.25, "sharp": 0.25}
OPTIONS = {
    "normal": SpineOptions(
        fracture_rate=0, mimic_rate=0, scheuermann_rate=0, bridging_rate=0, hardware_rate=0, rim_mm=0
    ),
    "mimics": SpineOptions(
        fracture_rate=0, mimic_rate=0.35, scheuermann_rate=0.1, bridging_rate=0.15, hardware_rate=0.1, rim_mm=0
    ),
    "fractures": SpineOptions(fracture_rate=0.2, loss=(0.12, 0.55), rim_mm=0),
}  # fmt: skip


@dataclass(frozen=True)
class Acquisition:
    """One scan of a patient: its name in the file's name, slice thickness (mm) and kernel."""

    name: str
    slice_mm: float
    kernel: str


@dataclass(frozen=True)
class Patient:
    """One synthetic patient: what is in the images, how they are framed, and every scan made."""

    number: int
    contents: str
    view: str
    sex: str
    age: int
    acquisitions: tuple[Acquisition, ...]
    seed: int = SEED


def patient(number: int, seed: int = SEED) -> Patient:
    """Patient `number` (from 1) of the frozen set, or of another set of the same make with another seed."""
    rng = np.random.default_rng([seed, number])
    contents = str(rng.choice(CONTENTS, p=_SHARE))
    view = str(rng.choice(list(VIEWS), p=_VIEW_SHARE)) if contents != "none" else str(rng.choice(NOTHING))
    ranges = ((0.8, 1.5), (1.5, 3.0), (3.0, 5.0))
    slice_mm = float(rng.uniform(*ranges[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]))
    kernel = str(rng.choice(list(KERNELS), p=list(KERNELS.values())))
    scans: tuple[Acquisition, ...] = (Acquisition("a", round(slice_mm, 2), kernel),)
    if number <= PAIRED and contents != "none":
        scans = (
            Acquisition("soft1", RENDER_MM, "soft"),
            Acquisition("thick5", 5.0, "soft"),
            Acquisition("sharp1", RENDER_MM, "sharp"),
        )
    sex, age = str(rng.choice(["F", "M"], p=(0.65, 0.35))), int(rng.integers(50, 92))
    return Patient(number, contents, view, sex, age, scans, seed)


def write_patient(one: Patient, folder: Path, options: SpineOptions | None = None) -> list[Path]:
    """Write every scan of a patient as NIfTI (RAS) with its answer key; returns the images' paths.

    The spine is drawn by `options`, or as the patient's contents say.
    """
    torch.set_num_threads(1)
    rng = np.random.default_rng([one.seed, one.number, 1])
    trunk = draw_trunk(rng, options or OPTIONS.get(one.contents, OPTIONS["normal"]))
    field = _field(one, trunk, rng)
    truth = _truth_hu(one, trunk, field, rng)
    return [_write(one, scan, _Scene(trunk, field, truth), folder) for scan in one.acquisitions]


@dataclass(frozen=True)
class _Scene:
    trunk: Trunk
    field: FieldOfView
    hu: Tensor


def _field(one: Patient, trunk: Trunk, rng: np.random.Generator) -> FieldOfView:
    """The box that is scanned: the view's levels with a random margin, all their bodies well inside."""
    pixel = float(rng.uniform(1.3, 1.6))
    centres = {v.name: v.centre for v in trunk.spine.vertebrae}
    if one.contents == "none":
        place = (
            centres["S1"] + np.array([150.0, -30, -150])
            if one.view == "hip"
            else centres["C3"] + np.array([0, -20, 95.0])
        )
        return FieldOfView((float(place[0]), float(place[1]), float(place[2])), (90, 80, 96), pixel, RENDER_MM)
    first, last = VIEWS[one.view]
    top = float(centres.get(first, centres["C3"] + np.array([0, 0, 45]))[2]) + float(rng.uniform(2, 26))
    foot = float(centres[last if last in centres else "L2"][2]) - float(rng.uniform(2, 26))
    inside = [c for c in centres.values() if foot < c[2] < top]
    low, high = np.min(inside, 0) - _ROOM_MM[0], np.max(inside, 0) + _ROOM_MM[1]
    spare = rng.uniform(0, 20, 2)
    x, y = (low + high)[:2] / 2 + rng.uniform(-0.3, 0.3, 2) * spare
    nx, ny = (int(n) for n in np.ceil(((high - low)[:2] + spare) / pixel))
    size = (nx, ny, int((top - foot) / RENDER_MM))
    return FieldOfView((float(x), float(y), (top + foot) / 2), size, pixel, RENDER_MM)


def _truth_hu(one: Patient, trunk: Trunk, field: FieldOfView, rng: np.random.Generator) -> Tensor:
    """What is there, [z, y, x] in HU from the feet up, before any scanner."""
    nx, ny, nz = field.size
    if one.view in ("empty", "noise"):
        spread = 0.0 if one.view == "empty" else 400.0
        return torch.as_tensor(
            rng.normal(-1000 if one.view == "empty" else 0, spread, (nz, ny, nx)), dtype=torch.float32
        )
    axes = [
        torch.as_tensor(field.origin[a] + np.arange(n) * s, dtype=torch.float32)
        for a, (n, s) in enumerate(zip(field.size, (field.pixel_mm, field.pixel_mm, RENDER_MM), strict=True))
    ]
    painter = Painter(trunk, field.pixel_mm, rng)
    step, parts = max(1, 60_000 // (nx * ny)), []
    for start in range(0, nz, step):
        z, y, x = torch.meshgrid(axes[2][start : start + step], axes[1], axes[0], indexing="ij")
        parts.append(painter.paint(torch.stack([x, y, z], -1).reshape(-1, 3)).hu.view(z.shape))
    return torch.cat(parts)


def scan_of(acquisition: Acquisition, rng: np.random.Generator) -> Scan:
    """The scanner's settings for an acquisition: sharper kernels are noisier."""
    soft = Scan(acquisition.slice_mm, acquisition.slice_mm, 0.8, 0.0, float(rng.uniform(8, 25)), 0.8)
    if acquisition.kernel == "medium":
        return replace(soft, blur_mm=0.5, sharpen=0.4, noise_hu=float(rng.uniform(15, 45)), noise_blur_mm=0.5)
    if acquisition.kernel == "sharp":
        return replace(soft, blur_mm=0.3, sharpen=1.5, noise_hu=float(rng.uniform(40, 100)), noise_blur_mm=0.3)
    return soft


def _write(one: Patient, acquisition: Acquisition, scene: _Scene, folder: Path) -> Path:
    rng = np.random.default_rng([one.seed, one.number, 2, *acquisition.name.encode()])
    scan = _in_pixels_of_the_plane(scan_of(acquisition, rng), scene.field)
    made = slices(scene.hu, scan, scene.field.pixel_mm, rng)
    made = made if made.image.shape[0] > 1 else replace(made, image=scene.hu)
    volume = made.image.clamp(*HU_RANGE).round().to(torch.int16).permute(2, 1, 0).contiguous().numpy()
    path = folder / f"{one.number:04d}-{acquisition.name}.nii.gz"
    nib.save(nib.Nifti1Image(volume, _affine(scene.field, made.first, made.step)), path)
    key = _key(one, acquisition, scene, path)
    path.with_name(path.name.removesuffix(".nii.gz") + ".truth.json").write_text(json.dumps(key, indent=1) + "\n")
    return path


def _in_pixels_of_the_plane(scan: Scan, field: FieldOfView) -> Scan:
    """The scan with its slices measured in pixels of the plane, for the truth's slices are closer or farther apart."""
    ratio = field.pixel_mm / RENDER_MM
    return replace(scan, slice_mm=scan.slice_mm * ratio, increment_mm=scan.increment_mm * ratio)


def _affine(field: FieldOfView, first: float, step: float) -> NDArray[np.float64]:
    """Voxel to RAS millimetres; the truth's z is in pixels of `RENDER_MM`."""
    affine = np.diag([-field.pixel_mm, -field.pixel_mm, step * RENDER_MM, 1.0])
    affine[:3, 3] = (field.origin + np.array([0, 0, first * RENDER_MM])) * np.array([-1, -1, 1])
    return affine


def _key(one: Patient, acquisition: Acquisition, scene: _Scene, path: Path) -> dict[str, object]:
    vertebrae = answer_key(scene.trunk, scene.field) if one.contents != "none" else ()
    return {
        "synthetic": True,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "patient": f"{one.number:04d}",
        "sex": one.sex,
        "age": one.age,
        "slice_mm": acquisition.slice_mm,
        "kernel": acquisition.kernel,
        "view": one.view,
        "contents": one.contents,
        "anchors": list(anchors(scene.trunk, scene.field)) if one.contents != "none" else [],
        "vertebrae": [{**asdict(v), "grade": readers_grade(v.loss)} for v in vertebrae],
    }


def readers_grade(loss: float) -> int:
    """Genant grade 0 to 3 that readers give a true loss of height against the vertebra before it broke.

    A sound vertebra is not a box: its lowest height is `normal_share` of what readers compare it with, so that the
    thresholds of 20, 25 and 40 % on what is seen lie at true losses of 11, 17 and 33 % (docs/grading.md; refitted to
    228 published VerSe grades the thresholds on such a loss are 9, 14 and 33 %).
    """
    return genant.grade(1.0 - (1.0 - loss) * genant.RULE.normal_share) if loss > 0 else 0


def anchors(trunk: Trunk, field: FieldOfView) -> Sequence[str]:
    """Which landmarks of numbering are really in view: the sacrum (all of S1), C2 with its dens."""
    centres = {v.name: v.centre for v in trunk.spine.vertebrae}
    low, high = field.origin[2], field.origin[2] + field.size[2] * field.slice_mm
    seen = {
        "sacrum": low < centres["S1"][2] - 14,
        "C2": high > centres["C3"][2] + 44 * trunk.spine.scale,
    }
    return [name for name, is_seen in seen.items() if is_seen]
