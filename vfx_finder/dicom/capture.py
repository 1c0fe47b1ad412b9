"""Pictures with the result burned in, as Secondary Capture images: what every archive and viewer can show.

Secondary Capture Image IOD, PS3.3 A.8.1.
"""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from vfx_finder.dicom.result import RESEARCH, Result, dress, with_type_2
from vfx_finder.domain.delivered import Kind


def secondary_capture(result: Result, rgb: NDArray[np.uint8], number: int = 1) -> Dataset:
    """The n-th key image (from 1) of 8-bit colour pixels [row, column, 3]; its annotation is burned in and says so."""
    image = Dataset()
    image.SOPClassUID, image.Modality = SecondaryCaptureImageStorage, "OT"
    image.ConversionType = "WSD"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.DerivationDescription = f"Straightened sagittal section with findings drawn in, {result.status_words}"
    image.BurnedInAnnotation, image.ContentQualification = "YES", RESEARCH
    image.ImageComments = "Research software. Drawn by software; not for measurement."
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.Rows, image.Columns = rgb.shape[:2]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    data = np.ascontiguousarray(rgb, np.uint8).tobytes()
    image.PixelData = data + b"\0" * (len(data) % 2)
    image.LossyImageCompression = "00"
    dress(image, result, Kind.SC, number)
    return with_type_2(image, ["Laterality", "PatientOrientation"])
