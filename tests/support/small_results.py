"""Small result objects to send, of every kind, without a study behind them."""

from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.support import dicom
from vfx_finder.dicom.sop_classes import sop_class_of
from vfx_finder.domain.delivered import Kind


@dataclass(frozen=True)
class Result:
    """One object: its kind, identity and data set."""

    kind: str
    SOPClassUID: str
    SOPInstanceUID: str
    dataset: Dataset


def result(kind: Kind = Kind.SC, name: str = "one", pixels: int = 64) -> Result:
    """An object of this kind; the same words make the same UID. A frame around bytes: no module of its class."""
    image = dicom.secondary_capture(dicom.Order(name=f"result {name}"))
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = sop_class_of(kind)
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = dicom.stable_uid("result", kind, name)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.Rows, image.Columns, image.SamplesPerPixel = pixels, pixels, 1
    image.PhotometricInterpretation = "MONOCHROME2"
    del image.PlanarConfiguration
    image.PixelData = bytes(pixels * pixels)
    whole = dcmread(BytesIO(dicom.encoded(image)))
    return Result(kind.value, str(whole.SOPClassUID), str(whole.SOPInstanceUID), whole)
