"""The sagittal reformat as CT images: derived from the analysed series, in its frame of reference.

CT Image IOD, PS3.3 A.3; derived images C.7.6.1.1.2 and C.12.4.1. ROS (2017) and RCR BFCR(21)5 (2021) ask for sagittal
reformats of every cross-sectional study that includes the spine.
"""

from copy import deepcopy

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from vfx_finder.dicom import codes
from vfx_finder.dicom.result import Result, dress, with_type_2
from vfx_finder.dicom.sagittal import Floats, Reformat
from vfx_finder.domain.delivered import Kind

WINDOW_CENTRE, WINDOW_WIDTH = 400.0, 1800.0
"""The bone window that findings are looked at in, HU."""


def reformat_images(result: Result) -> list[Dataset]:
    """The images from the patient's right to the left; none where the result has no reformat."""
    reformat = result.reformat
    if reformat is None or not result.source.FrameOfReferenceUID:
        return []
    return [_image(result, reformat, number) for number in range(len(reformat.hu))]


def _image(result: Result, reformat: Reformat, number: int) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.Modality = CTImageStorage, "CT"
    image.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"]
    _derivation(image, result)
    _plane(image, result, reformat, number)
    _pixels(image, reformat.hu[number])
    dress(image, result, Kind.REFORMAT, number + 1)
    return with_type_2(image, ["Laterality", "PatientPosition", "PositionReferenceIndicator", "KVP",
                               "AcquisitionNumber"])  # fmt: skip


def _derivation(image: Dataset, result: Result) -> None:
    """Every image is made of every slice: the report lists them once, instead of each image again."""
    image.update(deepcopy(result.source.series))
    image.DerivationDescription = "Sagittal reformat, trilinear, 3 mm slab mean"
    image.DerivationCodeSequence = [codes.MULTIPLANAR_REFORMATTING.item]
    image.BurnedInAnnotation = "NO"


def _plane(image: Dataset, result: Result, reformat: Reformat, number: int) -> None:
    image.FrameOfReferenceUID = result.source.FrameOfReferenceUID
    image.ImagePositionPatient = _decimals(reformat.position(number))
    image.ImageOrientationPatient = _decimals(np.concatenate([reformat.along_row, reformat.along_column]))
    image.PixelSpacing = [reformat.pixel_mm, reformat.pixel_mm]
    image.SliceThickness = image.SpacingBetweenSlices = reformat.spacing_mm


def _pixels(image: Dataset, hu: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = hu.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "1", "HU"
    image.WindowCenter, image.WindowWidth = WINDOW_CENTRE, WINDOW_WIDTH
    image.PixelData = np.ascontiguousarray(hu, "<i2").tobytes()


def _decimals(values: Floats) -> list[str]:
    """Decimal strings of at most 16 characters (DS, PS3.5 section 6.2)."""
    return [f"{value + 0.0:.9g}"[:16] for value in values]
