"""The small synthetic sample in data/synthetic: a CT of a lumbar spine with one wedge fracture, and its answer key."""

import gzip
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray

from models.synthesis.shapes import EndPlate
from models.synthesis.spine import SyntheticVertebra, ordered
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.volumes import FieldOfView, answer_key, render_volume

NAME = "lumbar-wedge"
SEED = 20261121
FRACTURES = {"L2": ("wedge", 0.34)}


def draw_sample() -> tuple[Trunk, FieldOfView, NDArray[np.int16]]:
    """The trunk, the field of view (T11 to the sacrum) and the volume [x, y, z] of the sample, from its fixed seed."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    trunk = _with_even_wedges(draw_trunk(rng, ordered(FRACTURES)))
    centre = {v.name: v.centre for v in trunk.spine.vertebrae}
    size, pixel, thick = (88, 84, 104), 1.6, 2.5
    foot = float(centre["S1"][2]) - 40
    field = FieldOfView((0.0, float(centre["L3"][1]) + 6, foot + size[2] * thick / 2), size, pixel, thick)
    return trunk, field, render_volume(trunk, field, rng)


def _with_even_wedges(trunk: Trunk) -> Trunk:
    """The trunk with fractures whose end-plates drop evenly from the back to the front, as the sample's name says.

    The generator's wedges vary: chance drew this one with as much lost in the middle (30 %) as in front (32 %), as near
    to a biconcave fracture as a wedge can be, and an error of a millimetre made it one.
    """
    vertebrae = tuple(_even(one) if one.fracture else one for one in trunk.spine.vertebrae)
    return replace(trunk, spine=replace(trunk.spine, vertebrae=vertebrae))


def _even(one: SyntheticVertebra) -> SyntheticVertebra:
    shape = one.shape
    return replace(one, shape=replace(shape, upper=_even_plate(shape.upper), lower=_even_plate(shape.lower)))


def _even_plate(plate: EndPlate) -> EndPlate:
    anterior, _, posterior = plate.loss
    return replace(plate, loss=(anterior, (anterior + posterior) / 2, posterior))


def write_sample(folder: Path) -> tuple[Path, Path]:
    """Write the sample as NIfTI (RAS) with its answer key; returns both paths."""
    trunk, field, volume = draw_sample()
    affine = np.diag([-field.pixel_mm, -field.pixel_mm, field.slice_mm, 1.0])
    affine[:3, 3] = field.origin * np.array([-1, -1, 1])
    image = folder / f"{NAME}.nii.gz"
    image.write_bytes(gzip.compress(nib.Nifti1Image(volume, affine).to_bytes(), mtime=0))
    truth = {
        "synthetic": True,
        "file": image.name,
        "sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
        "vertebrae": [asdict(v) for v in answer_key(trunk, field)],
    }
    key = folder / f"{NAME}.truth.json"
    key.write_text(json.dumps(truth, indent=1) + "\n")
    return image, key
