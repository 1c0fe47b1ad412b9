"""Small synthetic DICOM datasets with a given geometry, complete enough for DICOM peers to take them for real.

Every builder returns a dataset with file meta information; `write` and `encoded` turn it into bytes. Nothing here is
random: the same arguments give the same UIDs.
"""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmwrite, uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)

AIR_HU = -1000
WATER_HU = 0


@dataclass(frozen=True)
class Person:
    """The patient of a synthetic study. Birth date and age as DICOM writes them; empty = absent from the header."""

    PatientID: str = "SYNTH-0001"
    PatientName: str = "Synthetic^Sixty Eight"
    PatientBirthDate: str = "19580301"
    PatientSex: str = "F"
    PatientAge: str = "068Y"


@dataclass(frozen=True)
class Order:
    """One study: whose, when, what for. `name` makes its UIDs."""

    name: str = "study"
    person: Person = field(default_factory=Person)
    StudyDate: str = "20261102"
    StudyDescription: str = "CT thorax"
    AccessionNumber: str = "A0001"


@dataclass(frozen=True)
class Grid:
    """Where a CT series lies: LPS mm. `spacing` is DICOM PixelSpacing (between rows, between columns).

    `origin` is the ImagePositionPatient of slice 0; slice n lies n * `step` further. `step` need not be normal to
    the image plane (gantry tilt).
    """

    slices: int = 8
    rows: int = 32
    columns: int = 32
    spacing: tuple[float, float] = (1.0, 1.0)
    orientation: tuple[float, ...] = AXIAL
    origin: tuple[float, float, float] = (-16.0, -16.0, 0.0)
    step: tuple[float, float, float] = (0.0, 0.0, 2.0)

    def position(self, number: int) -> list[float]:
        """ImagePositionPatient of this slice."""
        return [float(start + number * move) for start, move in zip(self.origin, self.step, strict=True)]


def stable_uid(*words: object) -> UID:
    """The same words, the same UID."""
    return generate_uid(entropy_srcs=[str(word) for word in words])


def ct_series(
    order: Order | None = None,
    grid: Grid | None = None,
    hu: NDArray[np.int16] | None = None,
    *,
    series: str = "axial",
    **headers: object,
) -> list[FileDataset]:
    """A CT series. `hu` is int16 [slice, row, column] in Hounsfield units (default: a water cylinder in air).

    `headers` overwrite elements of every slice; None removes one.
    """
    order, grid = order or Order(), grid or Grid()
    volume = cylinder(grid) if hu is None else hu
    return [_ct_slice(order, grid, number, volume[number], series, headers) for number in range(len(volume))]


def ct_slice(order: Order | None = None, number: int = 0, **headers: object) -> FileDataset:
    """One slice of the default CT series."""
    return ct_series(order, Grid(slices=number + 1), **headers)[number]


