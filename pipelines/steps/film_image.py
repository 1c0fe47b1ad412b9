"""One film as a grey picture: from DICOM (CR, DX, RG) or from an 8- or 16-bit PNG or JPEG."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from pipelines.steps.facts import FloatArray
from vfx_finder.dicom.headers import BROKEN_BYTES, read_dataset, text
from vfx_finder.domain.study import Reason, Unsuitable

PICTURE_ENDS = (".png", ".jpg", ".jpeg")
LEAST_SIDE_PX = 200
DARKEST, BRIGHTEST = 0.01, 0.995
"""Quantiles of the grey values that become black and white: what lies beyond is collimator, letters and metal."""

_LARGEST_PX = 60_000_000
_SPARSE = 7
_BROKEN: tuple[type[Exception], ...] = (
    *BROKEN_BYTES,
    RuntimeError,
    MemoryError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)
_LEAST_MM, _MOST_MM = 0.04, 1.2
CALIBRATED, MAGNIFIED = "calibrated pixel spacing", "detector pixel spacing and magnification"
SURE_SCALES = frozenset({CALIBRATED, MAGNIFIED})
"""How a scale is known that holds at the patient; every other one is that of the detector, or not known."""


@dataclass(frozen=True)
class FilmImage:
    """One film: `grey` [H, W] 0 to 1, bone bright as far as the header tells; `mm_per_pixel` at the patient, None where
    the header does not say; `scale_words` how that was known; `position` the view as the header has it (PS3.3 C.8.7.1:
    LL, RL, AP, PA; or the words of its description), empty where it says nothing; `scout`: a scout view of CT."""

    grey: FloatArray
    mm_per_pixel: float | None
    scale_words: str
    position: str
    scout: bool = False


def is_picture(path: Path) -> bool:
    """Whether the name says PNG or JPEG."""
    return path.name.lower().endswith(PICTURE_ENDS)


def read_film(path: Path) -> FilmImage | Unsuitable:
    """The film in a file, or why it cannot be read."""
    try:
        return _read_picture(path) if is_picture(path) else _read_dicom(path)
    except _BROKEN:
        return Unsuitable(Reason.UNREADABLE, "The pixels of the film cannot be decoded.")


def _read_picture(path: Path) -> FilmImage | Unsuitable:
    with Image.open(path) as opened:
        if opened.width * opened.height > _LARGEST_PX:
            return Unsuitable(Reason.UNREADABLE, "The picture is larger than any film.")
        picture = opened if opened.mode.startswith("I") or opened.mode == "F" else opened.convert("L")
        stored = np.asarray(picture, np.float32)
    return as_film(stored, None, "no scale in the picture", "")


def _read_dicom(path: Path) -> FilmImage | Unsuitable:
    dataset = read_dataset(path, pixels=True)
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        return Unsuitable(Reason.DERIVED, "A colour picture, not a film.")
    if int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0) > _LARGEST_PX:
        return Unsuitable(Reason.UNREADABLE, "The picture is larger than any film.")
    stored = next(iter(iter_pixels(dataset))).astype(np.float32)
    if _is_inverse(dataset):
        stored = stored.max() - stored
    scale, words = scale_of(dataset)
    film = as_film(stored, scale, words, position_of(dataset))
    is_scout = text(dataset, "Modality") == "CT"
    return replace(film, scout=is_scout) if isinstance(film, FilmImage) else film


def as_film(stored: NDArray[np.float32], scale: float | None, words: str, position: str) -> FilmImage | Unsuitable:
    """Stored values [H, W] as a film, black and white at their quantiles; or why they are none."""
    if min(stored.shape) < LEAST_SIDE_PX:
        return Unsuitable(Reason.NO_SPINE, f"A picture of {stored.shape[1]} x {stored.shape[0]} pixels is no film.")
    low, high = np.quantile(stored[::_SPARSE, ::_SPARSE], [DARKEST, BRIGHTEST])
    if high <= low:
        return Unsuitable(Reason.NO_SPINE, "The picture has a single grey value.")
    return FilmImage(np.clip((stored - low) / (high - low), 0, 1).astype(np.float32), scale, words, position)


def _is_inverse(dataset: Dataset) -> bool:
    """MONOCHROME1 shows its lowest value white (PS3.3 C.7.6.3.1.2), and so does an INVERSE presentation (C.11.6)."""
    is_first = text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1"
    return is_first != (text(dataset, "PresentationLUTShape").upper() == "INVERSE" and not is_first)


def scale_of(dataset: Dataset) -> tuple[float | None, str]:
    """Millimetres per pixel at the patient, and how that is known.

    PixelSpacing where it was calibrated (PixelSpacingCalibrationType, PS3.3 10.7), else ImagerPixelSpacing divided by
    EstimatedRadiographicMagnificationFactor, else by the distances to detector and patient, else as it stands at the
    detector, which is 5 to 30 % too large for the patient.
    """
    if text(dataset, "PixelSpacingCalibrationType") and (spacing := _spacing(dataset, "PixelSpacing")):
        return spacing, CALIBRATED
    imager = _spacing(dataset, "ImagerPixelSpacing")
    if imager is None:
        plain = _spacing(dataset, "PixelSpacing")
        return plain, "pixel spacing of the header" if plain else "no scale in the header"
    magnified = _number(dataset, "EstimatedRadiographicMagnificationFactor")
    to_detector, to_patient = (_number(dataset, f"DistanceSourceTo{end}") for end in ("Detector", "Patient"))
    if magnified is None and to_detector and to_patient:
        magnified = to_detector / to_patient
    if magnified is not None and 1.0 <= magnified <= 2.0:
        return imager / magnified, MAGNIFIED
    return imager, "detector pixel spacing, magnification unknown"


def _spacing(dataset: Any, keyword: str) -> float | None:
    value = text(dataset, keyword).split("\\", maxsplit=1)[0]
    try:
        found = float(value)
    except ValueError:
        return None
    return found if _LEAST_MM <= found <= _MOST_MM else None


def _number(dataset: Any, keyword: str) -> float | None:
    try:
        return float(text(dataset, keyword)) or None
    except ValueError:
        return None


def position_of(dataset: Dataset) -> str:
    """ViewPosition, else the words of description and protocol that may tell the view, upper case."""
    said = text(dataset, "ViewPosition").upper()
    if said:
        return said
    names = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription", "StudyDescription")
    return " ".join(filter(None, (text(dataset, name).upper() for name in names)))
