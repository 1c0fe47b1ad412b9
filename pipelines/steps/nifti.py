"""A CT from a NIfTI file."""

import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from pipelines.steps.eligible import MIN_LENGTH_MM
from pipelines.steps.facts import Volume
from pipelines.steps.stack import MAX_SLICE_MM
from vfx_finder.dicom.pixels import AIR_HU
from vfx_finder.domain.study import Reason, Unsuitable

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_ORTHOGONAL = 0.02  # cosine between two axes
_BROKEN = (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, TypeError, zlib.error, OverflowError)


def is_nifti(path: Path) -> bool:
    """Whether the name says NIfTI (.nii, .nii.gz)."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti(path: Path) -> Volume | Unsuitable:
    """The image as a canonical volume, its RAS affine turned to DICOM's LPS; or why it is none.

    A file with neither qform nor sform says nothing about left and right and is not analysed.
    """
    try:
        image = nib.load(path)
        return _wrong(image) or _volume(image)
    except _BROKEN:
        return Unsuitable(Reason.UNREADABLE, "The file is not a readable NIfTI image.")


def _wrong(image: Any) -> Unsuitable | None:
    shape = tuple(image.shape)
    if len(shape) < 3 or any(edge != 1 for edge in shape[3:]) or image.header.get_data_dtype().names:
        return Unsuitable(Reason.INCONSISTENT_GEOMETRY, "The file is not one three-dimensional grey image.")
    if not (image.header.get("qform_code", 1) or image.header.get("sform_code", 1)):
        return Unsuitable(Reason.NO_GEOMETRY, "Neither qform nor sform says where in the body the image lies.")
    axes = image.affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(image.affine).all() or lengths.min() <= 0:
        return Unsuitable(Reason.NO_GEOMETRY, "The affine is not valid.")
    if np.abs(np.triu((axes / lengths).T @ (axes / lengths), 1)).max() > _ORTHOGONAL:
        return Unsuitable(Reason.INCONSISTENT_GEOMETRY, "The axes are not at right angles.")
    return None


def _volume(image: Any) -> Volume | Unsuitable:
    affine = _RAS_TO_LPS @ image.affine
    turn = io_orientation(affine)  # axes growing along x, y, z: in LPS that is Left, Posterior, Superior
    hu = apply_orientation(_hounsfield(image), turn)
    canonical = affine @ inv_ornt_aff(turn, image.shape[:3])
    # stored slice by slice, like a DICOM volume
    hu = np.ascontiguousarray(hu.transpose(2, 1, 0)).transpose(2, 1, 0)
    volume = Volume(hu, canonical, slice_mm=float(np.linalg.norm(canonical[:3, 2])))
    return _too_coarse_or_short(volume) or volume


def _hounsfield(image: Any) -> NDArray[np.int16]:
    """Values as int16, scaled plane by plane so that no float copy of the whole image is made."""
    stored = np.asanyarray(image.dataobj.get_unscaled()).reshape(image.shape[:3])
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    hu = np.empty(stored.shape, np.int16)
    for plane in range(stored.shape[2]):
        values = stored[..., plane].astype(np.float32) * slope + intercept
        hu[..., plane] = np.clip(np.rint(np.nan_to_num(values, nan=AIR_HU)), AIR_HU, np.iinfo(np.int16).max)
    return hu


def _too_coarse_or_short(volume: Volume) -> Unsuitable | None:
    if volume.spacing.max() > MAX_SLICE_MM:
        return Unsuitable(
            Reason.SLICES_TOO_THICK, f"Voxels are {volume.spacing.max():.1f} mm long; at most {MAX_SLICE_MM:g} mm."
        )
    length = volume.spacing[2] * volume.hu.shape[2]
    if length < MIN_LENGTH_MM:
        return Unsuitable(Reason.TOO_SHORT, f"{length:.0f} mm of the body; at least {MIN_LENGTH_MM:g} mm.")
    return None
