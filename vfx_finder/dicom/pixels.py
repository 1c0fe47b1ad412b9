"""Stored pixel values to Hounsfield units."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from vfx_finder.dicom.geometry import frame_macro
from vfx_finder.dicom.headers import BROKEN_BYTES, read_dataset
from vfx_finder.domain.errors import Unreadable

AIR_HU = -1024
_HIGHEST_HU = 32767
_DECODER_FAILED: tuple[type[Exception], ...] = (*BROKEN_BYTES, RuntimeError, MemoryError)


@dataclass(frozen=True)
class _Padding:
    lowest: int
    highest: int


def hounsfield_frames(path: Path) -> Iterator[NDArray[np.int16]]:
    """Every frame of a CT image as int16 [row, column] in HU, in file order, whatever its transfer syntax.

    Rescale by Modality LUT (PS3.3 C.11.1.1.2); pixel padding (PS3.3 C.7.5.1.1.2) and whatever lies below
    -1024 HU become air, -1024. Raises `Unreadable` for pixels that cannot be decoded.
    """
    dataset = read_dataset(path, pixels=True)
    try:
        padding = _padding(dataset)
        for frame, stored in enumerate(iter_pixels(dataset)):
            rescale = frame_macro(dataset, frame, "PixelValueTransformationSequence")
            yield _hounsfield(stored, float(rescale.RescaleSlope), float(rescale.RescaleIntercept), padding)
    except _DECODER_FAILED:
        raise Unreadable("The pixels of an image cannot be decoded.") from None


def _hounsfield(
    stored: NDArray[np.integer[Any]], slope: float, intercept: float, padding: _Padding | None
) -> NDArray[np.int16]:
    if slope == 1 and intercept.is_integer():
        hu = stored.astype(np.int32) + int(intercept)
    else:
        hu = np.rint(stored.astype(np.float32) * slope + intercept).astype(np.int32)
    if padding is not None:
        hu[(stored >= padding.lowest) & (stored <= padding.highest)] = AIR_HU
    return np.clip(hu, AIR_HU, _HIGHEST_HU).astype(np.int16)


def _padding(dataset: Dataset) -> _Padding | None:
    value = _stored_value(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = _stored_value(dataset, "PixelPaddingRangeLimit")
    ends = (value, value if limit is None else limit)
    return _Padding(min(ends), max(ends))


def _stored_value(dataset: Dataset, keyword: str) -> int | None:
    """A padding element in the pixels' own representation: many writers store it unsigned beside signed pixels."""
    if keyword not in dataset or dataset[keyword].value is None:
        return None
    value = int(dataset[keyword].value)
    bits = int(dataset.get("BitsAllocated") or 16)
    if int(dataset.get("PixelRepresentation") or 0) == 1 and value >= 1 << (bits - 1):
        return value - (1 << bits)
    return value