def enhanced_ct(
    order: Order | None = None, grid: Grid | None = None, hu: NDArray[np.int16] | None = None
) -> FileDataset:
    """An Enhanced CT: one multi-frame instance with per-frame positions (DICOM PS3.3 A.38)."""
    order, grid = order or Order(), grid or Grid()
    volume = cylinder(grid) if hu is None else hu
    dataset = _image(order, uid.EnhancedCTImageStorage, "CT", "enhanced", 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    _put_pixels(dataset, volume)
    dataset.NumberOfFrames = len(volume)
    dataset.FrameOfReferenceUID = stable_uid(order.name, "frame of reference")
    dataset.SharedFunctionalGroupsSequence = Sequence([_shared_groups(grid)])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([_frame_groups(grid, n) for n in range(len(volume))])
    return dataset


def mr_slice(order: Order | None = None) -> FileDataset:
    """An MR image, which no listener of this system takes."""
    dataset = _image(order or Order(), uid.MRImageStorage, "MR", "mr", 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    _put_pixels(dataset, cylinder(Grid(slices=1))[0])
    return dataset


def radiograph(order: Order | None = None, sop_class: UID = uid.DigitalXRayImageStorageForPresentation) -> FileDataset:
    """A lateral spine film, CR or DX by its SOP Class; 0.15 mm pixels."""
    modality = "CR" if sop_class == uid.ComputedRadiographyImageStorage else "DX"
    dataset = _image(order or Order(StudyDescription="XR spine"), sop_class, modality, modality, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "SPINE"
    dataset.ViewPosition = "LL"
    dataset.ImagerPixelSpacing = [0.15, 0.15]
    dataset.PhotometricInterpretation = "MONOCHROME2"
    _put_pixels(dataset, np.arange(48 * 24, dtype=np.uint16).reshape(48, 24))
    dataset.PixelIntensityRelationship = "LOG"
    return dataset


def secondary_capture(order: Order | None = None) -> FileDataset:
    """A colour screenshot, such as a scanner's dose report."""
    dataset = _image(order or Order(), uid.SecondaryCaptureImageStorage, "OT", "screen", 1)
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "WSD"
    _put_pixels(dataset, np.full((12, 20, 3), 60, dtype=np.uint8))
    return dataset


def cylinder(grid: Grid) -> NDArray[np.int16]:
    """Water in air, a little brighter slice by slice so that no two are equal; int16 HU [slice, row, column]."""
    row, column = np.mgrid[: grid.rows, : grid.columns]
    inside = np.hypot(row - grid.rows / 2, column - grid.columns / 2) < min(grid.rows, grid.columns) / 3
    plane = np.where(inside, WATER_HU, AIR_HU)
    return (plane[None] + np.arange(grid.slices)[:, None, None]).astype(np.int16)


def recoded(dataset: FileDataset, transfer_syntax: UID) -> FileDataset:
    """The same instance in another transfer syntax, compressed where that is one."""
    if transfer_syntax.is_encapsulated:
        dataset.compress(transfer_syntax, generate_instance_uid=False)
    elif transfer_syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, dtype="<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    return dataset


def encoded(dataset: FileDataset) -> bytes:
    """The whole file: preamble, file meta information as it stands, dataset (DICOM PS3.10 section 7)."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    return buffer.getvalue()


def write(dataset: FileDataset, folder: Path, name: str = "") -> Path:
    """The file in this folder, named by its SOPInstanceUID unless a name is given."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{dataset.SOPInstanceUID}.dcm")
    path.write_bytes(encoded(dataset))
    return path


def write_series(datasets: list[FileDataset], folder: Path) -> list[Path]:
    """One file for each, numbered in the given order."""
    return [write(dataset, folder, f"{number:04d}.dcm") for number, dataset in enumerate(datasets)]


def dataset_bytes(file: bytes) -> bytes:
    """What follows the file meta information: the bytes that travel in a C-STORE."""
    # Group length (0002,0000) UL is the first element after preamble and prefix (DICOM PS3.10 section 7.1).
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def _ct_slice(
    order: Order, grid: Grid, number: int, hu: NDArray[np.int16], series: str, headers: dict[str, object]
) -> FileDataset:
    dataset = _image(order, uid.CTImageStorage, "CT", series, number + 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.KVP = "120"
    dataset.SliceThickness = f"{float(np.linalg.norm(grid.step)):.6g}"
    dataset.ImagePositionPatient = grid.position(number)
    dataset.ImageOrientationPatient = list(grid.orientation)
    dataset.FrameOfReferenceUID = stable_uid(order.name, "frame of reference")
    dataset.PixelSpacing = list(grid.spacing)
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "HU"
    dataset.PatientPosition = "HFS"
    dataset.ConvolutionKernel = "STANDARD"
    _put_pixels(dataset, hu)
    for keyword, value in headers.items():
        _overwrite(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    return dataset


def _overwrite(dataset: Dataset, keyword: str, value: object) -> None:
    if value is not None:
        setattr(dataset, keyword, value)
    elif keyword in dataset:
        delattr(dataset, keyword)


def _image(order: Order, sop_class: UID, modality: str, series: str, number: int) -> FileDataset:
    """Patient, study, series and general image modules, without pixels."""
    instance = stable_uid(order.name, series, number)
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\x00\x01"
    meta.ImplementationClassUID = stable_uid("synthetic modality")
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    for keyword, value in vars(order.person).items():
        _overwrite(dataset, keyword, value or None)
    dataset.StudyInstanceUID = stable_uid(order.name)
    dataset.SeriesInstanceUID = stable_uid(order.name, series)
    dataset.StudyDate, dataset.StudyTime = order.StudyDate, "101500"
    dataset.StudyDescription, dataset.AccessionNumber = order.StudyDescription, order.AccessionNumber
    dataset.StudyID = "1"
    dataset.SeriesDescription, dataset.SeriesNumber = series, 1
    dataset.Modality, dataset.Manufacturer = modality, "Synthetic"
    dataset.InstanceNumber = number
    dataset.ReferringPhysicianName = "Referrer^Synthetic"
    return dataset


def _put_pixels(dataset: Dataset, pixels: NDArray[np.generic]) -> None:
    """Image pixel module. The last axis is colour when the array is 8 bit with three of it."""
    colour = pixels.dtype == np.uint8 and pixels.shape[-1] == 3
    bits = pixels.dtype.itemsize * 8
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.PixelData = pixels.tobytes()


def _shared_groups(grid: Grid) -> Dataset:
    measures, orientation, transform = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = list(grid.spacing)
    measures.SliceThickness = f"{float(np.linalg.norm(grid.step)):.6g}"
    orientation.ImageOrientationPatient = list(grid.orientation)
    transform.RescaleIntercept, transform.RescaleSlope, transform.RescaleType = "0", "1", "HU"
    groups = Dataset()
    groups.PixelMeasuresSequence = Sequence([measures])
    groups.PlaneOrientationSequence = Sequence([orientation])
    groups.PixelValueTransformationSequence = Sequence([transform])
    return groups


def _frame_groups(grid: Grid, number: int) -> Dataset:
    position = Dataset()
    position.ImagePositionPatient = grid.position(number)
    groups = Dataset()
    groups.PlanePositionSequence = Sequence([position])
    return groups
