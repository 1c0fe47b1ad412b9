"""What the headers say about one image beyond its identity: kind, kernel, thickness, geometry."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from vfx_finder.dicom.exposure import exposure_of
from vfx_finder.dicom.geometry import Plane, frame_macro, planes_of
from vfx_finder.dicom.headers import BROKEN_BYTES, Header, header_of, read_dataset, text
from vfx_finder.domain.bone_density import NOT_STATED, Exposure
from vfx_finder.domain.errors import Unreadable


@dataclass(frozen=True)
class ImageFacts:
    """One image file: who it is, what kind of image, and where its planes lie (`planes` empty if unknown).

    `image_type` is ImageType, or FrameType of the first frame; `thickness_mm` is SliceThickness, 0 if absent.
    `has_rescale` says whether stored values can become Hounsfield units; `rescale_type` is RescaleType.
    """

    path: Path
    header: Header
    image_type: tuple[str, ...]
    kernel: str
    rescale_type: str
    has_rescale: bool
    thickness_mm: float
    acquisition: int
    series_number: int
    grey: bool
    planes: tuple[Plane, ...]
    exposure: Exposure = NOT_STATED


def read_image_facts(path: Path) -> ImageFacts:
    """The facts of one DICOM file without its pixels. Raises `Unreadable`."""
    dataset = read_dataset(path)
    header = header_of(dataset)
    try:
        return _facts(path, header, dataset)
    except BROKEN_BYTES:
        raise Unreadable("A DICOM header is damaged.") from None


def _facts(path: Path, header: Header, dataset: Dataset) -> ImageFacts:
    rescale = frame_macro(dataset, 0, "PixelValueTransformationSequence")
    return ImageFacts(
        path=path,
        header=header,
        image_type=_image_type(dataset),
        kernel=_kernel(dataset),
        rescale_type=text(rescale, "RescaleType").upper(),
        has_rescale="RescaleSlope" in rescale and "RescaleIntercept" in rescale,
        thickness_mm=_number(text(frame_macro(dataset, 0, "PixelMeasuresSequence"), "SliceThickness")),
        acquisition=int(_number(text(dataset, "AcquisitionNumber"))),
        series_number=int(_number(text(dataset, "SeriesNumber"))),
        grey=int(dataset.get("SamplesPerPixel") or 1) == 1,
        planes=planes_of(dataset),
        exposure=exposure_of(dataset),
    )


def _image_type(dataset: Dataset) -> tuple[str, ...]:
    frame_type = text(frame_macro(dataset, 0, "CTImageFrameTypeSequence"), "FrameType")
    value = frame_type or text(dataset, "ImageType")
    return tuple(part.strip().upper() for part in value.split("\\") if part.strip())


def _kernel(dataset: Dataset) -> str:
    """ConvolutionKernel; its first value is the kernel, further ones are vendor settings (PS3.3 C.8.2.1)."""
    value = text(frame_macro(dataset, 0, "CTReconstructionSequence"), "ConvolutionKernel")
    return value.split("\\", maxsplit=1)[0].strip()


def _number(value: str) -> float:
    try:
        return float(value.split("\\", maxsplit=1)[0])
    except ValueError:
        return 0.0
